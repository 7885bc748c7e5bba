"""Intervals of a signature for images or sessions at large, by drawing them anew."""

from collections.abc import Sequence

import numpy as np

from artiphys.cores import in_threads
from artiphys.correlations.counted_ranks import spearman_of_counts
from artiphys.correlations.drawn_ranks import spearman_of_drawn
from artiphys.correlations.resampling import bootstrap_interval
from artiphys.estimators.resampled_images import ResampledImages
from artiphys.progress import tracked
from artiphys.signatures.shortfalls import MIN_SESSIONS

__all__ = ["interval_over_images", "interval_over_sessions"]

LARGEST = 1 - 1e-9  # a correlation whose Fisher z is finite
BLOCK = 64  # image resamples of one task
AT_ONCE = 2**19  # correlations of all units at all positions, in some of these


def interval_over_images(
    values: np.ndarray, at: int, r: np.ndarray, n_resamples: int, level: float, seed: int
) -> np.ndarray:
    """Return the interval when images are drawn anew, and units anew from among them.

    A sample of images adds its error to both quantities, and ranks that err correlate less: r_s of
    the sample is nearer 0 than at large, and that of a resample nearer again by as much, so that
    percentiles would move away from the truth. The interval is reflected about the estimate instead
    (Davison & Hinkley 1997, Bootstrap Methods and their Application, section 5.2,
    doi:10.1017/CBO9780511802843).

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position)
    at : int
        Index of the reference position.
    r : numpy.ndarray, (position)
        The estimates, without that at the reference.
    n_resamples, level, seed

    Returns
    -------
    numpy.ndarray, (position, 2)
    """
    others = [p for p in range(values.shape[2]) if p != at]
    n_unit, n_image = values.shape[:2]
    starts = range(0, n_resamples, BLOCK)
    images = ResampledImages(values, at)

    step = max(1, AT_ONCE // (n_unit * values.shape[2]))

    def of_some(counts: np.ndarray, units: np.ndarray) -> np.ndarray:
        dynamic_range, invariance = images.variance_and_correlation(counts)
        return spearman_of_drawn(dynamic_range, np.moveaxis(invariance, 2, 0)[others], units)

    def of_block(start: int, rng: np.random.Generator) -> np.ndarray:
        size = min(BLOCK, n_resamples - start)
        counts = rng.multinomial(n_image, np.full(n_image, 1 / n_image), size=size)
        units = rng.integers(n_unit, size=(size, n_unit))
        return np.concatenate(
            [
                of_some(counts[first : first + step], units[first : first + step])
                for first in range(0, size, step)
            ]
        )

    generators = np.random.default_rng(seed).spawn(len(starts))
    blocks = in_threads(
        lambda task: of_block(*task),
        list(zip(starts, generators, strict=True)),
        numbers=min(step, BLOCK) * values[:, 0].size,
    )
    resamples = np.concatenate(list(tracked(blocks, unit="resample", total=n_resamples, size=len)))
    return np.array(
        [_reflected(float(one), column, level) for one, column in zip(r, resamples.T, strict=True)]
    )


def _reflected(r: float, resamples: np.ndarray, level: float) -> tuple[float, float]:
    """Return the basic bootstrap's interval, on the scale of Fisher's z; it holds the estimate."""
    lower, upper = bootstrap_interval(r, resamples, level)
    if np.isnan(r):
        return np.nan, np.nan
    z, *ends = np.arctanh(np.clip([r, upper, lower], -LARGEST, LARGEST))
    below, above = np.tanh(2 * z - np.array(ends))
    return min(below, r), max(above, r)


def interval_over_sessions(
    dynamic_range: np.ndarray,
    invariance: np.ndarray,
    sessions: np.ndarray,
    r: np.ndarray,
    n_resamples: int,
    level: float,
    seed: int,
) -> np.ndarray:
    """Return the interval when sessions are drawn anew, and units anew from within each.

    Parameters
    ----------
    dynamic_range : numpy.ndarray, (unit)
    invariance : numpy.ndarray, (unit, position)
    sessions : numpy.ndarray, (unit)
    r : numpy.ndarray, (position)
        The estimates.
    n_resamples, level, seed

    Returns
    -------
    numpy.ndarray, (position, 2)
        NaN with fewer than 3 sessions.
    """
    bounds = []
    for column, one in zip(invariance.T, r, strict=True):
        valid = np.isfinite(dynamic_range) & np.isfinite(column)
        units = [np.flatnonzero(valid & (sessions == s)) for s in np.unique(sessions[valid])]
        if len(units) < MIN_SESSIONS or np.isnan(one):
            bounds.append((np.nan, np.nan))
            continue
        rng = np.random.default_rng(seed)
        x, y = dynamic_range[valid], column[valid]
        blocks = []
        for start in tracked(range(0, n_resamples, BLOCK), unit="block"):
            rows = range(min(BLOCK, n_resamples - start))
            counts = np.stack([_units_of_sessions(units, valid.size, rng) for _ in rows])
            blocks.append(spearman_of_counts(x, y, counts[:, valid]))
        resamples = np.concatenate(blocks)
        bounds.append(bootstrap_interval(float(one), resamples, level))
    return np.array(bounds)


def _units_of_sessions(
    units: Sequence[np.ndarray], n_unit: int, rng: np.random.Generator
) -> np.ndarray:
    """Return how often each unit is drawn (unit): sessions first, then units within each."""
    drawn = [units[s] for s in rng.integers(len(units), size=len(units))]
    index = np.concatenate([u[rng.integers(u.size, size=u.size)] for u in drawn])
    return np.bincount(index, minlength=n_unit)
