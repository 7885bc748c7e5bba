"""Rank correlations among many quantities at once, against scipy."""

import numpy as np
import pytest
from scipy import stats

from artiphys.correlations.ranks import (
    partial_correlations,
    rank_correlation,
    rank_correlations,
    t_p_value,
)
from made_up_trials import quantities


@pytest.mark.parametrize("ties", [False, True])
def test_rank_correlations_are_spearmans(ties):
    values, keep = quantities(0, ties=ties)
    found = rank_correlations(values, keep)
    for split in range(3):
        expected = stats.spearmanr(values[split][:, keep[split]], axis=1).statistic
        np.testing.assert_allclose(found[split], expected, rtol=1e-12)


def test_partial_correlations_are_those_of_residuals():
    values, keep = quantities(2)
    keep[:] = True
    found = partial_correlations(rank_correlations(values, keep), 2)[0, 0, 1]
    ranks = stats.rankdata(values[0], axis=1)
    basis = np.column_stack([np.ones(ranks.shape[1]), *ranks[2:]])
    residuals = [r - basis @ np.linalg.lstsq(basis, r, rcond=None)[0] for r in ranks[:2]]
    np.testing.assert_allclose(found, np.corrcoef(residuals)[0, 1], rtol=1e-10)


@pytest.mark.parametrize("ties", [False, True])
def test_the_correlation_of_two_columns_leaves_pairs_with_nan_out(ties):
    values, keep = quantities(5, ties=ties)
    x, y = np.where(keep, values[:, 0], np.nan), values[:, 1]
    found = rank_correlation(x, y)
    for row in range(3):
        expected = stats.spearmanr(x[row][keep[row]], y[row][keep[row]])
        np.testing.assert_allclose(found[row], expected.statistic, rtol=1e-12)
        p_value = t_p_value(float(found[row]), int(keep[row].sum()))
        np.testing.assert_allclose(p_value, expected.pvalue, rtol=1e-12)


def test_two_pairs_or_a_constant_column_have_no_correlation():
    assert np.isnan(rank_correlation(np.array([1.0, 2, np.nan]), np.array([3.0, 1, 2])))
    assert np.isnan(rank_correlation(np.ones(5), np.arange(5.0)))
    assert rank_correlation(np.arange(5.0), np.arange(5.0)) == 1
    assert t_p_value(1.0, 5) == 0
