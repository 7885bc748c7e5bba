"""Moments across images, of responses as they are.

All estimates of a unit are made of these: the variance of its responses at each position and at the
reference position, and the covariance of the two, over the images measured at both.
"""

from typing import NamedTuple, Protocol

import numpy as np

from artiphys.estimators.blocks import in_blocks

__all__ = [
    "AboutMeans",
    "ImageSums",
    "Moments",
    "about_means",
    "centred",
    "correlation_of",
    "image_sums",
    "moments_across_images",
    "moments_of_squares",
    "moments_of_sums",
    "variance_and_correlation",
]

MIN_IMAGES_VARIANCE = 2
MIN_IMAGES_CORRELATION = 3
CONSTANT = 1e-13  # spread below this share of the largest is rounding, as in scipy.stats.pearsonr
PERFECT = 1e-12  # a correlation this close to ±1 is ±1, so that units of equal columns tie in rank


class Moments(NamedTuple):
    """At each position and at the reference, over the images measured at both.

    Each is (unit, position), or (resample, unit, position); ddof 1, NaN with fewer than 2 images.
    """

    variance: np.ndarray
    variance_reference: np.ndarray
    covariance: np.ndarray
    n_image: np.ndarray


class _HasMoments(Protocol):
    """What a correlation is made of: moments as measured, or those of the signal."""

    @property
    def variance(self) -> np.ndarray: ...
    @property
    def variance_reference(self) -> np.ndarray: ...
    @property
    def covariance(self) -> np.ndarray: ...
    @property
    def n_image(self) -> np.ndarray: ...


def moments_across_images(values: np.ndarray, at: int) -> Moments:
    """Return the moments at every position and at the reference.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position)
        NaN where not measured.
    at : int
        Index of the reference position.

    Returns
    -------
    Moments
        At the reference itself over all the images measured there. A variance that is 0 but for
        rounding is 0.
    """
    return moments_of_sums(image_sums(values, at), at)


class ImageSums(NamedTuple):
    """Of some images, from which the moments over more are made; each (unit, position).

    Over the images measured at the position and at the reference.
    """

    n: np.ndarray
    mean_reference: np.ndarray
    mean: np.ndarray
    squares_reference: np.ndarray  # of deviations from the mean
    squares: np.ndarray
    products: np.ndarray
    largest: np.ndarray  # response in size

    def merged(self, other: "ImageSums") -> "ImageSums":
        """Return the sums over the images of both.

        References
        ----------
        Chan, T. F., Golub, G. H. & LeVeque, R. J. (1983). Algorithms for computing the sample
        variance. Am. Stat. 37(3), 242-247. https://doi.org/10.1080/00031305.1983.10483115
        """
        n = self.n + other.n
        share = other.n / np.maximum(n, 1)
        step, step_reference = other.mean - self.mean, other.mean_reference - self.mean_reference
        between = self.n * share
        return ImageSums(
            n,
            self.mean_reference + share * step_reference,
            self.mean + share * step,
            self.squares_reference + other.squares_reference + between * step_reference**2,
            self.squares + other.squares + between * step**2,
            self.products + other.products + between * step * step_reference,
            np.maximum(self.largest, other.largest),
        )


def image_sums(values: np.ndarray, at: int) -> ImageSums:
    """Return the sums over images; the arguments are those of :func:`moments_across_images`."""
    return ImageSums(*in_blocks(_image_sums, values, at=at))


def _image_sums(values: np.ndarray, at: int) -> ImageSums:
    of = about_means(values, at)
    parts = (
        of.mean_reference,
        of.mean,
        *(np.einsum("uip,uip->up", part, part) for part in (of.first, of.second)),
        np.einsum("uip,uip->up", of.first, of.second),
        of.largest,
    )
    return ImageSums(of.n, *(np.broadcast_to(part, of.n.shape) for part in parts))


def moments_of_sums(sums: ImageSums, at: int) -> Moments:
    """Return the moments of which the sums over images are known."""
    of_first, of_second = sums.squares_reference, sums.squares
    return moments_of_squares(sums.n, of_first, of_second, sums.products, sums.largest, at)


def moments_of_squares(
    n: np.ndarray,
    squares_reference: np.ndarray,
    squares: np.ndarray,
    products: np.ndarray,
    largest: np.ndarray,
    at: int,
) -> Moments:
    """Return the moments, a variance that is 0 but for rounding as 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = np.where(n >= MIN_IMAGES_VARIANCE, n - 1.0, np.nan)
        reference, variance = (
            np.where(scatter <= n * (CONSTANT * top) ** 2, 0.0, scatter) / freedom
            for scatter, top in ((squares_reference, largest[:, [at]]), (squares, largest))
        )
        return Moments(variance, reference, products / freedom, n)


def variance_and_correlation(values: np.ndarray, at: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance at the reference (unit) and the correlations (unit, position).

    The arguments are those of :func:`moments_across_images`.
    """
    moments = moments_across_images(values, at)
    return moments.variance[..., at], correlation_of(moments)


def correlation_of(moments: _HasMoments) -> np.ndarray:
    """Return the correlation of each position with the reference (..., unit, position).

    NaN with fewer than 3 images, or where a variance is not positive. Exactly ±1 where it is so but
    for rounding.
    """
    defined = (moments.variance > 0) & (moments.variance_reference > 0)
    defined &= moments.n_image >= MIN_IMAGES_CORRELATION
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt(moments.variance) * np.sqrt(moments.variance_reference)
        correlation = np.where(defined, moments.covariance / scale, np.nan)
        perfect = np.abs(np.abs(correlation) - 1) < PERFECT
    return np.where(perfect, np.sign(correlation), correlation)


def centred(values: np.ndarray, weight: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return values (unit, image, position) less their mean over images, 0 where `weight` is."""
    return _centred(values, weight, n)[0]


def _centred(
    values: np.ndarray, weight: np.ndarray, n: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return :func:`centred`, and the mean."""
    if weight.all():
        mean = np.einsum("uip->up", values) / np.maximum(n, 1)
        return values - mean[:, None], mean
    known = np.where(weight > 0, values, 0.0)
    mean = np.einsum("uip->up", known) / np.maximum(n, 1)
    known -= mean[:, None]
    known *= weight
    return known, mean


class AboutMeans(NamedTuple):
    """Responses less their mean over the images measured at a position and at the reference."""

    first: np.ndarray  # (unit, image, position or 1), at the reference
    second: np.ndarray  # (unit, image, position)
    mean_reference: np.ndarray  # (unit, position)
    mean: np.ndarray
    weight: np.ndarray  # (unit, image, position), 1 or 0
    n: np.ndarray  # (unit, position), images
    largest: np.ndarray  # (unit, position), response in size


def about_means(values: np.ndarray, at: int) -> AboutMeans:
    """Return responses less their means; arguments are those of :func:`moments_across_images`."""
    values = values.astype(float, copy=False)
    shown = ~np.isnan(values)
    shown &= shown[:, :, [at]]
    weight = shown.astype(float)
    n = np.einsum("uip->up", weight)  # einsum sums short axes several times faster than .sum
    second, mean = _centred(values, weight, n)
    first, mean_reference = _centred(values[:, :, [at]], weight, n)
    return AboutMeans(first, second, mean_reference, mean, weight, n, _largest(values, shown))


def _largest(values: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return the largest response in size (unit, position)."""
    if not shown.all():
        values = np.where(shown, values, 0.0)
    return np.maximum(values.max(1), -values.min(1))
