"""Moments across images against numpy and scipy, unit by unit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from artiphys.estimators.moments import variance_and_correlation


def with_gaps(seed, n_unit=6, n_image=12, n_position=3):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_unit, n_image, n_position)) + 100 * rng.normal(size=(n_unit, 1, 1))
    values[rng.random(values.shape) < 0.15] = np.nan
    return values


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_against_a_loop_over_units(seed):
    values = with_gaps(seed)
    variance, correlation = variance_and_correlation(values, 1)
    for u in range(len(values)):
        reference = values[u, :, 1]
        known = reference[~np.isnan(reference)]
        expected = known.var(ddof=1) if known.size > 1 else np.nan
        np.testing.assert_allclose(variance[u], expected, rtol=1e-10)
        for p in range(3):
            both = ~np.isnan(reference + values[u, :, p])
            expected = np.nan
            if both.sum() > 2:
                expected = stats.pearsonr(reference[both], values[u, both, p]).statistic
            np.testing.assert_allclose(correlation[u, p], expected, rtol=1e-8, atol=1e-12)


def test_float32_is_measured_in_float64():
    values = (1e4 + np.random.default_rng(0).normal(size=(1, 200, 2))).astype("float32")
    variance, _ = variance_and_correlation(values, 0)
    np.testing.assert_allclose(variance, values[:, :, 0].astype(float).var(1, ddof=1), rtol=1e-10)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_an_infinite_response_is_not_a_variance_of_zero():
    values = np.array([[[1.0, 1], [2, 3], [np.inf, 2], [4, 4]]])
    variance, correlation = variance_and_correlation(values, 0)
    assert np.isnan(variance).all()
    assert np.isnan(correlation[0]).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_equal_columns_are_perfectly_invariant_and_their_units_tie(sign):
    """A shift too small to change the canvas: r is 1, and its rounding error ranks no unit."""
    rng = np.random.default_rng(7)
    column = rng.lognormal(size=(500, 1, 1)) * (1 + rng.normal(size=(500, 37, 1)))
    correlation = variance_and_correlation(np.concatenate([column, sign * column], axis=2), 0)[1]
    assert (correlation[:, 1] == sign).all()
    assert np.unique(stats.rankdata(correlation[:, 1])).size == 1
    # The control: numpy's own correlations are spread by rounding, and rank the units.
    plain = [np.corrcoef(unit, sign * unit)[0, 1] for unit in column[:, :, 0] / 3]
    assert np.unique(plain).size > 1


def test_a_correlation_that_is_nearly_perfect_is_not_made_perfect():
    rng = np.random.default_rng(8)
    column = rng.normal(size=(4, 200, 1))
    values = np.concatenate([column, column + 1e-5 * rng.normal(size=column.shape)], axis=2)
    correlation = variance_and_correlation(values, 0)[1][:, 1]
    assert (correlation < 1).all()
    assert (correlation > 1 - 1e-9).all()
