"""Integration: the exact formula, the diagonal one, and the shares of weights."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.integration.weights import (
    diagonal_invariance,
    output_invariance,
    variance_share,
    weight_share,
)


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


@pytest.fixture
def answers():
    """Correlated, skewed inputs to 60 images and to the shifted images, (image, input)."""
    rng = np.random.default_rng(0)
    common = rng.gamma(1.0, size=(60, 3)) @ rng.normal(size=(3, 8))
    return [np.maximum(common + rng.normal(size=(60, 8)), 0) for _ in range(2)]


def covariances(reference, shifted):
    n = reference.shape[1]
    both = np.cov(reference.T, shifted.T)
    return both[:n, :n], both[n:, n:], both[:n, n:]


def test_output_invariance_is_the_measured_one(answers):
    weights = np.random.default_rng(1).normal(size=(5, 8))
    computed = output_invariance(weights, *covariances(*answers))
    for w, value in zip(weights, computed, strict=True):
        measured = np.corrcoef(answers[0] @ w, answers[1] @ w)[0, 1]
        assert value == pytest.approx(measured, abs=1e-12)
        assert output_invariance(w, *covariances(*answers)) == pytest.approx(value, abs=1e-12)


def test_output_invariance_needs_the_covariances_between_inputs(answers):
    weights = np.random.default_rng(1).normal(size=(5, 8))
    reference, shifted, cross = covariances(*answers)
    exact = output_invariance(weights, reference, shifted, cross)
    diagonals = [np.diag(np.diag(matrix)) for matrix in (reference, shifted, cross)]
    assert np.abs(output_invariance(weights, *diagonals) - exact).max() > 0.05


@given(scale=st.floats(0.01, 100), sign=st.sampled_from([-1, 1]))
def test_output_invariance_ignores_the_scale_of_weights(scale, sign):
    rng = np.random.default_rng(3)
    root = rng.normal(size=(6, 9))
    both = root @ root.T
    blocks = both[:3, :3], both[3:, 3:], both[:3, 3:]
    weights = rng.normal(size=3)
    one = output_invariance(weights, *blocks)
    assert output_invariance(sign * scale * weights, *blocks) == pytest.approx(one)
    assert -1 <= one <= 1


def test_output_invariance_keeps_the_labels_of_the_outputs(answers):
    weights = xr.DataArray(
        np.eye(8)[:2], dims=("unit", "input"), coords={"unit": ["a", "b"], "input": range(8)}
    )
    result = output_invariance(weights, *covariances(*answers))
    assert result.dims == ("unit",)
    assert list(result["unit"].values) == ["a", "b"]
    assert result.sel(unit="b") == pytest.approx(
        np.corrcoef(answers[0][:, 1], answers[1][:, 1])[0, 1]
    )


def test_output_invariance_of_a_still_unit_is_nan_and_said():
    eye = np.eye(2)
    with pytest.warns(ArtiphysWarning, match="1 of 2 output units do not vary"):
        result = output_invariance([[0.0, 0.0], [1.0, 0.0]], eye, eye, eye / 2)
    np.testing.assert_array_equal(result, [np.nan, 0.5])


def test_inputs_that_cancel_to_rounding_leave_a_unit_still():
    twice = np.ones((2, 2))
    with pytest.warns(ArtiphysWarning, match="2 of 3 output units do not vary"):
        result = output_invariance(
            [[0.1 + 0.2, -0.3], [1.0, -1.0], [1.0, -0.999]], twice, twice, twice / 2
        )
    np.testing.assert_allclose(result, [np.nan, np.nan, 0.5])


def test_output_invariance_of_impossible_covariances_is_kept_and_said():
    eye = np.eye(2)
    with pytest.warns(ArtiphysWarning, match="1 of 2 output units have an invariance beyond ±1"):
        result = output_invariance(eye, eye, eye, np.diag([3.0, 0.5]))
    np.testing.assert_allclose(result, [3.0, 0.5])
    with pytest.warns(ArtiphysWarning, match="1 of 2 output units have a negative variance"):
        result = output_invariance(eye, np.diag([-1.0, 1.0]), eye, eye)
    np.testing.assert_allclose(result, [np.nan, 1.0])


def test_covariances_that_are_possible_are_not_warned_of(answers, recwarn):
    reference, _, _ = covariances(*answers)
    weights = np.random.default_rng(5).normal(size=(50, 8))
    np.testing.assert_allclose(output_invariance(weights, *[reference] * 3), 1.0)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("weights", "reference", "match"),
    [
        (["a", "b"], np.eye(2), "weights must be real numbers; got dtype <U1"),
        ([1.0, 1.0], [[1.0, None], [None, 1.0]], "cov_reference must be real numbers; got dtype"),
        (np.ones(3), np.eye(2), r"cov_reference must be \(n, n\), n = 3 as in weights"),
        (np.ones(2), np.full((2, 2), np.nan), "cov_reference must be finite; 4 of 4"),
        (np.ones((2, 2, 2)), np.eye(2), r"weights must be \(n\) or \(output, n\); got shape"),
    ],
)
def test_output_invariance_refuses(weights, reference, match):
    n = np.shape(weights)[-1]
    with pytest.raises(InputError, match=match):
        output_invariance(weights, reference, np.eye(n), np.eye(n))


def test_diagonal_approximation_is_exact_for_uncorrelated_inputs():
    rng = np.random.default_rng(2)
    weights, variance, invariance = rng.normal(size=(4, 6)), rng.gamma(2, size=6), rng.random(6)
    matrix = np.diag(variance)
    exact = output_invariance(weights, matrix, matrix, matrix * invariance)
    np.testing.assert_allclose(diagonal_invariance(weights, variance, invariance), exact)
    share = variance_share(weights, variance)
    assert share.shape == (4, 6)
    np.testing.assert_allclose(share.sum(axis=1), 1)
    np.testing.assert_allclose(share @ invariance, exact)


def test_diagonal_approximation_passes_over_silent_inputs():
    assert diagonal_invariance([1.0, 1.0], [2.0, 0.0], [0.5, np.nan]) == pytest.approx(0.5)
    assert np.isnan(diagonal_invariance([0.0, 1.0], [2.0, 0.0], [0.5, np.nan]))


def test_variance_share_keeps_labels():
    weights = xr.DataArray([[1.0, 2.0]], dims=("output", "unit"), coords={"unit": ["a", "b"]})
    assert variance_share(weights, [4.0, 1.0]).sel(unit="b").item() == 0.5


@pytest.mark.parametrize(
    ("variance", "invariance", "match"),
    [
        ([1.0], [0.5, 0.5], r"variance must be \(n\), n = 2 as in weights; got shape \(1,\)"),
        ([1.0, -1.0], [0.5, 0.5], "variance must be at least 0; got -1"),
        ([1.0, 1.0], [0.5, np.nan], "invariance, where variance is above 0, must be finite"),
    ],
)
def test_diagonal_approximation_refuses(variance, invariance, match):
    with pytest.raises(InputError, match=match):
        diagonal_invariance([1.0, 1.0], variance, invariance)
