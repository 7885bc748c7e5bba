r"""Spearman's correlation within bootstrap resamples, by counting.

A resample is held as how often each unit was drawn. The ranks within it are then running sums over
the units in their original order, so that no resample is ever sorted. With N draws, C of them of a
value or lower ones and c of the value itself, a mid-rank less the mean and doubled is 2C - c - N,
a whole number, and the sum of the squares over the draws

.. math:: \tfrac13 \Bigl( N^3 - \sum_v c_v^3 \Bigr)

The products of two ranks are summed over the values of the second, so that what has to be brought
into another order is each unit's rank in the first, times how often the unit was drawn. As these
sum to 0, the second's need not have their mean taken off.
"""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

__all__ = [
    "CountedRanks",
    "counted",
    "resamples_at_once",
    "spearman_of_counts",
    "sums_of_cubes",
]

IN_CACHE = 2**17  # units of the resamples at a time, so that the working arrays stay in cache
SMALL = 2**16  # draws, so few that the counts of a block are in cache anyway
EXACT = 208_063  # draws whose cube is exact as a float
WHOLE = 2**21  # draws whose cube is within 64 bits


def resamples_at_once(n_unit: int) -> int:
    """Return how many resamples are worked on at a time."""
    return max(1, IN_CACHE // max(n_unit, 1))


def counted(indices: np.ndarray, n_unit: int, arrays: "_Arrays | None" = None) -> np.ndarray:
    """Return how often each unit was drawn (resample, unit), of draws (resample, draw)."""
    arrays = arrays or _Arrays()
    bins = arrays("bins", indices.shape, np.intp)
    np.add(indices, n_unit * np.arange(len(indices))[:, None], out=bins)
    # Most counts fit a byte, and a million of these the cache.
    narrow = np.min_scalar_type(indices.shape[1]) if indices.shape[1] < SMALL else np.uint8
    counts = arrays("counts", (len(indices), n_unit), narrow)
    counts.fill(0)
    np.add.at(counts.reshape(-1), bins.reshape(-1), counts.dtype.type(1))
    if indices.shape[1] < SMALL or counts.sum(dtype=np.int64) == indices.size:
        return counts
    return np.bincount(bins.reshape(-1), minlength=counts.size).reshape(counts.shape)


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
        self._of_threads = threading.local()

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
        in_order = self._arrays("of units", counts.shape, counts.dtype)
        np.take(counts, self._units, axis=1, mode="clip", out=in_order)
        return self._correlations(in_order, pairs)

    def correlations_of_draws(
        self,
        draws: Iterable[np.ndarray],
        pairs: Sequence[tuple[int, int]],
        *,
        in_order: bool = False,
    ) -> np.ndarray:
        """Return the correlations (pair, resample), of blocks of draws (resample, draw).

        `in_order` numbers the units in the order of the first row: all the same where they are
        drawn at random.
        """
        found = [np.empty((len(pairs), 0))]
        correlations = self._correlations if in_order else self.correlations
        for block in draws:
            counts = counted(block, self._units.size, self._arrays)
            found.append(correlations(counts, pairs))
        return np.concatenate(found, axis=1)

    @property
    def _arrays(self) -> "_Arrays":
        if not hasattr(self._of_threads, "arrays"):
            self._of_threads.arrays = _Arrays()
        arrays: _Arrays = self._of_threads.arrays
        return arrays

    def _correlations(self, counts: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
        arrays = self._arrays
        weight = arrays("weight", counts.shape, float)
        np.copyto(weight, counts)
        n_draws = (weight @ np.ones(counts.shape[1]))[:, None]
        cubes = sums_of_cubes(weight, n_draws, arrays("weighted", counts.shape, float))
        ranked = [
            order.ranked(counts, n_draws, cubes, arrays, row)
            for row, order in enumerate(self._orders)
        ]
        r, of = np.empty((len(pairs), len(counts))), -1
        for pair, (a, b) in zip(r, pairs, strict=True):
            if a != of:
                weighted, of = self._orders[a].by_unit(ranked[a][0], arrays), a
                weighted -= n_draws
                weighted *= weight
            products = self._orders[b].product(weighted, ranked[b][0], arrays)
            with np.errstate(invalid="ignore"):
                pair[:] = products / (np.sqrt(ranked[a][1]) * np.sqrt(ranked[b][1]))
        return np.clip(r, -1, 1, out=r)  # the roots of a perfect relation may round beyond it


class _Arrays:
    """Working arrays that a thread uses again: new ones of this size would cost half of the time.

    The system clears the memory of each, page by page, before it hands it out.
    """

    def __init__(self) -> None:
        self._held: dict[Any, np.ndarray] = {}

    def __call__(self, name: Any, shape: tuple[int, int], dtype: Any) -> np.ndarray:
        """Return an array with nothing of meaning in it, the same for the same name."""
        held = self._held.get((name, dtype))
        if held is None or held.size < shape[0] * shape[1]:
            held = self._held[name, dtype] = np.empty(shape[0] * shape[1], dtype)
        return held[: shape[0] * shape[1]].reshape(shape)


class _Order:
    """The units in the order of one quantity, and which of them tie."""

    def __init__(self, values: np.ndarray) -> None:
        distinct, self._group = np.unique(values, return_inverse=True)
        self._order = np.argsort(self._group, kind="stable")
        self._in_order = bool((np.diff(self._group) >= 0).all())
        starts = np.searchsorted(self._group[self._order], np.arange(distinct.size))
        self._starts = starts if distinct.size < values.size else None

    def ranked(
        self, counts: np.ndarray, n_draws: np.ndarray, cubes: np.ndarray, arrays: _Arrays, row: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the doubled mid-ranks (resample, value), and the sum of squares about their mean.

        `cubes` is what the cubes of the counts sum to if no two units tie.
        """
        of_values = self._sorted(counts, arrays)
        if self._starts is not None:
            of_values = np.add.reduceat(of_values, self._starts, axis=1, dtype=np.int32)
            cubes = sums_of_cubes(of_values, n_draws)
        ranks = arrays(row, of_values.shape, np.int32)
        np.cumsum(of_values, axis=1, out=ranks)
        ranks += ranks
        ranks -= of_values
        return ranks, (sums_of_cubes(n_draws, n_draws) - cubes) / 3

    def by_unit(self, ranks: np.ndarray, arrays: _Arrays) -> np.ndarray:
        """Return ranks of values as those of the units (resample, unit)."""
        shape = len(ranks), self._group.size
        if self._starts is not None or not self._in_order:
            out = arrays("by unit", shape, ranks.dtype)
            ranks = np.take(ranks, self._group, axis=1, mode="clip", out=out)
        found = arrays("weighted", shape, float)
        np.copyto(found, ranks)
        return found

    def product(self, weighted: np.ndarray, ranks: np.ndarray, arrays: _Arrays) -> np.ndarray:
        """Return the sums (resample) of `weighted` (resample, unit) times the ranks of values."""
        of_values = self._sorted(weighted, arrays)
        if self._starts is not None:
            of_values = np.add.reduceat(of_values, self._starts, axis=1)
        exact = arrays("ranks", ranks.shape, float)
        np.copyto(exact, ranks)
        return np.vecdot(of_values, exact)

    def _sorted(self, of_units: np.ndarray, arrays: _Arrays) -> np.ndarray:
        if self._in_order:
            return of_units
        out = arrays("sorted", of_units.shape, of_units.dtype)
        return np.take(of_units, self._order, axis=1, mode="clip", out=out)


def sums_of_cubes(
    counts: np.ndarray, n_draws: np.ndarray, squares: np.ndarray | None = None
) -> np.ndarray:
    """Return the sum of the cubes of counts (resample, unit), exact while 64 bits hold it.

    `squares` is an array of floats that may be used for the work.
    """
    most = n_draws.max(initial=0)
    c = counts.astype(np.int64 if EXACT < most < WHOLE else float, copy=False)
    return np.vecdot(np.multiply(c, c, out=squares if c.dtype == float else None), c)
