"""Spearman's correlation within bootstrap resamples, by counting.

A resample is held as how often each unit was drawn. The ranks within it are then running sums over
the units in their original order, so that no resample is ever sorted. With N draws, C of them of a
value or lower ones and c of the value itself, a mid-rank less the mean and doubled is 2C - c - N,
a whole number. Where no two units tie its squares have one sum over the draws, whatever the
quantity.

The products of two ranks are summed in the order of the second, so that what has to be brought into
another order is each unit's rank in the first, times how often the unit was drawn. All of it goes
through the cache in pieces: some resamples of few units, or some of the units of one resample.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from artiphys.correlations.working_arrays import WorkingArrays, working_arrays

__all__ = ["CountedRanks", "counted", "resamples_at_once", "spearman_of_counts"]

IN_CACHE = 2**17  # units, of one resample or of several, whose working arrays stay in cache


def resamples_at_once(n_unit: int) -> int:
    """Return how many resamples are worked on at a time."""
    return max(1, IN_CACHE // max(n_unit, 1))


def counted(indices: np.ndarray, n_unit: int) -> np.ndarray:
    """Return how often each unit was drawn (resample, unit), of draws (resample, draw)."""
    n, n_draws = indices.shape
    counts = np.zeros((n, n_unit), np.min_scalar_type(n_draws))
    step = resamples_at_once(n_draws)
    with working_arrays() as arrays:
        for start in range(0, n, step):
            _count(indices[start : start + step], counts[start : start + step], arrays)
    return counts


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
    return CountedRanks(np.stack([x, y])).correlations(counts, [(0, 1)])[0]


class _Counts(NamedTuple):
    """How often each unit was drawn in some resamples."""

    of_units: np.ndarray  # (resample, unit)
    n_draws: np.ndarray  # (resample, 1), or (1, 1) if it is always as many


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

    def correlations(self, counts: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
        """Return the correlations of pairs of rows within resamples.

        Parameters
        ----------
        counts : numpy.ndarray of int, (resample, unit)
        pairs : sequence of (int, int)
            Of the rows.

        Returns
        -------
        numpy.ndarray, (pair, resample)
            NaN where a resample is constant in one of the two.
        """
        with working_arrays() as arrays:
            return self._correlations(self._in_order(counts, arrays), pairs, arrays)

    def in_drawn(
        self, n_resamples: int, pairs: Sequence[tuple[int, int]], rng: np.random.Generator
    ) -> np.ndarray:
        """Return the correlations (pair, resample) within resamples that are drawn here."""
        with working_arrays() as arrays:
            drawn = _drawn(n_resamples, self._units.size, rng, arrays)
            return self._correlations(drawn, pairs, arrays)

    def _in_order(self, counts: np.ndarray, arrays: WorkingArrays) -> Iterator[_Counts]:
        """Yield counts of some resamples at a time, units in the order of the first quantity."""
        step = resamples_at_once(self._units.size)
        for start in range(0, max(len(counts), 1), step):
            some = counts[start : start + step]
            in_order = arrays("counts", some.shape, some.dtype)
            np.take(some, self._units, axis=1, mode="clip", out=in_order)
            yield _Counts(in_order, some.sum(1, keepdims=True, dtype=int))

    def _correlations(
        self,
        blocks: Iterable[_Counts],
        pairs: Sequence[tuple[int, int]],
        arrays: WorkingArrays,
    ) -> np.ndarray:
        # Whichever of a pair is the first: what it adds is kept until the other is ranked.
        first, second = np.sort(np.array(pairs, dtype=int).reshape(-1, 2)).T
        sums = [self._sums(block, first, second, arrays) for block in blocks]
        products, squares = (np.concatenate(of, axis=1) for of in zip(*sums, strict=True))
        scale = np.sqrt(np.where(squares > 0, squares, np.nan))
        r = products / (scale[first] * scale[second])
        return np.clip(r, -1, 1, out=r)  # the roots of a perfect relation may round beyond it

    def _sums(
        self, block: _Counts, first: np.ndarray, second: np.ndarray, arrays: WorkingArrays
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return sums over the draws: products (pair, resample), squares (quantity, resample)."""
        counts = block.of_units
        most = int(block.n_draws.max(initial=0)) * int(np.iinfo(counts.dtype).max)
        n_draws = block.n_draws.astype(np.int32 if most < 2**31 else np.int64)  # rank times count
        products = np.zeros((first.size, len(counts)))
        squares = np.zeros((len(self._orders), len(counts)))
        weighted = {row: arrays(("weighted", row), counts.shape, n_draws.dtype) for row in first}
        untied = None  # a quantity without ties, whose sum of squares is that of all such
        for row, order in enumerate(self._orders):
            of_row = np.flatnonzero(second == row)
            known = untied is not None and not order.tied
            if known:
                squares[row] = squares[untied]
            for units, of_units, doubled in order.ranked(counts, n_draws, arrays):
                ranks, exact = (arrays(name, doubled.shape, float) for name in ("ranks", "exact"))
                ranks[:] = doubled
                if row in weighted or not known:
                    doubled *= of_units
                if row in weighted:
                    weighted[row][:, units] = doubled
                if not known:
                    exact[:] = doubled
                    squares[row] += np.vecdot(exact, ranks)
                for pair in of_row:
                    exact[:] = _taken(weighted[first[pair]], units, doubled)
                    products[pair] += np.vecdot(exact, ranks)
            untied = untied if order.tied else row
        return products, squares


