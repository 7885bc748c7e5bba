"""Bootstrap of Spearman's correlation against scipy's vectorised one, in one run.

Equal for the same resamples first; then both draw their own. One core by the time of the processor,
all cores by the clock, which a machine that does other work lengthens.

python benchmarks/spearman.py
"""

import os
import time
from unittest import mock

import numpy as np
from scipy import stats

from artiphys.correlations.resampling import correlations_in_resamples, spearman_resamples

ONE_CORE = {"LOKY_MAX_CPU_COUNT": "1"}


def main(n_units: int = 384, n_resamples: int = 10_000, n_rounds: int = 7) -> float:
    """Print and return how many times faster one core is than scipy, medians of the rounds."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=n_units)
    y = x + rng.normal(size=n_units)
    check_equal(x, y, n_resamples)
    seconds = np.array([_round(x, y, n_resamples) for _ in range(n_rounds)])
    theirs_s, one_core, all_cores = np.median(seconds, axis=0)
    print(
        f"{n_resamples} resamples of {n_units} units: scipy {theirs_s:.3f} s; here on one core "
        f"{one_core:.3f} s, {theirs_s / one_core:.1f} times faster; on all cores {all_cores:.3f} s "
        f"by the clock, {theirs_s / all_cores:.1f} times"
    )
    return float(theirs_s / one_core)


def check_equal(x: np.ndarray, y: np.ndarray, n_resamples: int) -> None:
    """Raise AssertionError unless the resamples that scipy draws have its correlations here."""
    draws = np.random.default_rng(1).integers(x.size, size=(n_resamples, x.size))
    theirs = scipys_resamples(x, y, n_resamples)
    np.testing.assert_allclose(spearman_resamples(x, y, draws), theirs, rtol=0, atol=1e-12)


def resamples(x: np.ndarray, y: np.ndarray, n_resamples: int) -> np.ndarray:
    """Spearman's correlation (resample) within the bootstrap resamples that a signature draws."""
    rows = np.stack([x, y])
    return correlations_in_resamples(rows, [(0, 1)], n_resamples, np.random.default_rng(1))[0]


def _round(x: np.ndarray, y: np.ndarray, n_resamples: int) -> tuple[float, float, float]:
    start = time.process_time()
    scipys_resamples(x, y, n_resamples)
    theirs = time.process_time() - start
    with mock.patch.dict(os.environ, ONE_CORE):
        start = time.process_time()
        resamples(x, y, n_resamples)
        one_core = time.process_time() - start
    start = time.perf_counter()
    resamples(x, y, n_resamples)
    return theirs, one_core, time.perf_counter() - start


def scipys_resamples(x: np.ndarray, y: np.ndarray, n_resamples: int) -> np.ndarray:
    """Spearman's correlation (resample) within the bootstrap resamples that scipy draws."""
    return stats.bootstrap(
        (x, y),
        spearman_along,
        paired=True,
        vectorized=True,
        n_resamples=n_resamples,
        method="percentile",
        rng=np.random.default_rng(1),
    ).bootstrap_distribution


def spearman_along(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
    """Spearman's correlation along an axis; scipy.stats.spearmanr cannot pair along one."""
    a, b = (stats.rankdata(values, axis=axis) for values in (x, y))
    a = a - a.mean(axis=axis, keepdims=True)
    b = b - b.mean(axis=axis, keepdims=True)
    return (a * b).sum(axis) / np.sqrt((a**2).sum(axis) * (b**2).sum(axis))


if __name__ == "__main__":
    main()
