"""Resampling against scipy, resample by resample."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from artiphys import cores
from artiphys.correlations import counted_ranks, resampling
from artiphys.correlations.resampling import (
    bootstrap_interval,
    correlations_in_resamples,
    correlations_without_each,
    permutation_p_values,
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

    keep = np.array([np.delete(np.arange(30), i) for i in range(30)])
    without = correlations_without_each(np.stack([x, y]), [(0, 1)])[0]
    np.testing.assert_array_equal(without, spearman_resamples(x, y, keep))
    ours = bootstrap_interval(r, spearman_resamples(x, y, indices), 0.9, without)

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
    rng = np.random.default_rng(0)
    ours = permutation_p_values(np.array([r]), x, y[None], 20_000, rng).item()
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


def test_columns_share_their_resamples_and_permutations(monkeypatch):
    rng = np.random.default_rng(0)
    x, ys = rng.normal(size=50), rng.normal(size=(3, 50))
    ys[2] = np.round(ys[2])
    monkeypatch.setattr(resampling, "A_TASK", 400)
    monkeypatch.setattr(cores, "n_cores", lambda: 1)
    drawn, draw = [], counted_ranks._drawn

    def noted(*given):
        for counts in draw(*given):
            drawn.extend(counts.of_units.copy())
            yield counts

    monkeypatch.setattr(counted_ranks, "_drawn", noted)
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (3, 1)]
    rows = np.stack([x, *ys])
    together = correlations_in_resamples(rows, pairs, 40, np.random.default_rng(1))
    indices = np.stack([np.repeat(np.argsort(x), counts) for counts in drawn])
    assert indices.shape == (40, 50)
    for of, (a, b) in zip(together, pairs, strict=True):
        expected = [stats.spearmanr(rows[a, i], rows[b, i]).statistic for i in indices]
        np.testing.assert_allclose(of, expected, rtol=0, atol=1e-14)
    r = np.array([stats.spearmanr(x, y).statistic for y in ys])
    p_values = permutation_p_values(r, x, ys, 999, np.random.default_rng(1))
    for y, each, p_value in zip(ys, r, p_values, strict=True):
        alone = permutation_p_values(each[None], x, y[None], 999, np.random.default_rng(1))
        assert alone.item() == p_value


@pytest.mark.parametrize("work", ["resamples", "permutations"])
def test_the_numbers_do_not_hang_on_how_many_cores_there_are(monkeypatch, work):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 400))
    found = []
    for n in (1, 3):
        monkeypatch.setattr(cores, "n_cores", lambda n=n: n)
        own = np.random.default_rng(1)
        if work == "resamples":
            found.append(correlations_in_resamples(np.stack([x, y]), [(0, 1)], 4000, own))
        else:
            r = np.array([0.03])
            found.append(permutation_p_values(r, x, y[None], 4000, own))
    np.testing.assert_array_equal(*found)


def test_a_column_is_the_same_alone_and_beside_columns_that_lack_other_units():
    rng = np.random.default_rng(0)
    x, ys = rng.normal(size=40), rng.normal(size=(4, 40))
    ys[1, :5], ys[2, :5], ys[3] = np.nan, np.nan, 1.0
    together = spearman(*(xr.DataArray(of, dims=("position", "unit")[2 - of.ndim :])
                          for of in (x, ys)), n_resamples=99, rng=0)  # fmt: skip
    for p, y in enumerate(ys):
        alone = spearman(x, y, n_resamples=99, rng=0)
        xr.testing.assert_identical(together.isel(position=p), alone.assign_attrs(together.attrs))


def test_of_many_units_the_t_distribution_is_that_of_permutations(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3000))
    r = np.array([2.0 / np.sqrt(3000)])
    permuted = permutation_p_values(r, x, y[None], 20_000, rng)
    monkeypatch.setattr(resampling, "MANY", 2999)
    by_t = permutation_p_values(r, x, y[None], 20_000, rng)
    assert by_t == pytest.approx(stats.t.sf(r * np.sqrt(2998 / (1 - r**2)), 2998) * 2)
    assert abs(by_t - permuted) < 4 * np.sqrt(0.045 * 0.955 / 20_000)
    assert permutation_p_values(np.ones(1), x, x[None], 10, rng) == 0.0
