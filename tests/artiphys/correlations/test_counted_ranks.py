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


def test_many_draws_are_counted_in_bytes_unless_one_is_too_small():
    n = 70_000
    draws = np.random.default_rng(0).integers(n, size=(2, n))
    assert counted(draws, n).dtype == np.uint8
    np.testing.assert_array_equal(counted(draws, n), [np.bincount(d, minlength=n) for d in draws])
    draws[1, :300] = 5
    np.testing.assert_array_equal(counted(draws, n), [np.bincount(d, minlength=n) for d in draws])


def test_cubes_beyond_64_bits_are_floats(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 300))
    counts = counted(rng.integers(300, size=(10, 300)), 300)
    whole = spearman_of_counts(x, y, counts)
    for name in ("EXACT", "WHOLE"):
        monkeypatch.setattr(counted_ranks, name, 0)
        np.testing.assert_allclose(spearman_of_counts(x, y, counts), whole, rtol=1e-14)


def test_a_resample_of_one_value_has_no_correlation():
    ranks = CountedRanks(np.array([[1.0, 1.0, 2.0], [1.0, 2.0, 3.0]]))
    found = ranks.correlations(np.array([[2, 1, 0], [0, 0, 3], [1, 1, 1]]), [(0, 1), (1, 1)])
    np.testing.assert_allclose(found[0], [np.nan, np.nan, np.sqrt(3) / 2])
    np.testing.assert_allclose(found[1], [1.0, np.nan, 1.0])
