"""Variance and correlation of a unit's signal, freed of the noise of its trials.

A cell is what a unit answered to one image at one position: some trials, their mean, and the
variance of that mean. Trials of different cells are independent, so that the covariance between
positions is unbiased as it is, and each variance is too large by the mean variance of the cells'
means.
"""

from typing import NamedTuple

import numpy as np

__all__ = [
    "Cells",
    "SignalMoments",
    "cells_of",
    "correlation_of",
    "halves_of",
    "noise_error",
    "signal_moments",
    "splits_by_images",
]

MIN_IMAGES_VARIANCE = 2
MIN_IMAGES_CORRELATION = 3
CONSTANT = 1e-13  # spread below this share of the largest value is rounding
SEED = 20191217  # of the halves: the same for every call, so that separate calls agree on them


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
    variances weighted by degrees of freedom.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position, trial)
        NaN where not measured.
    where : numpy.ndarray of bool, like `values`, optional
        The trials to take; all of them by default.
    """
    taken = ~np.isnan(values) if where is None else where & ~np.isnan(values)
    n = taken.sum(-1)
    known = np.where(taken, values, 0.0)
    mean = known.sum(-1) / np.maximum(n, 1)
    known -= mean[..., None]
    scatter = np.einsum("uipt,uipt,uipt->uip", known, known, taken.astype(float))
    freedom = np.maximum(n - 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = scatter.sum(1, keepdims=True) / freedom.sum(1, keepdims=True)
        variance = np.where(n > 1, scatter / freedom, pooled)
        noise = np.where(n > 0, variance / n, np.nan)
    return Cells(np.where(n > 0, mean, np.nan), n, noise)


def signal_moments(cells: Cells, at: int) -> SignalMoments:
    """Return the moments of the signal at every position and at the reference `at`.

    At the reference itself, where "both" positions are one, `variance` is the signal variance over
    all the images measured there. NaN with fewer than 2 images, or where the noise is not known.
    """
    measured = (cells.n > 0) & (cells.n[:, :, [at]] > 0)
    n_image = measured.sum(1)
    second = _centred(cells.mean, measured, n_image)
    first = _centred(np.broadcast_to(cells.mean[:, :, [at]], measured.shape), measured, n_image)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = np.where(n_image >= MIN_IMAGES_VARIANCE, n_image - 1.0, np.nan)
        noise = np.where(measured, cells.noise, 0.0).sum(1) / n_image
        noise_reference = np.where(measured, cells.noise[:, :, [at]], 0.0).sum(1) / n_image
        return SignalMoments(
            variance=_above_rounding(second, cells.mean) / freedom - noise,
            variance_reference=_above_rounding(first, cells.mean[:, :, [at]]) / freedom
            - noise_reference,
            covariance=np.einsum("uip,uip->up", first, second) / freedom,
            noise=noise,
            noise_reference=noise_reference,
            n_image=n_image,
        )


def correlation_of(moments: SignalMoments) -> np.ndarray:
    """Return the signal correlation (unit, position); NaN where a variance is not positive."""
    product = np.where(
        (moments.variance > 0) & (moments.variance_reference > 0),
        moments.variance * moments.variance_reference,
        np.nan,
    )
    enough = moments.n_image >= MIN_IMAGES_CORRELATION
    return np.where(enough, moments.covariance / np.sqrt(product), np.nan)


def noise_error(cells: Cells, moments: SignalMoments, at: int) -> np.ndarray:
    r"""Return the standard error that trial noise gives a signal correlation (unit, position).

    .. math:: \sqrt{\sum_{q \in \{0, p\}} \sum_i d_{iq}^2 v_{iq} / ((n - 1) \hat V_q)^2}

    with d a cell's deviation from the mean over images, v the variance of its mean and V the signal
    variance. It takes each position by itself and the correlation as 0, so that it says how well a
    correlation can be measured and nothing of what it is. Infinite where a variance is not
    positive.
    """
    measured = (cells.n > 0) & (cells.n[:, :, [at]] > 0)
    total = np.zeros(moments.variance.shape)
    shape = measured.shape
    for mean, noise, variance in (
        (cells.mean, cells.noise, moments.variance),
        (
            np.broadcast_to(cells.mean[:, :, [at]], shape),
            np.broadcast_to(cells.noise[:, :, [at]], shape),
            moments.variance_reference,
        ),
    ):
        deviation = _centred(mean, measured, moments.n_image)
        spread = np.einsum("uip,uip,uip->up", deviation, deviation, np.where(measured, noise, 0.0))
        with np.errstate(invalid="ignore", divide="ignore"):
            part = spread / ((moments.n_image - 1.0) * variance) ** 2
        total += np.where(variance > 0, part, np.inf)
    return np.sqrt(total)


def splits_by_images(n: np.ndarray) -> np.ndarray:
    """Return for which units (unit) the halves must be of images, as their repeats are too few.

    Half of a cell's trials says its own noise where it has 2 trials, which half the cells do if the
    typical cell has 3.

    Parameters
    ----------
    n : numpy.ndarray of int, (unit, image, position)
        Trials in each cell.
    """
    n_cell = (n > 0).sum((1, 2))
    return 2 * (n >= 3).sum((1, 2)) < n_cell


def halves_of(
    values: np.ndarray, split: int, by_images: np.ndarray | None = None
) -> tuple[Cells, Cells]:
    """Return the cells of two halves of the trials, none in both.

    The trials of each cell are dealt in a random order, the odd one at random; or all the trials of
    an image go into one half. The order is the same for all units, and for every call with the same
    sizes and the same `split`.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position, trial)
        NaN where not measured.
    split : int
        Which of the many ways to halve them.
    by_images : numpy.ndarray of bool, (unit), optional
        The units whose images are halved; by default those of :func:`splits_by_images`.
    """
    rng = np.random.default_rng((SEED, split))
    _, n_image, n_position, n_trial = values.shape
    order = rng.random((n_image, n_position, n_trial)).argsort(-1)
    odd = rng.integers(2, size=(n_image, n_position, 1))
    image_order = rng.permutation(n_image)
    dealt = np.take_along_axis(values, order[None], axis=-1)
    measured = ~np.isnan(dealt)
    first = (np.cumsum(measured, axis=-1) + odd) % 2 == 0
    if by_images is None:
        by_images = splits_by_images(measured.sum(-1))
    if by_images.any():
        shown = measured[by_images].any((2, 3))[:, image_order]
        half = np.empty_like(shown)
        half[:, image_order] = np.cumsum(shown, axis=1) % 2 == 0
        first[by_images] = half[:, :, None, None]
    return cells_of(dealt, first), cells_of(dealt, ~first)


def _centred(values: np.ndarray, where: np.ndarray, n: np.ndarray) -> np.ndarray:
    mean = np.where(where, values, 0.0).sum(1, keepdims=True) / np.maximum(n, 1)[:, None]
    return np.where(where, values - mean, 0.0)


def _above_rounding(deviation: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the sum of squares over images, 0 where it is only rounding."""
    scatter = np.einsum("uip,uip->up", deviation, deviation)
    largest = np.abs(np.nan_to_num(values)).max(1, initial=0.0)
    return np.where(scatter > deviation.shape[1] * (CONSTANT * largest) ** 2, scatter, 0.0)
