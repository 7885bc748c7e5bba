"""The covariance of rectified normal inputs, all pairs at once, from that of the inputs.

A measured matrix is a covariance only to rounding. Its correlations are allowed what single
precision does to them, its entries what double precision does beside the largest variance.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from artiphys.arguments import real_numbers
from artiphys.errors import InputError
from artiphys.rectification.moments import at_least_zero
from artiphys.rectification.pair import CHUNK, Marginal, correlation, marginal, standardised

__all__ = [
    "RectifiedCovariance",
    "covariance_rectified",
    "rectified_covariance",
    "rectified_cross_covariance",
]

# Slack for correlations: in a sample covariance, of float32 data too, rounding is far below this.
ROUNDING = 1e-6
# Slack relative to the largest variance: a sum over images leaves less where nothing varies.
ROUNDING_OF_LARGEST = 1e-12
# Side of the squares in which a large matrix is compared with its transpose, to stay in the cache.
TILE = 256


class RectifiedCovariance(NamedTuple):
    """Mean (n) and covariance (n, n) of ``max(0, S)``."""

    mean: np.ndarray
    cov: np.ndarray


class _Inputs(NamedTuple):
    """Normal inputs, and the moments of each when rectified, over (input)."""

    mu_over_sigma: np.ndarray
    sigma: np.ndarray
    marginal: Marginal


def rectified_covariance(mean: Any, cov: Any) -> RectifiedCovariance:
    """Return mean and covariance of ``max(0, S)``, ``S ~ N(mean, cov)``, exact.

    Parameters
    ----------
    mean : array_like, (n)
    cov : array_like, (n, n)
        Symmetric and positive semi-definite; it may be singular, and variances may be 0.

    Returns
    -------
    RectifiedCovariance
        ``mean`` (n) and ``cov`` (n, n), which is exactly symmetric and, as each entry is exact to
        rounding, positive semi-definite to rounding.

    Raises
    ------
    InputError
        If shapes do not fit, values are not finite, or `cov` is no covariance matrix: it is not
        symmetric, a variance is negative, a correlation beyond ±1, an eigenvalue negative.

    Notes
    -----
    Takes n²/2 evaluations of :func:`rectified_moments`: a second or so for n = 2000. Rounding is
    allowed for: eigenvalues of the correlations down to ``-1e-6 n``, and 1e-12 of the largest
    variance in each entry.

    Examples
    --------
    >>> mean, cov = rectified_covariance([0.0, 0.0], [[1.0, -1.0], [-1.0, 1.0]])
    >>> mean.round(4)
    array([0.3989, 0.3989])
    >>> cov.round(4)
    array([[ 0.3408, -0.1592],
           [-0.1592,  0.3408]])
    """
    return covariance_rectified(*_checked_covariance(mean, cov))


def covariance_rectified(
    mean: np.ndarray, cov: np.ndarray, sigma: np.ndarray
) -> RectifiedCovariance:
    """Return :func:`rectified_covariance` of a known covariance and its standard deviations.

    It saves the check of the matrix, a tenth of the time.
    """
    inputs = _inputs(mean, sigma)
    covariance = _covariance_of_pairs(inputs, inputs, cov, symmetric=True)
    np.fill_diagonal(covariance, (sigma * inputs.marginal.true_deviation) ** 2)
    return RectifiedCovariance(np.maximum(mean, 0) + sigma * inputs.marginal.excess, covariance)


def rectified_cross_covariance(
    mean1: Any, mean2: Any, variance1: Any, variance2: Any, cov: Any
) -> np.ndarray:
    """Return the covariance of ``max(0, S1)`` and ``max(0, S2)``, jointly normal vectors, exact.

    With :func:`rectified_covariance` of each it makes the covariance of both together, at a
    fraction of the memory: what an image and the shifted image do to a layer, say.

    Parameters
    ----------
    mean1, variance1 : array_like, (n)
    mean2, variance2 : array_like, (m)
        Means and variances of the inputs; variances may be 0.
    cov : array_like, (n, m)
        Covariance of S1 (rows) and S2 (columns). That it fits the covariances within either is not
        looked at.

    Returns
    -------
    numpy.ndarray, (n, m)

    Raises
    ------
    InputError
        If shapes do not fit, values are not finite, a variance is negative, or a covariance exceeds
        what its two variances allow.

    Examples
    --------
    >>> rectified_cross_covariance([0.0], [0.0, 8.0], [1.0], [1.0, 1.0], [[-1.0, 0.5]]).round(4)
    array([[-0.1592,  0.25  ]])
    """
    named = {"mean1": mean1, "mean2": mean2, "variance1": variance1, "variance2": variance2}
    vectors = {name: real_numbers(values, name) for name, values in named.items()}
    m1, m2, v1, v2 = vectors.values()
    cov = real_numbers(cov, "cov")
    if m1.ndim != 1 or m2.ndim != 1 or v1.shape != m1.shape or v2.shape != m2.shape:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in vectors.items())
        msg = f"means and variances must be vectors, as long by pairs; got {shapes}"
        raise InputError(msg)
    if cov.shape != (m1.size, m2.size) or cov.size == 0:
        msg = f"cov must be (n, m) = {(m1.size, m2.size)}, not empty; got shape {cov.shape}"
        raise InputError(msg)
    if not all(np.isfinite(values).all() for values in (*vectors.values(), cov)):
        msg = "means, variances and cov must be finite; drop the units with NaN or infinite values"
        raise InputError(msg)
    first = _inputs(m1, _standard_deviations(v1, "variance1"))
    second = _inputs(m2, _standard_deviations(v2, "variance2"))
    return _covariance_of_pairs(first, second, cov, symmetric=False)


def _inputs(mean: np.ndarray, sigma: np.ndarray) -> _Inputs:
    h = standardised(mean, sigma)
    return _Inputs(h, sigma, marginal(h))


def _checked_covariance(mean: Any, cov: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, covariance and standard deviations of inputs, or raise InputError."""
    mean, cov = real_numbers(mean, "mean"), real_numbers(cov, "cov")
    if mean.ndim != 1 or cov.shape != (mean.size, mean.size) or mean.size == 0:
        msg = f"mean must be (n) and cov (n, n), n > 0; got shapes {mean.shape} and {cov.shape}"
        raise InputError(msg)
    if not (np.isfinite(mean).all() and np.isfinite(cov).all()):
        msg = "mean and cov must be finite; drop the units with NaN or infinite values"
        raise InputError(msg)
    sigma = _standard_deviations(np.diag(cov), "the diagonal of cov")
    _require_symmetry(cov, sigma)
    _require_semidefinite(cov, sigma)
    return mean, cov, sigma


