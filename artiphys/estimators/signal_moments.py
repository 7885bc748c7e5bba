"""Variance and correlation of a unit's signal, freed of the noise of its trials.

A cell is what a unit answered to one image at one position: some trials, their mean, and the
variance of that mean. Trials of different cells are independent, so that the covariance between
positions is unbiased as it is, and each variance is too large by the mean variance of the cells'
means.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = [
    "MAX_NOISE_ERROR",
    "Cells",
    "SignalMoments",
    "cells_of",
    "centred",
    "correlation_of",
    "first_half",
    "halves_of",
    "halves_of_splits",
    "noise_error",
    "signal_moments",
    "splits_by_images",
]

MAX_NOISE_ERROR = 0.25  # of a correlation; beyond it a ratio of noisy variances is too skewed

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
    variances weighted by degrees of freedom, in proportion to its response where none is negative.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position, trial)
        NaN where not measured.
    where : numpy.ndarray of bool, like `values`, optional
        The trials to take; all of them by default.
    """
    taken = ~np.isnan(values) if where is None else where & ~np.isnan(values)
    weight = taken.astype(float)
    n = np.einsum("uipt->uip", weight)  # einsum sums short axes several times faster than .sum
    known = np.where(taken, values, 0.0)
    mean = np.einsum("uipt->uip", known) / np.maximum(n, 1)
    known -= mean[..., None]
    known *= weight
    scatter = np.einsum("uipt,uipt->uip", known, known)
    return _cells(mean, n, scatter)


