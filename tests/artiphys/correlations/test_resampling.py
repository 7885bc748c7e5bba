"""Resampling against scipy, resample by resample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from artiphys.correlations.resampling import (
    bootstrap_interval,
    permutation_p_value,
    spearman_of_counts,
    spearman_resamples,
)
from artiphys.correlations.spearman import spearman


def pairs(seed, n, ties):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = x + rng.normal(size=n)
    return (np.round(x), np.round(2 * y) / 2) if ties else (x, y)


@given(
    seed=st.integers(0, 10**6), n=st.integers(3, 60), ties=st.booleans(), draws=st.integers(2, 90)
)
@settings(max_examples=60, deadline=None)
def test_each_resample_is_scipys(seed, n, ties, draws):
    x, y = pairs(seed, n, ties)
    indices = np.random.default_rng(seed).integers(n, size=(150, draws))
    ours = spearman_resamples(x, y, indices)
    for r, draw in zip(ours, indices, strict=True):
        if np.ptp(x[draw]) == 0 or np.ptp(y[draw]) == 0:
            assert np.isnan(r)
        else:
            assert r == pytest.approx(stats.spearmanr(x[draw], y[draw]).statistic, abs=1e-12)


def test_the_bca_interval_is_scipys_for_the_same_resamples():
    x, y = pairs(4, 30, ties=True)
    indices = np.random.default_rng(0).integers(30, size=(999, 30), dtype=np.int32)
    r = stats.spearmanr(x, y).statistic

    def leave_one_out():
        keep = np.array([np.delete(np.arange(30), i) for i in range(30)])
        return spearman_resamples(x, y, keep)

    ours = bootstrap_interval(r, spearman_resamples(x, y, indices), 0.9, "BCa", leave_one_out)

    class Distribution:  # scipy takes a resampling that has been done already
        bootstrap_distribution = np.array([stats.spearmanr(x[d], y[d]).statistic for d in indices])

    theirs = stats.bootstrap(
        (x, y),
        lambda x, y: stats.spearmanr(x, y).statistic,
        paired=True,
        vectorized=False,
        n_resamples=0,
        bootstrap_result=Distribution,
        method="BCa",
        confidence_level=0.9,
    ).confidence_interval
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("n", [5, 30])
def test_the_p_value_is_scipys_permutation_test(n):
    x, y = pairs(1, n, ties=False)
    r = stats.spearmanr(x, y).statistic
    ours = permutation_p_value(r, x, y, 20_000, np.random.default_rng(0))
    theirs = stats.permutation_test(
        (x,),
        lambda x: stats.spearmanr(x, y).statistic,
        permutation_type="pairings",
        n_resamples=2000,
        rng=1,
    ).pvalue
    assert ours == pytest.approx(theirs, abs=0.02 if n == 30 else 1e-12)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n", [3, 7, 40, 387])
def test_resamples_of_a_perfect_relation_stay_within_one(n, sign):
    x = np.random.default_rng(n).normal(size=n)
    indices = np.random.default_rng(0).integers(n, size=(3000, n), dtype=np.int32)
    resamples = spearman_resamples(x, sign * np.exp(x), indices)
    known = resamples[~np.isnan(resamples)]
    assert np.abs(known).max() <= 1
    np.testing.assert_allclose(known, sign, rtol=1e-12)
    result = spearman(x, sign * np.exp(x), n_resamples=500, rng=0)
    assert (np.abs(result["interval"]) <= 1).all()


def test_counts_of_any_sizes_are_their_draws():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=20), np.round(rng.normal(size=20))
    draws = [rng.integers(20, size=rng.integers(5, 40)) for _ in range(300)]
    counts = np.stack([np.bincount(each, minlength=20) for each in draws])
    before = counts.copy()
    found = spearman_of_counts(x, y, counts)
    expected = [spearman_resamples(x, y, each[None])[0] for each in draws]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(counts, before)