def _standard_deviations(variance: np.ndarray, name: str) -> np.ndarray:
    """Return standard deviations; a variance below 0 by rounding is 0, by more is refused."""
    at_least_zero(np.where(variance < -ROUNDING_OF_LARGEST * variance.max(), variance, 0.0), name)
    return np.sqrt(np.maximum(variance, 0))


def _require_symmetry(cov: np.ndarray, sigma: np.ndarray) -> None:
    floor = ROUNDING_OF_LARGEST * sigma.max() ** 2
    for start in range(0, sigma.size, TILE):
        rows = slice(start, start + TILE)
        for other in range(start, sigma.size, TILE):
            columns = slice(other, other + TILE)
            slack = ROUNDING * np.outer(sigma[rows], sigma[columns]) + floor
            if np.any(np.abs(cov[rows, columns] - cov[columns, rows].T) > slack):
                msg = "cov must be symmetric; average it with its transpose if rounding made it so"
                raise InputError(msg)


def _require_semidefinite(cov: np.ndarray, sigma: np.ndarray) -> None:
    """Raise if an eigenvalue of the correlations is negative beyond rounding.

    Cholesky's decomposition tells it at a fraction of the cost of eigenvalues, in half the time
    again in single precision, whose errors are within the slack. Where it fails the eigenvalue
    itself decides.
    """
    slack = ROUNDING * sigma.size
    matrix = _correlation_matrix(cov, sigma, np.float32)
    matrix[np.diag_indices_from(matrix)] = 1 + slack
    try:
        scipy.linalg.cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        matrix = _correlation_matrix(cov, sigma, np.float64)
        (smallest,) = scipy.linalg.eigvalsh(matrix, subset_by_index=[0, 0], overwrite_a=True)
        if smallest < -slack:
            msg = (
                "cov must be positive semi-definite; its correlations have an eigenvalue of "
                f"{smallest:.2g}; estimate it from samples without gaps, or set its negative "
                "eigenvalues to 0"
            )
            raise InputError(msg) from None


