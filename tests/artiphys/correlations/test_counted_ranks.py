"""Ranks by counting: exact, however large the resamples and however often a unit is drawn."""

import numpy as np
import pytest
from scipy import stats

from artiphys.correlations import counted_ranks
from artiphys.correlations.counted_ranks import CountedRanks, counted, spearman_of_counts
from artiphys.correlations.resampling import spearman_resamples


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


@pytest.mark.parametrize("ties", [False, True])
def test_a_unit_may_be_drawn_more_often_than_a_byte_holds(ties):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5))
    y = np.round(y) if ties else y
    indices = rng.choice(5, size=(20, 4000), p=[0.9, 0.04, 0.03, 0.02, 0.01])
    assert counted(indices, 5).dtype == np.uint16
    expected = [stats.spearmanr(x[i], y[i]).statistic for i in indices]
    np.testing.assert_allclose(spearman_resamples(x, y, indices), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_units_beyond_the_cache_are_ranked_in_pieces(monkeypatch, ties):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3, 400))
    rows[1] = np.round(rows[1] / 3) if ties else rows[1]  # most of the units in one piece
    rows[2] = np.round(rows[2], 1) if ties else rows[2]
    draws, pairs = rng.integers(400, size=(20, 400)), [(0, 1), (2, 0), (1, 2)]
    whole = CountedRanks(rows).correlations(counted(draws, 400), pairs)
    for pair, found in zip(pairs, whole, strict=True):
        expected = [stats.spearmanr(*rows[np.ix_(pair, i)]).statistic for i in draws]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    monkeypatch.setattr(counted_ranks, "IN_CACHE", 64)
    pieces = CountedRanks(rows).correlations(counted(draws, 400), pairs)
    np.testing.assert_allclose(pieces, whole, rtol=0, atol=1e-14)
    drawn = CountedRanks(rows).in_drawn(500, pairs, np.random.default_rng(1))
    assert np.abs(drawn.mean(1) - whole.mean(1)).max() < 0.05


def test_ranks_times_counts_beyond_32_bits():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 300))
    counts = counted(rng.integers(300, size=(10, 300)), 300)
    expected = spearman_of_counts(x, y, counts)
    many = spearman_of_counts(x, y, counts.astype(np.uint32) * 1_000_000)
    np.testing.assert_allclose(many, expected, rtol=1e-12)


def test_a_resample_of_one_value_has_no_correlation():
    ranks = CountedRanks(np.array([[1.0, 1.0, 2.0], [1.0, 2.0, 3.0]]))
    found = ranks.correlations(np.array([[2, 1, 0], [0, 0, 3], [1, 1, 1]]), [(0, 1), (1, 1)])
    np.testing.assert_allclose(found[0], [np.nan, np.nan, np.sqrt(3) / 2])
    np.testing.assert_allclose(found[1], [1.0, np.nan, 1.0])
