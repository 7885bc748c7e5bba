"""Moments of the signal from some images, and unbiased scores of the images held out.

What is measured on the images held out shares neither noise nor images with what the others say of
the unit, so that the errors of the two have nothing in common.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from artiphys.estimators.signal_moments import Cells

__all__ = ["MIN_IMAGES", "N_FOLDS", "Fold", "folds_of_images"]

N_FOLDS = 20
MIN_IMAGES = 6  # of which five train: fewer do not say how far a variance may be off
SEED = 20191217
WELL_MEASURED = 2.0  # standard errors by noise, for a variance that tells what images do to it
SHARE_OF_GAUSSIAN = 2.0  # times 1 / n: what images do to a variance, if too few units tell


class Fold(NamedTuple):
    """One fold of the images held out, and what all the others say.

    The three moments are the signal variance at the reference, that at the other position, and the
    covariance of the two.
    """

    moments: np.ndarray  # (3, unit), of the other images
    errors: np.ndarray  # (unit, 3, 3), covariance of these by noise and by the choice of images
    noise: np.ndarray  # (unit), variance that noise alone gives the first of them
    share: float  # variance that the choice of images gives a variance, over its square
    scores: np.ndarray  # (3, unit, image), whose mean is each moment; of the images held out
    images: np.ndarray  # (image), which these are
    n_image: np.ndarray  # (unit), of the others


def folds_of_images(
    cells: Cells,
    own: np.ndarray,
    position: int,
    n_folds: int = N_FOLDS,
    groups: np.ndarray | None = None,
) -> Iterator[Fold]:
    r"""Yield the folds, each image held out once.

    With m and v the mean of a cell's trials and the variance of that mean, and the bar a mean over
    the N images that are not held out, the score of image i for the variance is

    .. math:: \frac{N}{N + 1} \Bigl( (m_i - \bar m)^2 - v_i - \overline{v} / N \Bigr)

    and that for the covariance has the product of the two deviations, and no noise to take off as
    trials at two positions are independent. Each has the moment as its expectation.

    Parameters
    ----------
    cells : Cells
        Of all the trials.
    own : numpy.ndarray of int, (unit)
        Index of each unit's reference position; a negative one marks a unit without.
    position : int
        Index of the other position.
    n_folds : int
        As many as there are images, if these are fewer. The folds are the same in every call, and
        whatever the order of the images.
    groups : numpy.ndarray of int, (image), optional
        Images that are alike, and held out together; by default each is its own.

    Yields
    ------
    Fold
        Units that were shown fewer than :data:`MIN_IMAGES` images at both positions have NaN.
    """
    mean, noise, shown = _pairs(cells, own, position)
    n_image = shown.shape[1]
    groups = np.unique(np.arange(n_image) if groups is None else groups, return_inverse=True)[1]
    n_folds = min(n_folds, groups.max() + 1)
    fold = _dealt(mean[0], shown, groups, n_folds)
    enough = shown.sum(1) >= MIN_IMAGES
    for f in range(n_folds):
        held, others = np.flatnonzero(fold == f), np.flatnonzero(fold != f)
        weight = shown[:, others].astype(float)
        n = np.where(enough, np.maximum(weight.sum(1), MIN_IMAGES - 2), np.nan)
        centre = (mean[..., others] * weight).sum(-1) / n
        terms = _terms(mean[..., others], noise[..., others], centre)
        terms *= weight
        terms[:2] += (noise[..., others] * weight) / n[:, None]  # the mean was taken from these
        moments = terms.sum(-1) / (n - 1)
        deviation = (terms - (terms.sum(-1) / n)[..., None]) * weight
        errors = np.einsum("aui,bui->uab", deviation, deviation)
        errors /= (n * (n - 1) * (1 - 1 / n) ** 3)[:, None, None]  # squares about their own mean
        of_noise = _noise_of_variance(mean[0][:, others] - centre[0][:, None], noise[0][:, others])
        by_noise = (of_noise * weight).sum(1) / (n - 1) ** 2
        by_noise = np.maximum(
            by_noise, 2 * (noise[0][:, others] ** 2 * weight).sum(1) / (n - 1) ** 2
        )
        scores = _terms(mean[..., held], noise[..., held], centre)
        scores[:2] -= ((noise[..., others] * weight).sum(-1) / n**2)[..., None]
        known = weight.sum(1) >= MIN_IMAGES - 2  # else too few images are left to say anything
        scores *= (known * n / (n + 1))[:, None] * shown[:, held]
        share = _share_of_images(moments[0], errors[:, 0, 0], by_noise, n)
        yield Fold(moments, errors, by_noise, share, scores, held, n)


def _dealt(mean: np.ndarray, shown: np.ndarray, groups: np.ndarray, n_folds: int) -> np.ndarray:
    """Return the fold of each image (image), its group dealt at random in order of mean responses.

    So the answer does not hang on the order in which the images are listed.
    """
    total, n = (np.bincount(groups, of.sum(0)) for of in (mean, shown))
    order = np.argsort(total / np.maximum(n, 1), kind="stable")
    fold = np.empty(order.size, dtype=int)
    fold[order] = np.random.default_rng(SEED).permutation(order.size) % n_folds
    return fold[groups]


def _pairs(
    cells: Cells, own: np.ndarray, position: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means and noise (2, unit, image) at the reference and the position, and what is shown.

    0 where not shown at both.
    """
    at, unit = np.maximum(own, 0), np.arange(own.size)
    mean, noise = (
        np.stack([of[unit, :, at], of[:, :, position]]) for of in (cells.mean, cells.noise)
    )
    shown = np.isfinite(mean + noise).all(0) & (own >= 0)[:, None]
    mean, noise = np.where(shown, mean, 0.0), np.where(shown, noise, 0.0)
    middle = mean.sum(-1) / np.maximum(shown.sum(-1), 1)
    return np.where(shown, mean - middle[..., None], 0.0), noise, shown


def _terms(mean: np.ndarray, noise: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return both squares less their noise, and the product, of each image (3, unit, image)."""
    first, second = mean - centre[..., None]
    return np.stack([first**2 - noise[0], second**2 - noise[1], first * second])


def _noise_of_variance(deviation: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return what the noise of each cell adds to the error of a sum of squares (unit, image)."""
    return 4 * deviation**2 * noise - 2 * noise**2


def _share_of_images(
    variance: np.ndarray, error: np.ndarray, by_noise: np.ndarray, n: np.ndarray
) -> float:
    """Return the relative variance that the choice of images gives a variance: of most units."""
    with np.errstate(invalid="ignore"):
        well = variance > WELL_MEASURED * np.sqrt(by_noise)
    if well.sum() < MIN_IMAGES:
        return float(SHARE_OF_GAUSSIAN / np.nanmean(n)) if np.isfinite(n).any() else np.nan
    by_images = np.maximum(error[well] - by_noise[well], 0.0)
    return float(np.median(by_images / variance[well] ** 2))
