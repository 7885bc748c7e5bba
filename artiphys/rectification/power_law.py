r"""The power law ``z = a v^b`` by which the paper approximates the single-input relation.

`v` is the variance of a unit and `z` Fisher's transform of its invariance.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from artiphys.arguments import real_numbers
from artiphys.errors import InputError

__all__ = ["PowerLaw", "PowerLawFit", "power_law"]

EXPONENTS = (-5.0, 10.0)  # of the search


class PowerLaw(NamedTuple):
    """``z = a v^b``."""

    a: float
    b: float


class PowerLawFit(NamedTuple):
    """A power law, its standard errors, and the share of the variance of z it explains."""

    a: float
    b: float
    error_a: float
    error_b: float
    r_squared: float


def power_law(variance: Any, invariance: Any) -> PowerLawFit:
    r"""Return the least-squares power law of Fisher's z of invariance against variance.

    .. math:: z(\rho_u) = a\, (\sigma^2_u)^b

    Parameters
    ----------
    variance : array_like, (unit)
        Above 0.
    invariance : array_like, (unit)
        In (-1, 1).

    Returns
    -------
    PowerLawFit
        ``a, b, error_a, error_b, r_squared``. `a` is in the units of the variance to the power -b.

    Raises
    ------
    InputError
        If there are fewer than 3 units, the variances are all one, or a value is out of range.

    Notes
    -----
    Least squares in z, which Fisher's transformation gives much the same error everywhere. The
    standard errors are White's (HC1), valid for any errors of z that are independent between
    units. Errors of the variance are not allowed for: noise in it pulls `b` to 0.

    Examples
    --------
    >>> fit = power_law([1.0, 4.0, 16.0], np.tanh([0.5, 1.0, 2.0]))
    >>> round(fit.a, 6), round(fit.b, 6)
    (0.5, 0.5)
    """
    v, r = real_numbers(variance, "variance"), real_numbers(invariance, "invariance")
    if v.shape != r.shape or v.ndim != 1 or v.size < 3:
        shapes = f"{v.shape} and {r.shape}"
        msg = f"variance and invariance must be (unit), of 3 units or more; got shapes {shapes}"
        raise InputError(msg)
    if not ((v > 0).all() and (np.abs(r) < 1).all()):
        msg = "variance must be above 0 and invariance within (-1, 1); drop the other units"
        raise InputError(msg)
    if np.ptp(v) <= 1e-9 * v.max():
        msg = f"variance must differ between units for a power law; all {v.size} are {v[0]:.6g}"
        raise InputError(msg)
    # Relative to their geometric mean, so that errors of a and b hardly correlate.
    mean = float(np.exp(np.log(v).mean()))
    log_v, z = np.log(v / mean), np.arctanh(r)
    a, b = _least_squares(log_v, z)
    residual = z - a * np.exp(b * log_v)
    covariance = _sandwich(log_v, residual, a, b)
    # a at a variance of 1: a' = a mean^-b.
    at_one = mean**-b
    gradient = np.array([at_one, -a * at_one * np.log(mean)])
    error_a = float(np.sqrt(gradient @ covariance @ gradient))
    total = float(((z - z.mean()) ** 2).sum())
    r_squared = 1 - float(residual @ residual) / total if total > 0 else np.nan
    return PowerLawFit(a * at_one, b, error_a, float(np.sqrt(covariance[1, 1])), r_squared)


def _least_squares(log_v: np.ndarray, z: np.ndarray) -> tuple[float, float]:
    """Return a and b; a is linear given b, which is searched for."""

    def scale(b: float) -> float:
        power = np.exp(b * log_v)
        return float(power @ z / (power @ power))

    def cost(b: float) -> float:
        return float(((z - scale(b) * np.exp(b * log_v)) ** 2).sum())

    candidates = np.linspace(*EXPONENTS, 151)
    nearest = candidates[np.argmin([cost(b) for b in candidates])]
    b = float(minimize_scalar(cost, bounds=(nearest - 0.1, nearest + 0.1), method="bounded").x)
    return scale(b), b


def _sandwich(log_v: np.ndarray, residual: np.ndarray, a: float, b: float) -> np.ndarray:
    """Return White's covariance (HC1) of a and b."""
    # Imported here, so that importing artiphys does not load statsmodels.
    from statsmodels.stats.sandwich_covariance import cov_white_simple

    power = np.exp(b * log_v)
    jacobian = np.column_stack([power, a * power * log_v])
    inverse_hessian = np.linalg.pinv(jacobian.T @ jacobian)
    scores = jacobian * residual[:, np.newaxis]
    return cov_white_simple((scores, inverse_hessian), use_correction=True)
