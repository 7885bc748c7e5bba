"""Integration: the exact formula, the diagonal one, and the shares of weights."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.integration import weight_share


def test_weight_share_of_known_kernels():
    weights = np.zeros((2, 3, 2, 2))
    weights[0, 0], weights[0, 1] = 1.0, -3.0
    weights[1, 2] = 7.0
    np.testing.assert_allclose(weight_share(weights), [0.125, 0.375, 0.5])


def test_weight_share_matches_a_loop():
    weights = np.random.default_rng(0).normal(size=(5, 4, 3, 3))
    expected = np.zeros(4)
    for kernel in weights:
        each = np.array([np.abs(channel).sum() for channel in kernel])
        expected += each / each.sum() / len(weights)
    np.testing.assert_allclose(weight_share(weights), expected)


@given(
    weights=hnp.arrays(float, (3, 4, 2), elements=st.floats(0.1, 10)),
    scale=hnp.arrays(float, (3, 1, 1), elements=st.floats(0.1, 10)),
)
def test_weight_share_ignores_sign_and_each_output_units_scale(weights, scale):
    share = weight_share(weights)
    assert share.sum() == pytest.approx(1)
    np.testing.assert_allclose(weight_share(-weights * scale), share)


def test_weight_share_of_one_output_unit():
    np.testing.assert_allclose(weight_share([1.0, -3.0]), [0.25, 0.75])


def test_weight_share_keeps_the_labels_of_the_inputs():
    weights = xr.DataArray(
        np.ones((2, 3, 1)),
        dims=("output", "unit", "x"),
        coords={"unit": ["a", "b", "c"], "area": ("unit", ["v"] * 3), "output": [0, 1]},
    )
    share = weight_share(weights)
    assert share.dims == ("unit",)
    assert list(share["unit"].values) == ["a", "b", "c"]
    assert set(share.coords) == {"unit", "area"}


def test_weight_share_leaves_out_dead_output_units_and_says_so():
    with pytest.warns(ArtiphysWarning, match="1 of 2 output units have only zero weights"):
        share = weight_share([[0.0, 0.0], [1.0, 3.0]])
    np.testing.assert_allclose(share, [0.25, 0.75])


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (np.zeros((2, 3)), "weights must not all be zero"),
        ([[1.0, np.nan]], "weights must be finite; 1 of 2 are NaN or infinite"),
        (np.empty((2, 0)), r"weights must have at least one dim and one value; got shape \(2, 0\)"),
        (1.0, r"got shape \(\)"),
    ],
)
def test_weight_share_refuses(weights, match):
    with pytest.raises(InputError, match=match):
        weight_share(weights)