def _correlation_matrix(cov: np.ndarray, sigma: np.ndarray, dtype: Any) -> np.ndarray:
    """Return all correlations; those of inputs that vary by rounding alone are 0."""
    largest = float(sigma.max()) ** 2
    constant = sigma**2 <= ROUNDING_OF_LARGEST * largest
    matrix = np.empty(cov.shape, dtype)
    for start in range(0, sigma.size, TILE):
        rows = slice(start, start + TILE)
        matrix[rows] = _correlations(cov[rows], sigma[rows], sigma, largest)
    matrix[constant] = matrix[:, constant] = 0.0
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _covariance_of_pairs(
    first: _Inputs, second: _Inputs, cov: np.ndarray, *, symmetric: bool
) -> np.ndarray:
    """Return the covariance of each of the first with each of the second, after rectification.

    `cov` is the covariance before. Of a `symmetric` one the half below the diagonal is mirrored.
    """
    covariance = np.empty(cov.shape)
    height = max(1, CHUNK // cov.shape[1])
    largest = float(first.sigma.max() * second.sigma.max())

    def fill(start: int) -> None:
        rows = slice(start, start + height)
        columns = slice(start if symmetric else 0, None)
        rho = _correlations(cov[rows, columns], first.sigma[rows], second.sigma[columns], largest)

        def products(of_first: np.ndarray, of_second: np.ndarray) -> np.ndarray:
            return np.multiply.outer(of_first[rows], of_second[columns]).ravel()

        one, other = first.marginal, second.marginal
        corr = correlation(
            np.repeat(first.mu_over_sigma[rows], rho.shape[1]),
            np.tile(second.mu_over_sigma[columns], rho.shape[0]),
            rho.ravel(),
            products(one.deviation, other.deviation),
            products(one.level, other.level),
            products(one.active, other.active),
        )
        corr *= products(first.sigma * one.true_deviation, second.sigma * other.true_deviation)
        covariance[rows, columns] = corr.reshape(rho.shape)
        if symmetric:  # exactly, within the square on the diagonal too
            covariance[start:, rows] = covariance[rows, start:].T
            square = covariance[rows, rows]
            square[:] = np.tril(square) + np.tril(square, -1).T

    starts = range(0, len(cov), height)
    n_threads = min(os.cpu_count() or 1, cov.size // (4 * CHUNK))
    if n_threads > 1:
        with ThreadPoolExecutor(n_threads) as threads:
            list(threads.map(fill, starts))
    else:
        for start in starts:
            fill(start)
    return covariance


def _correlations(
    cov: np.ndarray, sigma1: np.ndarray, sigma2: np.ndarray, largest: float
) -> np.ndarray:
    """Return the correlations of a block of a covariance matrix, 0 where a variance is 0.

    `largest` is the product of the largest deviations on either side of the whole matrix.
    """
    scale = np.outer(sigma1, sigma2)
    if np.any(np.abs(cov) > (1 + ROUNDING) * scale + ROUNDING_OF_LARGEST * largest):
        msg = "cov must be positive semi-definite; a correlation in it exceeds 1; mend the estimate"
        raise InputError(msg)
    rho = np.divide(cov, scale, out=np.zeros_like(cov), where=scale > 0)
    return np.clip(rho, -1, 1, out=rho)
