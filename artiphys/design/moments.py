"""Moments across images of rates with gaps, (unit, image, ...), NaN where nothing was measured."""

import numpy as np

__all__ = ["correlation", "deviation", "mean", "standardised"]

CONSTANT = 1e-9  # a standard deviation, as a share of the mean, that is rounding


def mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the images measured; 0 where there is none."""
    known = ~np.isnan(values)
    return _sum(np.where(known, values, 0.0)) / np.maximum(_sum(known.astype(float)), 1)


def deviation(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation (ddof 1); 0 with fewer than 2 images."""
    known = ~np.isnan(values)
    scatter = _sum(np.where(known, values - mean(values)[:, None], 0.0) ** 2)
    return np.sqrt(scatter / np.maximum(_sum(known.astype(float)) - 1, 1))


def standardised(values: np.ndarray) -> np.ndarray:
    """Return values of mean 0 and variance 1 across images; 0 where they are constant."""
    scale = deviation(values)
    varies = scale > CONSTANT * np.abs(mean(values))
    return (values - mean(values)[:, None]) / np.where(varies, scale, np.inf)[:, None]


def correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the correlation of standardised values, over the images that both have."""
    product = one * other
    both = ~np.isnan(product)
    return _sum(np.where(both, product, 0.0)) / np.maximum(_sum(both.astype(float)) - 1, 1)


def _sum(values: np.ndarray) -> np.ndarray:
    return np.einsum("ui...->u...", values)  # several times faster than .sum before a short axis
