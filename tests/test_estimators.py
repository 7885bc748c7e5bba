"""Dynamic range and invariance of responses as they were measured, against numpy and scipy."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from artiphys.errors import InputError
from artiphys.estimators import dynamic_range, invariance
from artiphys.moments_across_images import moments_across_images


def with_gaps(seed, n_unit=6, n_image=12, n_position=3):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_unit, n_image, n_position)) + 100 * rng.normal(size=(n_unit, 1, 1))
    values[rng.random(values.shape) < 0.15] = np.nan
    return values


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_against_a_loop_over_units(seed):
    values = with_gaps(seed)
    variance, correlation = moments_across_images(values, 1)
    for u in range(len(values)):
        reference = values[u, :, 1]
        known = reference[~np.isnan(reference)]
        expected = known.var(ddof=1) if known.size > 1 else np.nan
        np.testing.assert_allclose(variance[0, u], expected, rtol=1e-10)
        for p in range(3):
            both = ~np.isnan(reference + values[u, :, p])
            expected = np.nan
            if both.sum() > 2:
                expected = stats.pearsonr(reference[both], values[u, both, p]).statistic
            np.testing.assert_allclose(correlation[0, u, p], expected, rtol=1e-8, atol=1e-12)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_counts_say_what_repeated_images_say(seed):
    values = with_gaps(seed)
    draw = np.random.default_rng(seed).integers(12, size=12)
    counts = np.bincount(draw, minlength=12)[None]
    for ours, loop in zip(
        moments_across_images(values, 0, counts),
        moments_across_images(values[:, draw], 0),
        strict=True,
    ):
        np.testing.assert_allclose(ours, loop, rtol=1e-8, atol=1e-10)


def test_labels_and_attrs(make_responses):
    responses = make_responses(np.random.default_rng(0).normal(size=(4, 9, 3)))
    spread, carried = dynamic_range(responses), invariance(responses)
    assert spread.dims == ("unit",)
    assert carried.dims == ("unit", "position")
    assert carried["position"].values.tolist() == [1, 2]
    assert {"area", "source"} <= set(spread.coords)
    assert {"area", "source", "x", "y"} <= set(carried.coords)
    assert spread.attrs["units"] == "(a.u.)²"
    assert spread.attrs["reference"] == carried.attrs["reference"] == 0
    other = invariance(responses, reference=2)
    assert other["position"].values.tolist() == [0, 1]
    np.testing.assert_allclose(other.sel(position=0), carried.sel(position=2), rtol=1e-12)


@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100), shift=st.floats(-100, 100))
@settings(max_examples=20, deadline=None)
def test_scale_shift_order_of_images_and_of_dims(seed, scale, shift):
    rng = np.random.default_rng(seed)
    responses = xr.DataArray(
        rng.normal(size=(3, 10, 2)),
        dims=("unit", "image", "position"),
        coords={"position": ["middle", "left"]},
        attrs={"reference": "middle"},
    )
    changed = (scale * responses + shift).assign_attrs(responses.attrs)
    changed = changed.isel(image=rng.permutation(10)).transpose("position", "unit", "image")
    np.testing.assert_allclose(
        dynamic_range(changed), scale**2 * dynamic_range(responses), rtol=1e-9
    )
    np.testing.assert_allclose(invariance(changed), invariance(responses), rtol=1e-8, atol=1e-10)


def test_what_is_undefined_is_nan_and_counted(make_responses):
    values = np.random.default_rng(0).normal(size=(5, 8, 2))
    values[0, :, :] = 0.1  # constant: its variance is 0, its invariance undefined
    values[1, :, 1] = 0.3  # constant away from the reference
    values[2] = np.nan
    values[3, 2:, 0] = np.nan  # two images at the reference
    responses = make_responses(values)
    spread, carried = dynamic_range(responses), invariance(responses)
    assert spread[0] == 0
    assert np.isnan(spread.values).tolist() == [False, False, True, False, False]
    assert np.isnan(carried.values[:, 0]).tolist() == [True, True, True, True, False]
    assert (spread.attrs["n_undefined"], carried.attrs["n_undefined"]) == (1, 4)


def test_float32_is_measured_in_float64():
    values = (1e4 + np.random.default_rng(0).normal(size=(1, 200, 2))).astype("float32")
    variance, _ = moments_across_images(values, 0)
    np.testing.assert_allclose(
        variance[0], values[:, :, 0].astype(float).var(1, ddof=1), rtol=1e-10
    )


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (lambda r: invariance(r.isel(position=[0])), "at least 2 values to measure invariance"),
        (lambda r: dynamic_range(r, reference=9), "9 is not among the positions"),
        (lambda r: dynamic_range(r, noise="none"), "noise must be None, 'auto'"),
        (lambda r: invariance(r, noise="corrected"), "must have a 'trial' dim"),
        (lambda r: dynamic_range(r.rename(image="frame")), "must have the dims"),
        (lambda r: dynamic_range(r.values), "must be an xarray.DataArray; got ndarray"),
    ],
)
def test_bad_input(make_responses, call, fault):
    with pytest.raises(InputError, match=fault):
        call(make_responses(np.random.default_rng(0).normal(size=(2, 5, 2))))
