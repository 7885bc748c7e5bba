r"""Spearman's correlation within bootstrap resamples, by counting.

A resample is held as how often each unit was drawn. The ranks within it are then running sums over
the units in their original order, so that no resample is ever sorted. With N draws, C of them of a
value or lower ones and c of the value itself, a mid-rank less the mean and doubled is 2C - c - N,
a whole number, and the sum of the squares over the draws

.. math:: \tfrac13 \Bigl( N^3 - \sum_v c_v^3 \Bigr)
"""

from collections.abc import Sequence

import numpy as np

__all__ = [
    "CountedRanks",
    "counted",
    "resamples_at_once",
    "spearman_of_counts",
    "sums_of_cubes",
]

BLOCK = 256  # resamples at a time, so that the working arrays stay in cache
AT_ONCE = 2**22  # ranks in all of these, so that they fit memory
SMALL = 2**16  # draws, so few that the counts of a block are in cache anyway
EXACT = 208_063  # draws whose cube is exact as a float
WHOLE = 2**21  # draws whose cube is within 64 bits


def resamples_at_once(n_unit: int, n_rows: int = 2) -> int:
    """Return how many resamples of some quantities are worked on at a time."""
    return max(1, min(BLOCK, AT_ONCE // max(n_unit * n_rows, 1)))


def counted(indices: np.ndarray, n_unit: int) -> np.ndarray:
    """Return how often each unit was drawn (resample, unit), of draws (resample, draw)."""
    first = n_unit * np.arange(len(indices))[:, None]
    counts = np.bincount((indices + first).ravel(), minlength=len(indices) * n_unit)
    # A byte a unit nearly always, which stays in cache when gone through in another order.
    largest = indices.shape[1] if indices.shape[1] < SMALL else int(counts.max(initial=0))
    return counts.astype(np.min_scalar_type(largest)).reshape(len(indices), n_unit)


def spearman_of_counts(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation within each resample of the pairs.

    Parameters
    ----------
    x, y : numpy.ndarray, (unit)
        Finite.
    counts : numpy.ndarray of int, (resample, unit)
        How often each unit was drawn; resamples may be of different sizes.

    Returns
    -------
    numpy.ndarray, (resample)
        NaN where a resample is constant in `x` or `y`.
    """
    ranks, step = CountedRanks(np.stack([x, y])), resamples_at_once(x.size)
    blocks = (counts[start : start + step] for start in range(0, len(counts), step))
    return np.concatenate([np.empty(0), *(ranks.correlations(of, [(0, 1)])[0] for of in blocks)])


class CountedRanks:
    """Some quantities of the same units, to be ranked within resamples.

    Parameters
    ----------
    rows : numpy.ndarray, (quantity, unit)
        Finite.
    """

    def __init__(self, rows: np.ndarray) -> None:
        # Units in the order of the first, which then needs no sorting, there or back.
        self._units = np.argsort(rows[0], kind="stable")
        self._orders = [_Order(row[self._units]) for row in rows]

    @property
    def n_rows(self) -> int:
        """How many quantities there are."""
        return len(self._orders)

    def correlations(self, counts: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
        """Return the correlations of pairs of rows within some resamples, at once.

        Parameters
        ----------
        counts : numpy.ndarray of int, (resample, unit)
        pairs : sequence of (int, int)

        Returns
        -------
        numpy.ndarray, (pair, resample)
            NaN where a resample is constant in one of the two.
        """
        counts = np.take(counts, self._units, axis=1, mode="clip")
        n_draws = counts.sum(1, keepdims=True, dtype=np.int64)
        weight = counts.astype(float)
        of_units = sums_of_cubes(weight, n_draws)
        ranked = [order.ranked(counts, n_draws, of_units) for order in self._orders]
        r, weighted, of = np.empty((len(pairs), len(counts))), np.empty(counts.shape), -1
        for pair, (a, b) in zip(r, pairs, strict=True):
            if a != of:
                np.multiply(weight, ranked[a][0], out=weighted)
                of = a
            products = np.vecdot(weighted, ranked[b][0])
            with np.errstate(invalid="ignore"):
                pair[:] = products / (np.sqrt(ranked[a][1]) * np.sqrt(ranked[b][1]))
        return np.clip(r, -1, 1, out=r)  # the roots of a perfect relation may round beyond it


class _Order:
    """The units in the order of one quantity, and which of them tie."""

    def __init__(self, values: np.ndarray) -> None:
        distinct, self._group = np.unique(values, return_inverse=True)
        self._order = np.argsort(self._group, kind="stable")
        self._in_order = bool((np.diff(self._group) >= 0).all())
        starts = np.searchsorted(self._group[self._order], np.arange(distinct.size))
        self._starts = starts if distinct.size < values.size else None

    def ranked(
        self, counts: np.ndarray, n_draws: np.ndarray, of_units: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the doubled mid-ranks, less their mean (resample, unit), and their squares' sum.

        `of_units` is what the cubes of the counts sum to if no two units tie.
        """
        of_values, cubes = counts, of_units
        if not self._in_order:
            of_values = np.take(counts, self._order, axis=1, mode="clip")
        if self._starts is not None:
            of_values = np.add.reduceat(of_values.astype(np.int32), self._starts, axis=1)
            cubes = sums_of_cubes(of_values, n_draws)
        ranks = np.cumsum(of_values, axis=1, dtype=np.int32)
        ranks += ranks
        ranks -= of_values
        ranks -= n_draws.astype(np.int32)
        squares = (sums_of_cubes(n_draws, n_draws) - cubes) / 3
        if self._starts is not None or not self._in_order:
            ranks = np.take(ranks, self._group, axis=1, mode="clip")
        return ranks.astype(float), squares


def sums_of_cubes(counts: np.ndarray, n_draws: np.ndarray) -> np.ndarray:
    """Return the sum of the cubes of counts (resample, unit), exact while 64 bits hold it."""
    most = n_draws.max(initial=0)
    c = counts.astype(np.int64 if EXACT < most < WHOLE else float, copy=False)
    return np.vecdot(c * c, c)