class _Part(NamedTuple):
    """Units that follow each other in the order of one quantity, all of any value or none."""

    size: int
    units: np.ndarray | slice  # indices of half the width, as every resample reads them all
    tied: np.ndarray  # those that tie, by their place among these units
    firsts: np.ndarray  # the first that each of them ties with
    lasts: np.ndarray  # and the last


class _Order:
    """The units in the order of one quantity, and which of them tie."""

    def __init__(self, values: np.ndarray) -> None:
        order = np.argsort(values, kind="stable")
        in_order = bool((order[1:] > order[:-1]).all())
        values = values[order]
        starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
        self.tied = starts.size < values.size
        last = np.searchsorted(starts, np.arange(0, values.size, IN_CACHE), side="right") - 1
        self._parts = []
        for begin, end in pairwise([*np.unique(starts[last]).tolist(), values.size]):
            units = slice(begin, end) if in_order else order[begin:end].astype(np.int32)
            first = starts[(starts >= begin) & (starts < end)] - begin
            n = np.diff(first, append=end - begin)
            tied = np.flatnonzero(np.repeat(n > 1, n))
            firsts, lasts = (np.repeat(of[n > 1], n[n > 1]) for of in (first, first + n - 1))
            self._parts.append(_Part(end - begin, units, tied, firsts, lasts))

    def ranked(
        self, counts: np.ndarray, n_draws: np.ndarray, arrays: WorkingArrays
    ) -> Iterator[tuple[np.ndarray | slice, np.ndarray, np.ndarray]]:
        """Yield units in order, their counts (resample, unit), and their ranks.

        Ranks are mid-ranks less the mean, doubled, in an array that may be written to.
        """
        below = None
        for size, units, tied, firsts, lasts in self._parts:
            shape = len(counts), size
            if not isinstance(units, slice):
                wide = arrays("units", (size,), np.intp)
                wide[:] = units
                units = wide
            of_units = _taken(counts, units, arrays("of units", shape, counts.dtype))
            doubled = arrays("doubled", shape, n_draws.dtype)
            np.cumsum(of_units, axis=1, out=doubled)
            if below is not None:
                doubled += below
            below = doubled[:, -1:].copy()
            of_tied = doubled[:, lasts] + (doubled[:, firsts] - of_units[:, firsts])
            doubled += doubled
            doubled -= of_units
            doubled[:, tied] = of_tied
            doubled -= n_draws
            yield units, of_units, doubled


def _drawn(
    n: int, n_unit: int, rng: np.random.Generator, arrays: WorkingArrays
) -> Iterator[_Counts]:
    """Yield the counts of as many draws as there are units, of some resamples at a time."""
    narrow = np.uint16 if n_unit <= 2**16 else np.int32
    step = resamples_at_once(n_unit)
    for start in range(0, n, step):
        # A byte is enough: 256 draws of one unit, if there are as many, are at odds of 1 to 10^500.
        counts = arrays("counts", (min(step, n - start), n_unit), np.uint8)
        counts.fill(0)
        for part in range(0, n_unit, IN_CACHE):
            shape = len(counts), min(IN_CACHE, n_unit - part)
            _count(rng.integers(n_unit, size=shape, dtype=narrow), counts, arrays)
        yield _Counts(counts, np.array([[n_unit]]))


def _count(draws: np.ndarray, counts: np.ndarray, arrays: WorkingArrays) -> None:
    """Add draws (resample, draw) to the counts (resample, unit)."""
    bins = arrays("bins", draws.shape, np.intp)
    np.add(draws, counts.shape[1] * np.arange(len(draws))[:, None], out=bins)
    np.add.at(counts.reshape(-1), bins.reshape(-1), counts.dtype.type(1))


def _taken(values: np.ndarray, units: np.ndarray | slice, out: np.ndarray) -> np.ndarray:
    """Return the values (resample, unit) of some units, in `out` unless they follow each other."""
    if isinstance(units, slice):
        return values[:, units]
    return np.take(values, units, axis=1, mode="clip", out=out)
