r"""The curve of the single-input relation through units that lie on it but for rounding.

Theory in place of measurements: a likelihood, which takes scatter for granted, has nothing to hold
on to there, while two unknowns and more equations than that have a solution.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import OptimizeResult, least_squares

from artiphys.rectification.curve import curve_correlation

__all__ = ["ExactCurve", "exact_curve"]

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
        Log of the variance, in the square of the responses' units, and Fisher's z of the
        correlation; three units at least.

    Returns
    -------
    ExactCurve or None
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
