"""The covariance of normal inputs: whether a matrix is one, and the correlations in it.

A measured matrix is one only to rounding. Its correlations are allowed what single precision does
to them, its entries what double precision does beside the largest variance.
"""

from typing import Any

import numpy as np
import scipy.linalg

from artiphys.arguments import real_numbers
from artiphys.errors import InputError

__all__ = ["at_least_zero", "checked_covariance", "checked_deviations", "correlations"]

# Of correlations: in a sample covariance, of float32 data too, rounding is far below this.
ROUNDING = 1e-6
# Of the largest variance: what a sum over images leaves where nothing varies is below this.
DUST = 1e-12
# Side of the squares in which a large matrix is compared with its transpose, to stay in the cache.
TILE = 256


def at_least_zero(values: np.ndarray, name: str) -> None:
    """Raise InputError if some of the values called `name` are negative."""
    if np.any(values < 0):
        msg = f"{name} must be at least 0; got {float(np.nanmin(values)):g}"
        raise InputError(msg)


def checked_deviations(variance: np.ndarray, name: str) -> np.ndarray:
    """Return standard deviations; a variance below 0 by rounding is 0, by more is refused."""
    at_least_zero(np.where(variance < -DUST * variance.max(), variance, 0.0), name)
    return np.sqrt(np.maximum(variance, 0))


def checked_covariance(mean: Any, cov: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, covariance and standard deviations, if they are some."""
    mean, cov = real_numbers(mean, "mean"), real_numbers(cov, "cov")
    if mean.ndim != 1 or cov.shape != (mean.size, mean.size) or mean.size == 0:
        msg = f"mean must be (n) and cov (n, n), n > 0; got shapes {mean.shape} and {cov.shape}"
        raise InputError(msg)
    if not (np.isfinite(mean).all() and np.isfinite(cov).all()):
        msg = "mean and cov must be finite; drop the units with NaN or infinite values"
        raise InputError(msg)
    sigma = checked_deviations(np.diag(cov), "the diagonal of cov")
    _require_symmetry(cov, sigma)
    _require_semidefinite(cov, sigma)
    return mean, cov, sigma


def correlations(
    cov: np.ndarray, sigma1: np.ndarray, sigma2: np.ndarray, largest: float
) -> np.ndarray:
    """Return the correlations of a block of a covariance matrix, 0 where a variance is.

    `largest` is the product of the largest deviations on either side of the whole matrix.
    """
    scale = np.outer(sigma1, sigma2)
    if np.any(np.abs(cov) > (1 + ROUNDING) * scale + DUST * largest):
        msg = "cov must be positive semi-definite; a correlation in it exceeds 1; mend the estimate"
        raise InputError(msg)
    rho = np.divide(cov, scale, out=np.zeros_like(cov), where=scale > 0)
    return np.clip(rho, -1, 1, out=rho)


def _require_symmetry(cov: np.ndarray, sigma: np.ndarray) -> None:
    dust = DUST * sigma.max() ** 2
    for start in range(0, sigma.size, TILE):
        rows = slice(start, start + TILE)
        for other in range(start, sigma.size, TILE):
            columns = slice(other, other + TILE)
            slack = ROUNDING * np.outer(sigma[rows], sigma[columns]) + dust
            if np.any(np.abs(cov[rows, columns] - cov[columns, rows].T) > slack):
                msg = "cov must be symmetric; average it with its transpose if rounding made it so"
                raise InputError(msg)


def _require_semidefinite(cov: np.ndarray, sigma: np.ndarray) -> None:
    """Raise if an eigenvalue of the correlations is negative beyond rounding.

    Cholesky's decomposition tells it at a fraction of the price of eigenvalues, in half the time
    again in single precision, whose errors are within the slack. It need not be right where it
    fails, for then the eigenvalue is found after all.
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
    still = sigma**2 <= DUST * largest
    matrix = np.empty(cov.shape, dtype)
    for start in range(0, sigma.size, TILE):
        rows = slice(start, start + TILE)
        matrix[rows] = correlations(cov[rows], sigma[rows], sigma, largest)
    matrix[still] = matrix[:, still] = 0.0
    np.fill_diagonal(matrix, 1.0)
    return matrix
