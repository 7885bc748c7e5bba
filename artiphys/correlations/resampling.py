"""Resampling: of units with replacement, of pairs by permutation; intervals and p-values."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from scipy import stats

from artiphys.arguments import Faults, share, whole_number
from artiphys.cores import in_threads
from artiphys.correlations.counted_ranks import (
    CountedRanks,
    counted,
    resamples_at_once,
    spearman_of_counts,
)
from artiphys.correlations.working_arrays import working_arrays
from artiphys.progress import tracked

__all__ = [
    "MANY",
    "ROUNDING",
    "bootstrap_interval",
    "check_resampling",
    "correlations_in_resamples",
    "correlations_without_each",
    "over_columns",
    "permutation_p_values",
    "spearman_resamples",
    "sum_over_permutations",
    "t_p_values",
]

A_TASK = 2**19  # units in the resamples of one task, which is then worth a thread
MANY = 100_000  # units, of which the t distribution says more than permutations: they differ more
ROUNDING = 1e-12  # of a correlation
ENUMERATED = 12  # units whose permutations may be few enough to go through them all

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
    found = in_threads(resampled, columns, numbers=resamples_at_once(n_unit) * n_unit)
    return tracked(found, unit="position", total=len(columns))


def _tasks(
    n_unit: int, n_resamples: int, rng: np.random.Generator
) -> list[tuple[int, np.random.SeedSequence]]:
    """Return how many resamples each task has, and the seed that it draws them with.

    Each draws for itself, so that the cores share this too, however many there are.
    """
    step = max(1, A_TASK // max(n_unit, 1))
    sizes = [min(step, n_resamples - start) for start in range(0, n_resamples, step)]
    seeds = np.random.SeedSequence(rng.integers(2**32, size=4).tolist()).spawn(len(sizes))
    return list(zip(sizes, seeds, strict=True))


def correlations_in_resamples(
    rows: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    n_resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return Spearman's correlations of pairs of rows within the same bootstrap resamples.

    Parameters
    ----------
    rows : numpy.ndarray, (quantity, unit)
        Finite.
    pairs : sequence of (int, int)
        Of the rows.
    n_resamples : int
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, (pair, resample)
        NaN where a resample is constant in one of the two.
    """
    ranks, n_unit = CountedRanks(rows), rows.shape[1]

    def of_task(task: tuple[int, np.random.SeedSequence]) -> np.ndarray:
        return ranks.in_drawn(task[0], pairs, np.random.default_rng(task[1]))

    # Not as a list: a cluster would be sent it, and resamples are counted faster than sent.
    tasks = iter(_tasks(n_unit, n_resamples, rng))
    found = in_threads(of_task, tasks, numbers=n_resamples * n_unit)
    blocks = tracked(found, unit="resample", total=n_resamples, size=lambda r: r.shape[1])
    return np.concatenate(list(blocks), axis=1)


def correlations_without_each(rows: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return the correlations of pairs of rows with each unit left out (pair, unit)."""
    n_unit = rows.shape[1]
    counts = np.ones((n_unit, n_unit), dtype=np.uint8) - np.eye(n_unit, dtype=np.uint8)
    return CountedRanks(rows).correlations(counts, pairs)


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
    return spearman_of_counts(x, y, counted(indices, x.size))


def permutation_p_values(
    r: np.ndarray, x: np.ndarray, ys: np.ndarray, n_resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Return two-sided permutation p-values (column) of Spearman's correlations.

    With more than :data:`MANY` units they are those of the t distribution.

    Parameters
    ----------
    r : numpy.ndarray, (column)
        The correlations.
    x, ys : numpy.ndarray, (unit) and (column, unit)
        Finite. The same permutations serve every column.
    n_resamples : int
        How many permutations are drawn, unless there are no more than that.
    rng : numpy.random.Generator
    """
    if x.size > MANY:
        return t_p_values(r, x.size - 2)
    a, n_unit = _standard_ranks(x), x.size
    columns = [_standard_ranks(y) for y in ys]
    slack = np.abs(r)[:, None] - ROUNDING  # the very same order counts as equal

    def n_as_large(permuted: np.ndarray) -> np.ndarray:
        products = np.stack([permuted @ b for b in columns])
        return (np.abs(products) >= slack).sum(1)

    if n_unit <= ENUMERATED and math.factorial(n_unit) <= n_resamples:
        permuted = np.array(list(itertools.permutations(a)))
        return n_as_large(permuted) / len(permuted)
    n_found = sum_over_permutations(n_as_large, a, n_resamples, rng)
    return (1 + n_found) / (1 + n_resamples)


def t_p_values(r: Any, freedom: int) -> Any:
    """Return two-sided p-values of correlations by the t distribution, of many units."""
    with np.errstate(divide="ignore"):  # a perfect relation
        t = np.abs(r) * np.sqrt(freedom / (1 - np.square(r)))
    return 2 * stats.t.sf(t, freedom)


def sum_over_permutations(
    work: Callable[[np.ndarray], np.ndarray],
    values: np.ndarray,
    n_resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the sum of what `work` makes of the values in random orders (permutation, unit)."""

    def of_task(task: tuple[int, np.random.SeedSequence]) -> np.ndarray:
        n, own = task[0], np.random.default_rng(task[1])
        step, found = resamples_at_once(values.size), []
        with working_arrays() as arrays:
            permuted = arrays("permuted", (min(step, n), values.size), values.dtype)
            permuted[:] = values
            for start in range(0, n, step):
                permuted = permuted[: n - start]
                own.permuted(permuted, axis=1, out=permuted)  # any order is as good to begin with
                found.append(work(permuted))
        return np.sum(found, axis=0)

    tasks = _tasks(values.size, n_resamples, rng)  # not sent as a list, like those of resamples
    found = in_threads(of_task, iter(tasks), numbers=n_resamples * values.size)
    return np.sum(list(tracked(found, unit="block", total=len(tasks))), axis=0)


def bootstrap_interval(
    r: float, resamples: np.ndarray, level: float, without: np.ndarray | None = None
) -> tuple[float, float]:
    """Return the percentile interval; the BCa one, of the values `without` each unit in turn."""
    resamples = resamples[~np.isnan(resamples)]
    if resamples.size == 0:
        return math.nan, math.nan
    probabilities = np.array([(1 - level) / 2, (1 + level) / 2])
    if without is not None:
        probabilities = _bca_probabilities(r, resamples, probabilities, without)
        if np.isnan(probabilities).any():
            return math.nan, math.nan
    lower, upper = np.quantile(resamples, probabilities)
    return float(lower), float(upper)


def _standard_ranks(values: np.ndarray) -> np.ndarray:
    ranks = stats.rankdata(values)
    ranks -= ranks.mean()
    return ranks / np.sqrt(ranks @ ranks)


def _bca_probabilities(
    r: float, resamples: np.ndarray, probabilities: np.ndarray, without: np.ndarray
) -> np.ndarray:
    share_below = (np.sum(resamples < r) + np.sum(resamples <= r)) / (2 * resamples.size)
    bias = stats.norm.ppf(share_below)
    deviation = np.mean(without) - without
    spread = np.sum(deviation**2)
    acceleration = np.sum(deviation**3) / (6 * spread**1.5) if spread > 0 else math.nan
    shifted = bias + stats.norm.ppf(probabilities)
    with np.errstate(invalid="ignore"):  # an estimate beyond all of its resamples
        return stats.norm.cdf(bias + shifted / (1 - acceleration * shifted))
