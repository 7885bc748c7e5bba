"""Variances and correlations across images, as they are or as resamples drew them."""

import numpy as np

__all__ = ["moments_across_images"]

MIN_IMAGES_VARIANCE = 2
MIN_IMAGES_CORRELATION = 3
CONSTANT = 1e-13  # spread below this share of the mean is rounding, as scipy.stats.pearsonr has it
PERFECT = 1e-12  # a correlation this close to ±1 is ±1, so that units of equal columns tie in rank


def moments_across_images(
    values: np.ndarray, at: int, counts: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance at one position and the correlation of each position with it.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position)
        NaN where not measured.
    at : int
        Index of the reference position.
    counts : numpy.ndarray, (resample, image), optional
        How often each resample drew each image; once each by default.

    Returns
    -------
    variance : numpy.ndarray, (resample, unit)
        With ddof 1, over the images measured at the reference; NaN with fewer than 2.
    correlation : numpy.ndarray, (resample, unit, position)
        Over the images measured at both; NaN with fewer than 3, or where one is constant. Exactly
        ±1 where it is so but for rounding.
    """
    n_unit, n_image, n_position = values.shape
    counts = np.ones((1, n_image)) if counts is None else counts.astype(float)
    values = values.astype(float)
    measured = ~np.isnan(values)
    both = measured & measured[:, :, [at]]
    # Sums about the mean over all images lose no digits, and are exact shifts for any resample.
    centre = _mean(values, both)
    first = np.where(both, values[:, :, [at]] - _mean(values[:, :, [at]], both), 0.0)
    second = np.where(both, values - centre, 0.0)

    def total(terms: np.ndarray) -> np.ndarray:
        columns = terms.transpose(1, 0, 2).reshape(n_image, -1)
        return (counts @ columns).reshape(-1, n_unit, terms.shape[2])

    if both.all():
        n = np.broadcast_to(counts.sum(1)[:, None, None], (len(counts), n_unit, n_position))
    else:
        n = total(both.astype(float))
    with np.errstate(invalid="ignore", divide="ignore"):
        sum1, sum2 = total(first), total(second)
        ss1 = _above_rounding(total(first**2) - sum1**2 / n, n, values[:, :, [at]], both)
        ss2 = _above_rounding(total(second**2) - sum2**2 / n, n, values, both)
        s12 = total(first * second) - sum1 * sum2 / n
        variance = np.where(n >= MIN_IMAGES_VARIANCE, ss1 / (n - 1), np.nan)[:, :, at]
        defined = (n >= MIN_IMAGES_CORRELATION) & (ss1 > 0) & (ss2 > 0)
        correlation = np.where(defined, s12 / (np.sqrt(ss1) * np.sqrt(ss2)), np.nan)
        perfect = np.abs(np.abs(correlation) - 1) < PERFECT
    return variance, np.where(perfect, np.sign(correlation), correlation)


def _mean(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    n = where.sum(1, keepdims=True)
    return np.where(where, values, 0.0).sum(1, keepdims=True) / np.maximum(n, 1)


def _above_rounding(
    scatter: np.ndarray, n: np.ndarray, values: np.ndarray, where: np.ndarray
) -> np.ndarray:
    largest = np.where(where, np.abs(values), 0.0).max(1, initial=0.0)
    return np.where(scatter <= n * (CONSTANT * largest) ** 2, 0.0, scatter)
