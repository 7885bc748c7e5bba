"""Resampling: Spearman's correlation within bootstrap resamples, by counting; intervals, p-values.

A bootstrap resample is held as how often each unit was drawn. The ranks within it are then running
sums over the units in their original order, so that no resample is ever sorted; doubled, they are
whole numbers, so that ties cost no precision either.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from scipy import stats

from artiphys.arguments import Faults, share, whole_number
from artiphys.cores import in_threads
from artiphys.progress import tracked

__all__ = [
    "bootstrap_interval",
    "check_resampling",
    "drawn",
    "leave_one_out",
    "over_columns",
    "permutation_p_value",
    "spearman_of_counts",
    "spearman_resamples",
]

BLOCK = 128  # resamples at a time, so that the working arrays stay in cache
AT_ONCE = 2**21  # units in all of these, so that they fit memory

Column = TypeVar("Column")
Result = TypeVar("Result")


def check_resampling(n_resamples: Any, level: Any, method: Any = "percentile") -> None:
    """Raise InputError unless the arguments of a resampling make sense; every fault is listed."""
    faults = Faults()
    faults.of(whole_number, n_resamples, "n_resamples", 1)
    faults.of(share, level, "level")
    if method not in ("percentile", "BCa"):
        faults.add(f"method must be 'percentile' or 'BCa'; got {method!r}")
    faults.refuse()


def over_columns(
    resampled: Callable[[Column], Result], columns: Sequence[Column], n_unit: int
) -> Iterator[Result]:
    """Yield what resampling makes of each column, columns side by side on all cores."""
    found = in_threads(resampled, columns, numbers=BLOCK * n_unit)
    return tracked(found, unit="position", total=len(columns))


def drawn(n_unit: int, n_resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield bootstrap resamples (resample, draw), which units they drew, some at a time."""
    step = _at_once(n_unit)
    for start in range(0, n_resamples, step):
        size = (min(step, n_resamples - start), n_unit)
        yield rng.integers(n_unit, size=size, dtype=np.int32)


