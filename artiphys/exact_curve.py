r"""The curve of the single-input relation through units that lie on it but for rounding.

Theory in place of measurements: a likelihood, which takes scatter for granted, has nothing to hold
on to there, while two unknowns and more equations than that have a solution.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import OptimizeResult, least_squares

from artiphys.rectification import rectified_moments

__all__ = ["ExactCurve", "curve_correlation", "curve_place", "exact_curve"]

# Largest root mean square of what is left of Fisher's z; a million images leave a hundredfold.
ROUNDING = 1e-5
# Of sigma² over the largest variance, where the search starts: units may lie far below the end.
STARTS = (1.0, 2.0, 6.0, 20.0, 100.0)
MOST_Z = 18.0  # beyond it tanh is 1


class ExactCurve(NamedTuple):
    """The parameters of the curve, and their covariance by what rounding leaves."""

    log_sigma: float
    fisher_rho: float
    covariance: np.ndarray
    freedom: int

    def bounds(self, level: float) -> np.ndarray:
        """Return lower and upper bounds (columns) of log sigma and Fisher z of rho (rows)."""
        reach = stats.t.ppf((1 + level) / 2, self.freedom) * np.sqrt(np.diag(self.covariance))
        middle = np.array([self.log_sigma, self.fisher_rho])
        return np.column_stack([middle - reach, middle + reach])


def exact_curve(log_variance: np.ndarray, fisher_z: np.ndarray) -> ExactCurve | None:
    """Return the curve through the units by least squares, or None if they do not lie on one.

    Parameters
    ----------
    log_variance, fisher_z : numpy.ndarray, (unit)
        Three units at least.
    """
    if (np.diff(fisher_z[np.argsort(log_variance)]) < -ROUNDING).any():
        return None  # the curve rises

    def left(point: np.ndarray) -> np.ndarray:
        log_part = log_variance - 2 * point[0]
        on_curve = curve_correlation(np.exp(np.minimum(log_part, 0)), float(np.tanh(point[1])))
        with np.errstate(divide="ignore"):
            z = np.minimum(np.arctanh(on_curve), MOST_Z)
        return np.concatenate([fisher_z - z, np.maximum(log_part, 0)])  # none is beyond the end

    fits: list[OptimizeResult] = []
    for start in STARTS:
        origin = (log_variance.max() / 2 + np.log(start) / 2, fisher_z.max() * 1.05)
        fits.append(least_squares(left, origin, x_scale=0.1, xtol=1e-13, ftol=1e-13, gtol=1e-13))
        if 2 * fits[-1].cost < ROUNDING**2 * 1e-2 * fisher_z.size:
            break
    best = min(fits, key=lambda fit: fit.cost)
    if 2 * best.cost > ROUNDING**2 * fisher_z.size:
        return None
    freedom = fisher_z.size - 2
    covariance = np.linalg.pinv(best.jac.T @ best.jac) * (2 * best.cost / freedom)
    return ExactCurve(float(best.x[0]), float(best.x[1]), covariance, freedom)


def curve_place(variance: np.ndarray) -> np.ndarray:
    """Return the mu/sigma at which the curve of unit scale has a variance; inf from 1 on."""
    grid, log_variance = _places()
    with np.errstate(divide="ignore"):
        m = np.interp(np.log(variance), log_variance, grid, left=-np.inf, right=np.inf)
    return np.where(np.isnan(variance), np.nan, m)


def curve_correlation(variance: np.ndarray, rho: float) -> np.ndarray:
    """Return the correlation where the curve of unit scale has a variance; rho from 1 on."""
    m = curve_place(variance)
    return rectified_moments(m, m, 1.0, 1.0, rho).corr


@lru_cache(maxsize=1)
def _places() -> tuple[np.ndarray, np.ndarray]:
    """Return places of mu/sigma and the log variance there, for linear interpolation."""
    grid = np.concatenate([-np.linspace(37, 6, 125)[:-1], np.linspace(-6, 8, 2801)])
    return grid, np.log(rectified_moments(grid, 0.0, 1.0, 1.0, 0.0).var1)
