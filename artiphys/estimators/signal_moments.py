"""Variance and correlation of a unit's signal, freed of the noise of its trials.

A cell is what a unit answered to one image at one position: some trials, their mean, and the
variance of that mean. Trials of different cells are independent, so that the covariance between
positions is unbiased as it is, and each variance is too large by the mean variance of the cells'
means.
"""

from typing import NamedTuple

import numpy as np

from artiphys.estimators.blocks import in_blocks
from artiphys.estimators.moments import centred, moments_across_images

__all__ = [
    "MAX_NOISE_ERROR",
    "Cells",
    "SignalMoments",
    "TrialSums",
    "cells_of",
    "cells_of_sums",
    "noise_error",
    "signal_moments",
    "trial_sums",
]

MAX_NOISE_ERROR = 0.5  # of a correlation; beyond it a ratio of noisy variances is too skewed


class Cells(NamedTuple):
    """Means of the trials, each with its number of trials and the variance of that mean."""

    mean: np.ndarray  # (unit, image, position), NaN without trials
    n: np.ndarray
    noise: np.ndarray  # NaN where nothing says it


class SignalMoments(NamedTuple):
    """Of the signal at each position and at the reference, over the images measured at both."""

    variance: np.ndarray  # (unit, position)
    variance_reference: np.ndarray
    covariance: np.ndarray
    noise: np.ndarray  # mean over images of the variance of a cell's mean
    noise_reference: np.ndarray
    n_image: np.ndarray


def cells_of(values: np.ndarray, where: np.ndarray | None = None) -> Cells:
    """Return the cells of some trials.

    A cell of one trial takes its noise variance from the unit's other cells at that position, their
    variances weighted by degrees of freedom, in proportion to its response where none is negative.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position, trial)
        NaN where not measured.
    where : numpy.ndarray of bool, like `values`, optional
        The trials to take; all of them by default.
    """
    return cells_of_sums(*trial_sums(values, where))


class TrialSums(NamedTuple):
    """Of the trials of each cell, (unit, image, position)."""

    mean: np.ndarray  # 0 without trials
    n: np.ndarray
    scatter: np.ndarray  # sum of squared deviations from the mean


def trial_sums(values: np.ndarray, where: np.ndarray | None = None) -> TrialSums:
    """Return the sums of trials; the arguments are those of :func:`cells_of`."""
    return TrialSums(*in_blocks(_trial_sums, values, *([] if where is None else [where])))


def _trial_sums(values: np.ndarray, where: np.ndarray | None = None) -> TrialSums:
    taken = ~np.isnan(values) if where is None else where & ~np.isnan(values)
    weight = taken.astype(float)
    n = np.einsum("uipt->uip", weight)  # einsum sums short axes several times faster than .sum
    known = np.where(taken, values, 0.0)
    mean = np.einsum("uipt->uip", known) / np.maximum(n, 1)
    known -= mean[..., None]
    known *= weight
    return TrialSums(mean, n, np.einsum("uipt,uipt->uip", known, known))


def cells_of_sums(mean: np.ndarray, n: np.ndarray, scatter: np.ndarray) -> Cells:
    """Return the cells of trials of which mean, number and sum of squared deviations are known."""
    freedom = np.maximum(n - 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = scatter / freedom
        if not (freedom > 0).all():
            variance = np.where(freedom > 0, variance, _pooled(mean, n, scatter, freedom))
        variance /= n
    if (n > 0).all():
        return Cells(mean, n, variance)
    return Cells(np.where(n > 0, mean, np.nan), n, np.where(n > 0, variance, np.nan))


def signal_moments(cells: Cells, at: int) -> SignalMoments:
    """Return the moments of the signal at every position and at the reference `at`.

    At the reference itself, where "both" positions are one, `variance` is the signal variance over
    all the images measured there. NaN with fewer than 2 images, or where the noise is not known.
    """
    measured = moments_across_images(cells.mean, at)
    shown = _shown(cells, at)
    with np.errstate(invalid="ignore", divide="ignore"):
        noise = _sum_where(cells.noise, shown) / measured.n_image
        noise_reference = _sum_where(cells.noise[:, :, [at]], shown) / measured.n_image
    return SignalMoments(
        variance=measured.variance - noise,
        variance_reference=measured.variance_reference - noise_reference,
        covariance=measured.covariance,
        noise=noise,
        noise_reference=noise_reference,
        n_image=measured.n_image,
    )


def noise_error(cells: Cells, moments: SignalMoments, at: int) -> np.ndarray:
    r"""Return the standard error that trial noise gives a signal correlation (unit, position).

    .. math:: \sqrt{\sum_{q \in \{0, p\}} \sum_i d_{iq}^2 v_{iq} / ((n - 1) \hat V_q)^2}

    with d a cell's deviation from the mean over images, v the variance of its mean and V the signal
    variance. It takes each position by itself and the correlation as 0, so that it says how well a
    correlation can be measured and nothing of what it is. The noise in d makes it a little too
    large. Infinite where a variance is not positive.
    """
    shown = _shown(cells, at)
    total = np.zeros(moments.variance.shape)
    for mean, noise, variance in (
        (cells.mean, cells.noise, moments.variance),
        (cells.mean[:, :, [at]], cells.noise[:, :, [at]], moments.variance_reference),
    ):
        deviation = centred(mean, shown, moments.n_image)
        with np.errstate(invalid="ignore", divide="ignore"):
            scatter = _sum_where(noise * deviation**2, shown)
            part = scatter / ((moments.n_image - 1.0) * variance) ** 2
        total += np.where(np.isnan(variance) | (variance > 0), part, np.inf)
    return np.sqrt(total)


def _pooled(
    mean: np.ndarray, n: np.ndarray, scatter: np.ndarray, freedom: np.ndarray
) -> np.ndarray:
    """Return the trial variance that the unit's other cells at a position say of each cell.

    In proportion to the mean response, as that of spikes is; the same for all cells where some
    means are negative, which spikes' are not.
    """
    weight = freedom.astype(float)
    total = np.einsum("uip->up", weight)
    pooled = np.einsum("uip->up", np.where(freedom > 0, scatter, 0.0)) / total
    level = np.einsum("uip,uip->up", weight, mean) / total
    spikes = (np.where(n > 0, mean, 0.0) >= 0).all(1) & (level > 0)
    share = np.where(spikes[:, None], mean / level[:, None], 1.0)
    return pooled[:, None] * share


def _shown(cells: Cells, at: int) -> np.ndarray:
    """Return 1 for the images measured at a position and at the reference, else 0."""
    return ((cells.n > 0) & (cells.n[:, :, [at]] > 0)).astype(float)


def _sum_where(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the sum over images of those that count; NaN if one of them is."""
    return np.einsum("uip->up", values if weight.all() else np.where(weight > 0, values, 0.0))