def signal_moments(cells: Cells, at: int) -> SignalMoments:
    """Return the moments of the signal at every position and at the reference `at`.

    At the reference itself, where "both" positions are one, `variance` is the signal variance over
    all the images measured there. NaN with fewer than 2 images, or where the noise is not known.
    """
    reference = cells.n[:, :, [at]] > 0
    measured = ((cells.n > 0) & reference).astype(float)
    n_image = np.einsum("uip->up", measured)
    second = centred(cells.mean, measured, n_image)
    first = centred(cells.mean[:, :, [at]], measured, n_image)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = np.where(n_image >= MIN_IMAGES_VARIANCE, n_image - 1.0, np.nan)
        noise = _sum_where(cells.noise, measured) / n_image
        noise_reference = _sum_where(cells.noise[:, :, [at]], measured) / n_image
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
    correlation can be measured and nothing of what it is. The noise in d makes it a little too
    large. Infinite where a variance is not positive.
    """
    measured = ((cells.n > 0) & (cells.n[:, :, [at]] > 0)).astype(float)
    total = np.zeros(moments.variance.shape)
    for mean, noise, variance in (
        (cells.mean, cells.noise, moments.variance),
        (cells.mean[:, :, [at]], cells.noise[:, :, [at]], moments.variance_reference),
    ):
        deviation = centred(mean, measured, moments.n_image)
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = _sum_where(noise * deviation**2, measured)
            part = spread / ((moments.n_image - 1.0) * variance) ** 2
        total += np.where(np.isnan(variance) | (variance > 0), part, np.inf)
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


def halves_of(values: np.ndarray, split: int) -> tuple[Cells, Cells]:
    """Return the cells of two halves of the trials, none in both.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position, trial)
        NaN where not measured.
    split : int
        Which of the many ways to halve them, as in :func:`first_half`.
    """
    first = first_half(~np.isnan(values), split)
    return cells_of(values, first), cells_of(values, ~first)


def halves_of_splits(values: np.ndarray, splits: Sequence[int]) -> tuple[Cells, Cells]:
    """Return :func:`halves_of` of several splits, as (split * unit, image, position).

    Units with the same trials, as those of a session have, are halved alike, and their sums over
    the halves of all splits are one matrix product.
    """
    measured = ~np.isnan(values)
    n_unit, n_image, n_position, _ = values.shape
    flat = np.packbits(measured.reshape(n_unit, -1), axis=1)
    _, leader, pattern = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    known = np.where(measured, values, 0.0)
    centre = known.mean((1, 2, 3), keepdims=True)  # any will do: it keeps digits in the squares
    known = np.where(measured, values - centre, 0.0).transpose(1, 2, 0, 3)
    shape = (2, len(splits), n_unit, n_image, n_position)
    n, total, squares = np.empty(shape), np.empty(shape), np.empty(shape)
    for p, one in enumerate(leader):
        members = np.flatnonzero(pattern.ravel() == p)
        trials = known[:, :, members]
        masks = np.stack([first_half(measured[[one]], split)[0] for split in splits])
        for h, half in enumerate((masks, measured[one] & ~masks)):
            weight = half.transpose(1, 2, 3, 0).astype(float)
            n[h][:, members] = half.sum(-1)[:, None]
            total[h][:, members] = (trials @ weight).transpose(3, 2, 0, 1)
            squares[h][:, members] = (trials**2 @ weight).transpose(3, 2, 0, 1)
    mean = total / np.maximum(n, 1)
    squares -= total * mean
    np.maximum(squares, 0.0, out=squares)
    mean += centre[..., 0]
    size = (2, len(splits) * n_unit, n_image, n_position)
    halves = zip(*(array.reshape(size) for array in (mean, n, squares)), strict=True)
    first, second = (_cells(*half) for half in halves)
    return first, second


def first_half(measured: np.ndarray, split: int, by_images: np.ndarray | None = None) -> np.ndarray:
    """Return which trials are in the first half.

    The trials of each cell are dealt in a random order, the odd one at random; or all the trials of
    an image go into one half. The order is the same for all units, and for every call with the same
    sizes and the same `split`.

    Parameters
    ----------
    measured : numpy.ndarray of bool, (unit, image, position, trial)
    split : int
        Which of the many ways to halve them.
    by_images : numpy.ndarray of bool, (unit), optional
        The units whose images are halved; by default those of :func:`splits_by_images`.
    """
    rng = np.random.default_rng((SEED, split))
    _, n_image, n_position, n_trial = measured.shape
    image_order = rng.permutation(n_image)
    odd = rng.integers(2, size=(n_image, n_position, 1))
    # Drawn last and trial by trial, so that further padding changes no half.
    order = rng.random((n_trial, n_image, n_position)).argsort(0).transpose(1, 2, 0)[None]
    dealt = np.take_along_axis(measured, order, axis=-1)
    first = np.empty_like(measured)
    in_turn = (np.cumsum(dealt, axis=-1) + odd) % 2 == 0
    np.put_along_axis(first, np.broadcast_to(order, first.shape), in_turn, axis=-1)
    if by_images is None:
        by_images = splits_by_images(measured.sum(-1))
    if by_images.any():
        shown = measured[by_images].any((2, 3))[:, image_order]
        half = np.zeros_like(shown)
        half[:, image_order] = np.cumsum(shown, axis=1) % 2 == 0
        first[by_images] = half[:, :, None, None]
    return first & measured


def _cells(mean: np.ndarray, n: np.ndarray, scatter: np.ndarray) -> Cells:
    freedom = np.maximum(n - 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = scatter / freedom
        if not (freedom > 0).all():
            variance = np.where(freedom > 0, variance, _pooled(mean, n, scatter, freedom))
        variance /= n
    if (n > 0).all():
        return Cells(mean, n, variance)
    return Cells(np.where(n > 0, mean, np.nan), n, np.where(n > 0, variance, np.nan))


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


def centred(values: np.ndarray, weight: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return values (unit, image, position) less their mean over images, 0 where `weight` is."""
    if weight.all():
        return values - (np.einsum("uip->up", values) / np.maximum(n, 1))[:, None]
    known = np.where(weight > 0, values, 0.0)
    known -= (np.einsum("uip->up", known) / np.maximum(n, 1))[:, None]
    known *= weight
    return known


def _sum_where(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the sum over images of those that count; NaN if one of them is."""
    return np.einsum("uip->up", values if weight.all() else np.where(weight > 0, values, 0.0))


def _above_rounding(deviation: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the sum of squares over images, 0 where it is only rounding."""
    scatter = np.einsum("uip,uip->up", deviation, deviation)
    squares = np.einsum("uip,uip->up", values, values)
    if np.isnan(squares).any():
        known = np.where(np.isnan(values), 0.0, values)
        squares = np.einsum("uip,uip->up", known, known)
    return np.where(scatter > (CONSTANT**2 * deviation.shape[1]) * squares, scatter, 0.0)
