"""Counts may be integers: a quarter of the room, none of them missing, and the same numbers."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import artiphys
from artiphys.errors import SchemaError
from artiphys.signatures.unit_table import unit_table
from environment import missing

TRUTH = artiphys.simulate_responses(n_units=30, n_images=20, n_positions=3, repeats=6, rng=0)
COUNTS = (TRUTH.responses * 0.2).round().assign_attrs(TRUTH.responses.attrs, units="spikes")
MODEL = (TRUTH.truth["rate"] * 7).round().assign_attrs(TRUTH.truth["rate"].attrs)
CALLS = {
    "dynamic range": artiphys.dynamic_range,
    "dynamic range as measured": lambda r: artiphys.dynamic_range(r, noise=None),
    "invariance": artiphys.invariance,
    "best": lambda r: artiphys.invariance(r, reference="best"),
    "translation invariance": artiphys.translation_invariance,
    "signal to noise": artiphys.signal_to_noise,
    "reliability": artiphys.split_half_reliability,
    "square root": artiphys.square_root,
    "table": unit_table,
    "table as measured": lambda r: unit_table(r, noise=None),
    "at large": artiphys.signature,
    "on these images": lambda r: artiphys.signature(r, resample="unit"),
    "corrected": lambda r: artiphys.signature(r, noise="corrected", n_resamples=9, rng=0),
    "covariates": lambda r: artiphys.signature(r, covariates=["mean_response", "n_repeats"]),
    "as the network": lambda r: artiphys.compare(
        MODEL.astype(r.dtype if r.dtype.kind == "f" else "uint16"), r, n_passes=1, rng=0
    ),
    "averages": lambda r: artiphys.signature(
        r.isel(trial=0, drop=True), resample=("image", "unit"), n_resamples=9, rng=0
    ),
}


@pytest.mark.filterwarnings("ignore::artiphys.errors.ArtiphysWarning")
@pytest.mark.parametrize("dtype", ["int16", "uint8"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_integers_are_measured_as_floats_are(call, dtype):
    found, expected = call(COUNTS.astype(dtype)), call(COUNTS.astype(float))
    if isinstance(found, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    else:
        xr.testing.assert_identical(found, expected)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "int64"])
@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_files_keep_them_as_they_are(tmp_path, dtype, suffix):
    if suffix == ".zarr":
        try:
            import zarr  # noqa: F401
        except ImportError:
            missing("the extra 'zarr'")
    counts = (COUNTS - COUNTS.min()).astype(dtype).assign_attrs(COUNTS.attrs)
    counts.values[0] = 0  # no value stands for what is missing
    counts.values[1, 0, 0, 0] = np.iinfo(dtype).max
    artiphys.save_responses(counts, tmp_path / f"counts{suffix}")
    back = artiphys.open_responses(tmp_path / f"counts{suffix}")
    xr.testing.assert_identical(back, counts)
    assert back.dtype == np.dtype(dtype)


def test_truth_values_are_no_counts():
    with pytest.raises(SchemaError, match="or integers, of which none is missing; got bool"):
        artiphys.validate(COUNTS > 3)