def _at_once(n_unit: int) -> int:
    return max(1, min(BLOCK, AT_ONCE // n_unit))


def spearman_resamples(x: np.ndarray, y: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation within each resample of the pairs.

    Parameters
    ----------
    x, y : numpy.ndarray, (unit)
        Finite.
    indices : numpy.ndarray of int, (resample, draw)
        Which unit was drawn; any number of draws.

    Returns
    -------
    numpy.ndarray, (resample)
        NaN where a resample is constant in `x` or `y`.
    """
    n_resamples, n_draws = indices.shape
    step = _at_once(x.size)
    offsets = x.size * np.arange(min(step, n_resamples))[:, None]

    def counted() -> Iterator[np.ndarray]:
        for start in range(0, n_resamples, step):
            cells = indices[start : start + step] + offsets[: n_resamples - start]
            yield np.bincount(cells.ravel(), minlength=len(cells) * x.size).reshape(-1, x.size)

    return _spearman_in_blocks(x, y, counted(), n_resamples, n_draws)


def spearman_of_counts(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return :func:`spearman_resamples`, of resamples of any sizes.

    Parameters
    ----------
    x, y : numpy.ndarray, (unit)
        Finite.
    counts : numpy.ndarray of int, (resample, unit)
        How often each unit was drawn.
    """
    step = _at_once(x.size)
    blocks = (counts[start : start + step].copy() for start in range(0, len(counts), step))
    return _spearman_in_blocks(x, y, blocks, len(counts), None)


def _spearman_in_blocks(
    x: np.ndarray,
    y: np.ndarray,
    blocks: Iterator[np.ndarray],
    n_resamples: int,
    n_draws: int | None,
) -> np.ndarray:
    """Return the correlations, of counts that are written over; None if draws are to be counted."""
    size = min(_at_once(x.size), n_resamples)
    x_ranks, y_ranks = _RanksInResamples(x, size), _RanksInResamples(y, size)
    r = np.empty(n_resamples)
    for number, counts in enumerate(blocks):
        n = counts.sum(1, keepdims=True) if n_draws is None else n_draws
        x_rank, xx = x_ranks.of(counts, n)
        y_rank, yy = y_ranks.of(counts, n)
        counts *= x_rank
        xy = np.einsum("ru,ru->r", counts, y_rank)
        with np.errstate(invalid="ignore"):
            r[number * size :][: len(counts)] = xy / (np.sqrt(xx) * np.sqrt(yy))
    return np.clip(r, -1, 1)  # the roots of a perfect relation may round beyond it


def permutation_p_value(
    r: float, x: np.ndarray, y: np.ndarray, n_resamples: int, rng: Any
) -> float:
    """Return the two-sided permutation p-value of Spearman's `r` between `x` and `y` (unit)."""
    a, b = _standard_ranks(x), _standard_ranks(y)
    slack = abs(r) * (1 - 1e-12)  # a permutation that gives the very same order counts as equal
    if math.factorial(x.size) <= n_resamples:
        permuted = np.array(list(itertools.permutations(b)))
        return float(np.mean(np.abs(permuted @ a) >= slack))
    n_as_large = 0
    step = _at_once(x.size)
    for start in range(0, n_resamples, step):
        block = np.tile(b, (min(step, n_resamples - start), 1))
        n_as_large += int(np.sum(np.abs(rng.permuted(block, axis=1) @ a) >= slack))
    return (1 + n_as_large) / (1 + n_resamples)


def bootstrap_interval(
    r: float,
    resamples: np.ndarray,
    level: float,
    method: str,
    jackknife: Callable[[], np.ndarray] | None = None,
) -> tuple[float, float]:
    """Return the interval from resamples; `jackknife` gives the leave-one-out values for BCa."""
    resamples = resamples[~np.isnan(resamples)]
    if resamples.size == 0:
        return math.nan, math.nan
    probabilities = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "BCa" and jackknife is not None:
        probabilities = _bca_probabilities(r, resamples, probabilities, jackknife())
        if np.isnan(probabilities).any():
            return math.nan, math.nan
    lower, upper = np.quantile(resamples, probabilities)
    return float(lower), float(upper)


def leave_one_out(n: int) -> np.ndarray:
    """Return the indices of all but each of n units in turn (resample, draw)."""
    others = ~np.eye(n, dtype=bool)
    return np.tile(np.arange(n), (n, 1))[others].reshape(n, n - 1)


class _RanksInResamples:
    """Doubled mid-ranks, less their mean, of some values within resamples that are given as counts.

    Of the N draws of a resample let c be those of one value, and C those of it and all lower ones:
    its mid-rank is C - (c - 1)/2, which less the mean (N + 1)/2 and doubled is 2C - c - N. The
    working arrays are made once: fresh ones for each block would cost more than all the sums.
    """

    def __init__(self, values: np.ndarray, n_resamples: int) -> None:
        distinct, self.group = np.unique(values, return_inverse=True)
        self.order = np.argsort(self.group, kind="stable")
        starts = np.searchsorted(self.group[self.order], np.arange(distinct.size))
        self.starts = starts if distinct.size < values.size else None
        self.per_unit = np.empty((n_resamples, values.size), dtype=np.int64)
        self.per_value = np.empty((n_resamples, distinct.size), dtype=np.int64)
        self.value_ranks = np.empty_like(self.per_value)

    def of(self, counts: np.ndarray, n_draws: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ranks (resample, unit), good until the next call, and their squares' sum."""
        rows = slice(len(counts))
        per_unit, ranks = self.per_unit[rows], self.value_ranks[rows]
        np.take(counts, self.order, axis=1, out=per_unit, mode="clip")
        per_value = per_unit
        if self.starts is not None:
            per_value = np.add.reduceat(per_unit, self.starts, axis=1, out=self.per_value[rows])
        np.cumsum(per_value, axis=1, out=ranks)
        ranks *= 2
        ranks -= per_value
        ranks -= n_draws
        squares = np.einsum("rv,rv,rv->r", per_value, ranks, ranks)
        np.take(ranks, self.group, axis=1, out=per_unit, mode="clip")
        return per_unit, squares


def _standard_ranks(values: np.ndarray) -> np.ndarray:
    ranks = stats.rankdata(values)
    ranks -= ranks.mean()
    return ranks / np.sqrt(ranks @ ranks)


def _bca_probabilities(
    r: float, resamples: np.ndarray, probabilities: np.ndarray, jackknife: np.ndarray
) -> np.ndarray:
    share_below = (np.sum(resamples < r) + np.sum(resamples <= r)) / (2 * resamples.size)
    bias = stats.norm.ppf(share_below)
    deviation = np.mean(jackknife) - jackknife
    spread = np.sum(deviation**2)
    acceleration = np.sum(deviation**3) / (6 * spread**1.5) if spread > 0 else math.nan
    shifted = bias + stats.norm.ppf(probabilities)
    return stats.norm.cdf(bias + shifted / (1 - acceleration * shifted))
