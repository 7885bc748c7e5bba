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

from collections.abc import Iterator, Sequence
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
        with working_arrays() as arrays:
            in_order = arrays("counts", counts.shape, counts.dtype)
            np.take(counts, self._units, axis=1, mode="clip", out=in_order)
            n_draws = counts.sum(1, keepdims=True, dtype=int)
            return _correlations(*self._sums(in_order, n_draws, pairs, arrays), pairs)

    def in_drawn(
        self, n_resamples: int, pairs: Sequence[tuple[int, int]], rng: np.random.Generator
    ) -> np.ndarray:
        """Return the correlations (pair, resample) within resamples of as many units, drawn here.

        They are worked on as many at a time as :func:`resamples_at_once` says.
        """
        n_unit, step, sums = self._units.size, resamples_at_once(self._units.size), []
        with working_arrays() as arrays:
            for start in range(0, n_resamples, step):
                # A byte is enough: no unit will be drawn 256 times, at odds of 1 to 10^500.
                counts = arrays("counts", (min(step, n_resamples - start), n_unit), np.uint8)
                _draw(counts, rng, arrays)
                sums.append(self._sums(counts, np.array([[n_unit]]), pairs, arrays))
        products, squares = (np.concatenate(of, axis=1) for of in zip(*sums, strict=True))
        return _correlations(products, squares, pairs)

    def _sums(
        self,
        counts: np.ndarray,
        n_draws: np.ndarray,
        pairs: Sequence[tuple[int, int]],
        arrays: WorkingArrays,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return sums over the draws: products (pair, resample), squares (quantity, resample).

        The counts are of the units in the order of the first quantity.
        """
        most = int(n_draws.max(initial=0)) * int(np.iinfo(counts.dtype).max)
        n_draws = n_draws.astype(np.int32 if most < 2**31 else np.int64)  # for ranks times counts
        products = np.zeros((len(pairs), len(counts)))
        squares = np.zeros((len(self._orders), len(counts)))
        firsts = {min(pair) for pair in pairs}
        weighted = {row: arrays(("weighted", row), counts.shape, n_draws.dtype) for row in firsts}
        untied = None  # a quantity without ties, whose sum of squares is that of all such
        for row, order in enumerate(self._orders):
            seconds = [(of, min(pair)) for of, pair in enumerate(pairs) if max(pair) == row]
            summed = untied is not None and not order.tied
            if summed:
                squares[row] = squares[untied]
            for units, of_units, doubled in order.ranked(counts, n_draws, arrays):
                ranks, exact = (arrays(name, doubled.shape, float) for name in ("ranks", "exact"))
                ranks[:] = doubled
                if row in firsts or not summed:
                    doubled *= of_units
                if row in firsts:
                    weighted[row][:, units] = doubled
                if not summed:
                    exact[:] = doubled
                    squares[row] += np.vecdot(exact, ranks)
                for of, first in seconds:
                    exact[:] = _taken(weighted[first], units, doubled)
                    products[of] += np.vecdot(exact, ranks)
            untied = untied if order.tied else row
        return products, squares


class _Part(NamedTuple):
    """Units that follow each other in the order of one quantity, all of any value or none."""

    size: int
    units: np.ndarray | slice  # indices of half the width, as every resample reads them all
    starts: np.ndarray | None  # (value), among these units; None if no two of the quantity tie


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
            own = starts[(starts >= begin) & (starts < end)] - begin
            self._parts.append(_Part(end - begin, units, own if self.tied else None))

    def ranked(
        self, counts: np.ndarray, n_draws: np.ndarray, arrays: WorkingArrays
    ) -> Iterator[tuple[np.ndarray | slice, np.ndarray, np.ndarray]]:
        """Yield units in order, their counts (resample, unit), and their ranks.

        Ranks are mid-ranks less the mean, doubled, in an array that may be written to.
        """
        below = None
        for size, units, starts in self._parts:
            shape = len(counts), size
            if not isinstance(units, slice):
                wide = arrays("units", (size,), np.intp)
                wide[:] = units
                units = wide
            of_units = _taken(counts, units, arrays("of units", shape, counts.dtype))
            of_values = of_units
            if starts is not None:
                of_values = np.add.reduceat(of_units, starts, axis=1, dtype=n_draws.dtype)
            doubled = arrays("doubled", of_values.shape, n_draws.dtype)
            np.cumsum(of_values, axis=1, out=doubled)
            if below is not None:
                doubled += below
            below = doubled[:, -1:].copy()
            doubled += doubled
            doubled -= of_values
            doubled -= n_draws
            if starts is not None:
                doubled = np.repeat(doubled, np.diff(starts, append=size), axis=1)
            yield units, of_units, doubled


def _correlations(
    products: np.ndarray, squares: np.ndarray, pairs: Sequence[tuple[int, int]]
) -> np.ndarray:
    scale = np.sqrt(np.where(squares > 0, squares, np.nan))
    of_pair = np.array(pairs)
    r = products / (scale[of_pair[:, 0]] * scale[of_pair[:, 1]])
    return np.clip(r, -1, 1, out=r)  # the roots of a perfect relation may round beyond it


def _draw(counts: np.ndarray, rng: np.random.Generator, arrays: WorkingArrays) -> None:
    """Set the counts (resample, unit) to those of as many draws as there are units."""
    counts.fill(0)
    n, n_unit = counts.shape
    narrow = np.uint16 if n_unit <= 2**16 else np.int32
    for start in range(0, n_unit, IN_CACHE):
        shape = n, min(IN_CACHE, n_unit - start)
        _count(rng.integers(n_unit, size=shape, dtype=narrow), counts, arrays)


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
