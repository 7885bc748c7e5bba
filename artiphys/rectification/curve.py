r"""The single-input relation: variance and invariance of one rectified input rise together.

As `mu/sigma` of an input goes up, both quantities follow one curve, set by the input's correlation
`rho` alone. The paper approximates the curve by a power law of Fisher's z, ``z = a v^b``.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.optimize import minimize_scalar
from scipy.special import ndtr, owens_t

from artiphys.arguments import real_numbers
from artiphys.errors import InputError
from artiphys.rectification.moments import rectified_moments

__all__ = [
    "PowerLaw",
    "PowerLawFit",
    "curve_correlation",
    "curve_place",
    "power_law",
    "rectified_quadrants",
    "single_input_relation",
]

EXPONENTS = (-5.0, 10.0)


class PowerLaw(NamedTuple):
    """``z = a v^b``."""

    a: float
    b: float


class PowerLawFit(NamedTuple):
    """A power law, the standard errors of its numbers, and the share of z's variance it takes."""

    a: float
    b: float
    error_a: float
    error_b: float
    r_squared: float


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
        ``r_squared``: the share of z's variance it takes, and ``largest_error``: the correlation it
        misses by at worst.

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
    standard errors hold for any errors of z that are independent between units; those of the
    variance are not allowed for, so that noise in it pulls `b` to 0.

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
    # Relative to their middle the variances keep a and b from compensating each other.
    middle = float(np.exp(np.log(v).mean()))
    log_v, z = np.log(v / middle), np.arctanh(r)

    def scale(b: float) -> float:
        power = np.exp(b * log_v)
        return float(power @ z / (power @ power))

    def cost(b: float) -> float:
        return float(((z - scale(b) * np.exp(b * log_v)) ** 2).sum())

    candidates = np.linspace(*EXPONENTS, 151)
    nearest = candidates[np.argmin([cost(b) for b in candidates])]
    b = float(minimize_scalar(cost, bounds=(nearest - 0.1, nearest + 0.1), method="bounded").x)
    a = scale(b)
    power = np.exp(b * log_v)
    residual = z - a * power
    slopes = np.column_stack([power, a * power * log_v])
    bread = np.linalg.pinv(slopes.T @ slopes)
    covariance = bread @ (slopes.T * residual**2) @ slopes @ bread * v.size / (v.size - 2)
    # a at a variance of 1: a' = a middle^-b.
    at_one = middle**-b
    change = np.array([at_one, -a * at_one * np.log(middle)])
    error_a = float(np.sqrt(change @ covariance @ change))
    total = float(((z - z.mean()) ** 2).sum())
    r_squared = 1 - float(residual @ residual) / total if total > 0 else np.nan
    return PowerLawFit(a * at_one, b, error_a, float(np.sqrt(covariance[1, 1])), r_squared)


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
    both = above - 2 * float(owens_t(mu_over_sigma, np.sqrt((1 - rho) / (1 + rho))))
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


def curve_place(variance: np.ndarray) -> np.ndarray:
    """Return the mu/sigma where the curve of unit scale has a variance; inf from 1 on."""
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
