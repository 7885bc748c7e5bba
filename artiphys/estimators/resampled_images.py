"""Variance and correlation across resamples of the images, by sums that are formed once.

A resample is held as how often each image was drawn, so that the sums over the images of all
resamples are matrix products. Sums about the mean over all images lose no digits, and are exact
shifts for any resample.
"""

import numpy as np

from artiphys.estimators.moments import (
    AboutMeans,
    Moments,
    about_means,
    correlation_of,
    moments_of_squares,
)

__all__ = ["ResampledImages"]

CONSTANT = 1e-13  # of the sum of squares about another mean: below it there is none left


class ResampledImages:
    """Responses whose images are drawn anew, again and again.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position)
        NaN where not measured.
    at : int
        Index of the reference position.
    """

    def __init__(self, values: np.ndarray, at: int) -> None:
        of: AboutMeans = about_means(values, at)
        self._at, self._largest = at, of.largest
        self._n_unit, _, self._n_position = values.shape
        self._whole = bool(of.weight.all())
        first = of.first if self._whole else np.broadcast_to(of.first, of.second.shape)
        self._first, self._first_squared = _columns(first), _columns(first**2)
        self._second, self._second_squared = _columns(of.second), _columns(of.second**2)
        self._product = _columns(of.first * of.second)
        self._weight = None if self._whole else _columns(of.weight)

    def variance_and_correlation(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the variance at the reference, and the correlations with it.

        Parameters
        ----------
        counts : numpy.ndarray of int, (resample, image)
            How often each image was drawn.

        Returns
        -------
        variance : numpy.ndarray, (resample, unit)
        correlation : numpy.ndarray, (resample, unit, position)
            As :func:`artiphys.estimators.moments.variance_and_correlation` has them.
        """
        moments = self._moments(counts.astype(float))
        return moments.variance[..., self._at], correlation_of(moments)

    def _moments(self, counts: np.ndarray) -> Moments:
        shape = len(counts), self._n_unit, self._n_position

        def total(columns: np.ndarray) -> np.ndarray:
            return (counts @ columns).reshape(len(counts), self._n_unit, -1)

        if self._weight is None:
            n = np.broadcast_to(counts.sum(1)[:, None, None], shape)
        else:
            n = total(self._weight)
        with np.errstate(invalid="ignore", divide="ignore"):
            n_first = n[..., :1] if self._whole else n
            sum1, sum2 = total(self._first), total(self._second)
            squares1 = _scatter(total(self._first_squared), sum1, n_first)
            squares2 = _scatter(total(self._second_squared), sum2, n)
            sum1 = sum1 / n_first
            products = total(self._product)
            sum2 *= sum1
            products -= sum2
        return moments_of_squares(n, squares1, squares2, products, self._largest, self._at)


def _columns(terms: np.ndarray) -> np.ndarray:
    """Return terms (unit, image, position) as a matrix (image, unit * position)."""
    return terms.transpose(1, 0, 2).reshape(terms.shape[1], -1)


def _scatter(squares: np.ndarray, total: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the sum of squares about the mean; 0 for a resample of equal responses."""
    scatter = squares - total**2 / n
    return np.where(scatter <= CONSTANT * squares, 0.0, scatter)
