r"""The single-input relation: variance and invariance of one rectified input rise together.

As `mu/sigma` of an input goes up, both quantities follow one curve, set by the input's correlation
`rho` alone.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy import stats
from scipy.optimize import OptimizeResult, least_squares
from scipy.special import ndtr

from artiphys.arguments import real_numbers
from artiphys.errors import InputError
from artiphys.rectification.moments import rectified_moments
from artiphys.rectification.pair import probability_both_above
from artiphys.rectification.power_law import power_law

__all__ = [
    "ExactCurve",
    "curve_correlation",
    "curve_mu_over_sigma",
    "exact_curve",
    "rectified_quadrants",
    "single_input_relation",
]

# Largest root mean square residual of Fisher's z on an exact curve; a million images leave a
# hundred times as much.
ROUNDING = 1e-5
# Of sigma² over the largest variance, where the search starts: units may lie far below the end.
STARTS = (1.0, 2.0, 6.0, 20.0, 100.0)
MOST_Z = 18.0  # beyond it tanh is 1


class ExactCurve(NamedTuple):
    """The parameters of the curve, and their covariance by the residuals that rounding leaves."""

    log_sigma: float
    fisher_rho: float
    covariance: np.ndarray
    freedom: int

    def bounds(self, level: float) -> np.ndarray:
        """Return lower and upper bounds (columns) of log sigma and Fisher z of rho (rows)."""
        reach = stats.t.ppf((1 + level) / 2, self.freedom) * np.sqrt(np.diag(self.covariance))
        middle = np.array([self.log_sigma, self.fisher_rho])
        return np.column_stack([middle - reach, middle + reach])


def single_input_relation(rho: Any, *, sigma: float = 1.0, mu_over_sigma: Any = None) -> xr.Dataset:
    r"""Return the curve of variance against correlation as mu/sigma varies, and its power law.

    Parameters
    ----------
    rho : float or array_like, (rho)
        Correlation of the input's values for image and shifted image, in (0, 1).
    sigma : float
        Standard deviation of the input, in the units of the responses.
    mu_over_sigma : array_like, (mu_over_sigma), optional
        By default 121 values from -2 to 2.

    Returns
    -------
    xarray.Dataset, (rho, mu_over_sigma)
        ``variance`` and ``correlation`` after rectification, ``fisher_z`` of the latter,
        ``power_law``: the z of the least-squares power law; over rho its ``a`` and ``b``,
        ``r_squared``: the share of the variance of z it explains, and ``largest_error``: its
        largest error of the correlation.

    Raises
    ------
    InputError
        If a correlation lies outside (0, 1) or sigma is not above 0.

    References
    ----------
    Pospisil & Bair (2019), NeurIPS 32, Fig. 2B.

    Examples
    --------
    >>> relation = single_input_relation(0.5)
    >>> relation["correlation"].sel(rho=0.5, mu_over_sigma=0).round(4).item()
    0.4264
    >>> bool(relation["largest_error"].item() < 0.03)
    True
    """
    rho = np.atleast_1d(real_numbers(rho, "rho"))
    if not ((rho > 0) & (rho < 1)).all():
        msg = f"rho must lie in (0, 1), where variance and correlation rise together; got {rho}"
        raise InputError(msg)
    if not real_numbers(sigma, "sigma") > 0:
        msg = f"sigma must be above 0; got {sigma}"
        raise InputError(msg)
    ratio = np.linspace(-2, 2, 121)
    if mu_over_sigma is not None:
        ratio = real_numbers(mu_over_sigma, "mu_over_sigma")
    mu = sigma * ratio
    moments = rectified_moments(mu, mu, sigma, sigma, rho[:, np.newaxis])
    fisher_z = np.arctanh(moments.corr)
    fits = [power_law(v, r) for v, r in zip(moments.var1, moments.corr, strict=True)]
    a, b, _, _, r_squared = (np.array(values) for values in zip(*fits, strict=True))
    approximation = a[:, np.newaxis] * moments.var1 ** b[:, np.newaxis]
    dims = ("rho", "mu_over_sigma")
    return xr.Dataset(
        {
            "variance": (dims, moments.var1),
            "correlation": (dims, moments.corr),
            "fisher_z": (dims, fisher_z),
            "power_law": (dims, approximation),
            "a": ("rho", a),
            "b": ("rho", b),
            "r_squared": ("rho", r_squared),
            "largest_error": ("rho", np.abs(np.tanh(approximation) - moments.corr).max(axis=1)),
        },
        coords={"rho": rho, "mu_over_sigma": ratio},
        attrs={"sigma": float(sigma)},
    )


def rectified_quadrants(mu_over_sigma: float, rho: float) -> xr.Dataset:
    """Return the density of a pair of inputs and what rectification makes of its four quadrants.

    Parameters
    ----------
    mu_over_sigma : float
        Of both inputs.
    rho : float
        Their correlation, in (-1, 1).

    Returns
    -------
    xarray.Dataset
        ``density`` (shifted, reference) over the plane of the inputs in units of sigma;
        ``probability`` (quadrant) of *both* above threshold, the *reference* alone, the *shifted*
        alone, *neither*: the first stays as it is, the next two fall onto the axes, the last onto
        the origin. ``axis_density`` (reference): of what falls onto the reference's axis, 0 below
        threshold; the shifted one's is the same. attrs: the arguments, and ``variance`` and
        ``correlation`` after rectification.

    Raises
    ------
    InputError
        If rho lies outside (-1, 1).

    References
    ----------
    Pospisil & Bair (2019), NeurIPS 32, Fig. 2A.

    Examples
    --------
    >>> rectified_quadrants(0.0, 0.5)["probability"].values.round(4).tolist()
    [0.3333, 0.1667, 0.1667, 0.3333]
    """
    real_numbers(mu_over_sigma, "mu_over_sigma")
    if not -1 < real_numbers(rho, "rho") < 1:
        msg = f"rho must lie in (-1, 1) for a density; got {rho}"
        raise InputError(msg)
    above = float(ndtr(mu_over_sigma))
    both = float(probability_both_above(mu_over_sigma, rho))
    axis = np.linspace(mu_over_sigma - 4, mu_over_sigma + 4, 161)
    x, y = axis - mu_over_sigma, axis[:, np.newaxis] - mu_over_sigma
    left = np.sqrt(1 - rho * rho)  # deviation of one input given the other
    power = (x * x - 2 * rho * x * y + y * y) / (2 * left**2)
    other_below = ndtr(-(mu_over_sigma + rho * x) / left)
    on_axis = np.where(axis > 0, np.exp(-x * x / 2) / np.sqrt(2 * np.pi) * other_below, 0.0)
    moments = rectified_moments(mu_over_sigma, mu_over_sigma, 1, 1, rho)
    return xr.Dataset(
        {
            "density": (("shifted", "reference"), np.exp(-power) / (2 * np.pi * left)),
            "axis_density": ("reference", on_axis),
            "probability": ("quadrant", [both, above - both, above - both, 1 - 2 * above + both]),
        },
        coords={
            "reference": axis,
            "shifted": axis,
            "quadrant": ["both", "reference", "shifted", "neither"],
        },
        attrs={
            "mu_over_sigma": float(mu_over_sigma),
            "rho": float(rho),
            "variance": float(moments.var1),
            "correlation": float(moments.corr),
        },
    )


def curve_mu_over_sigma(variance: np.ndarray) -> np.ndarray:
    """Return the mu/sigma where the curve of unit scale has a variance; inf from 1 on."""
    grid, log_variance = _log_variances()
    with np.errstate(divide="ignore"):
        m = np.interp(np.log(variance), log_variance, grid, left=-np.inf, right=np.inf)
    return np.where(np.isnan(variance), np.nan, m)


def curve_correlation(variance: np.ndarray, rho: float) -> np.ndarray:
    """Return the correlation where the curve of unit scale has a variance; rho from 1 on."""
    m = curve_mu_over_sigma(variance)
    return rectified_moments(m, m, 1.0, 1.0, rho).corr


def exact_curve(log_variance: np.ndarray, fisher_z: np.ndarray) -> ExactCurve | None:
    """Return the curve through the units by least squares, or None if they do not lie on one.

    Units lie on a curve but for rounding where they are theory in place of measurements. A
    likelihood, which expects scatter, has no maximum then; two unknowns and more equations have a
    solution.

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

    def residuals(point: np.ndarray) -> np.ndarray:
        log_share = log_variance - 2 * point[0]  # of sigma²
        on_curve = curve_correlation(np.exp(np.minimum(log_share, 0)), float(np.tanh(point[1])))
        with np.errstate(divide="ignore"):
            z = np.minimum(np.arctanh(on_curve), MOST_Z)
        return np.concatenate([fisher_z - z, np.maximum(log_share, 0)])  # none is beyond the end

    fits: list[OptimizeResult] = []
    for start in STARTS:
        origin = (log_variance.max() / 2 + np.log(start) / 2, fisher_z.max() * 1.05)
        fits.append(
            least_squares(residuals, origin, x_scale=0.1, xtol=1e-13, ftol=1e-13, gtol=1e-13)
        )
        if 2 * fits[-1].cost < ROUNDING**2 * 1e-2 * fisher_z.size:
            break
    best = min(fits, key=lambda fit: fit.cost)
    if 2 * best.cost > ROUNDING**2 * fisher_z.size:
        return None
    freedom = fisher_z.size - 2
    covariance = np.linalg.pinv(best.jac.T @ best.jac) * (2 * best.cost / freedom)
    return ExactCurve(float(best.x[0]), float(best.x[1]), covariance, freedom)


@lru_cache(maxsize=1)
def _log_variances() -> tuple[np.ndarray, np.ndarray]:
    """Return a grid of mu/sigma and the log variance on it, for linear interpolation."""
    grid = np.concatenate([-np.linspace(37, 6, 125)[:-1], np.linspace(-6, 8, 2801)])
    return grid, np.log(rectified_moments(grid, 0.0, 1.0, 1.0, 0.0).var1)
