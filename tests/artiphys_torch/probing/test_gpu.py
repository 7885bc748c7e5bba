"""On a GPU probing answers as on the CPU, to 1e-4; where there is none, nothing is tested."""

import json

import numpy as np
import pytest
import torch
import xarray as xr

from artiphys_torch import layer_inputs, load_alexnet, probe
from artiphys_torch.probing import extent as extent_module
from torch_networks import Residual, chain, photographs

pytestmark = [
    pytest.mark.gpu,
    # In CI too: no machine has one by being set up with care.
    pytest.mark.skipif(
        not torch.cuda.is_available(), reason="no GPU here: probing on one is not tested"
    ),
]

NETWORKS = [
    (chain, ["4", "8"]),
    (Residual, ["two", "out"]),
    (load_alexnet, None),
]


def close(found, expected, relative=1e-4):
    for layer in np.unique(expected.layer):
        one, other = (
            values[(expected.layer == layer).values].values for values in (found, expected)
        )
        assert np.abs(one - other).max() < relative * np.abs(other).max(), layer


@pytest.mark.parametrize("units", ["central", "all"])
@pytest.mark.parametrize(("build", "layers"), NETWORKS)
def test_equal_to_the_cpu(build, layers, units):
    if units == "all":
        layers = layers or {"conv3": "features.6"}
    how = {"layers": layers, "units": units, "progress": False}
    expected = probe(build(), photographs(40), device="cpu", **how)
    found = probe(build(), photographs(40), device="cuda", **how)
    assert found.dtype == expected.dtype == np.float32
    close(found, expected)
    record = json.loads(found.attrs["provenance"])["arguments"]
    assert (record["device"], record["dtype"]) == ("cuda", "float32")


def test_a_session_s_tf32_has_no_say():
    expected = probe(chain(), photographs(9), ["8"], device="cpu", progress=False)
    before = torch.backends.cuda.matmul.allow_tf32
    try:
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.set_float32_matmul_precision("medium")
        close(probe(chain(), photographs(9), ["8"], device="cuda", progress=False), expected)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_where_it_is_asked_for(dtype):
    how = {"layers": ["4", "8"], "device": "cuda", "progress": False}
    single = probe(chain(), photographs(9), **how)
    half = probe(chain(), photographs(9), dtype=dtype, **how)
    assert half.dtype == np.float32
    close(half, single, 0.05)
    assert np.abs(half.values - single.values).max() > 1e-4 * np.abs(single.values).max()


def test_the_same_values_every_time_and_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(extent_module, "CHUNK", 8)
    how = {"layers": ["4", "8"], "device": "cuda", "batch_size": 12, "progress": False}
    expected = probe(chain(), photographs(30), **how)
    found = probe(chain(), photographs(30), out=tmp_path / "r.zarr", **how)
    xr.testing.assert_identical(found, expected)


def test_inputs_too():
    how = {"layer": "4", "progress": False}
    expected = layer_inputs(chain(), photographs(9), device="cpu", **how)
    found = layer_inputs(chain(), photographs(9), device="cuda", **how)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected.values).max())
