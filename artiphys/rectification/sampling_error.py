r"""Sampling error: how far a finite number of images moves a unit's variance and invariance.

For independent images the sample variance and the sample correlation of a rectified pair are, to
first order in 1/n, jointly normal, with covariances set by the pair's moments up to the fourth.
Those of a rectified normal pair have closed forms: by Stein's identity each moment above threshold
follows from lower ones. Where few responses are above threshold they are so skewed that the errors
far exceed those of normal theory, 2/(n - 1) for a log variance and 1/(n - 3) for a Fisher z.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from artiphys.rectification.moments import rectified_moments
from artiphys.rectification.pair import probability_both_above

__all__ = ["SamplingError", "sampling_error"]


class SamplingError(NamedTuple):
    """Log variance and Fisher z of a rectified pair, and n times their errors from n images."""

    log_variance: np.ndarray
    fisher_z: np.ndarray
    var_log_variance: np.ndarray
    var_fisher_z: np.ndarray
    cov: np.ndarray
    bias_log_variance: np.ndarray
    bias_fisher_z: np.ndarray


def sampling_error(mu_over_sigma: Any, rho: float) -> SamplingError:
    r"""Return the log variance and Fisher z of a rectified pair, and n times their sampling errors.

    With ``u, v`` the two standardised rectified variables and ``r`` their correlation, the errors
    are the means over n images of

    .. math:: u^2 - 1 \quad\text{and}\quad \frac{uv - r (u^2 + v^2)/2}{1 - r^2} .

    Parameters
    ----------
    mu_over_sigma : array_like
        Of both inputs, from -6 up.
    rho : float
        Correlation of the inputs, in (-1, 1).

    Returns
    -------
    SamplingError
        Divide the variances, the covariance and the biases by the number of images.

    Notes
    -----
    The sample variance is that with ddof 1. The first order is good where the number of images
    times the probability to be above threshold is 20 or more.

    References
    ----------
    Stuart & Ord (1994), Kendall's Advanced Theory of Statistics, vol. 1, chapter 10.

    Examples
    --------
    Far above threshold the variables are normal: 2/n and 1/n.

    >>> error = sampling_error([8.0], 0.5)
    >>> error.var_log_variance.round(3), error.var_fisher_z.round(3)
    (array([2.]), array([1.]))
    """
    m = np.asarray(mu_over_sigma, dtype=float)
    pair = rectified_moments(m, m, 1.0, 1.0, rho)
    r = pair.corr
    fourth, third_first, second_second = _standardised_fourth_moments(m, rho)
    squares = fourth + second_second
    scale = 1 / (1 - r * r)
    var_r = second_second - 2 * r * third_first + r * r * squares / 2
    bias_r = r * (0.75 * (fourth - 1) + 0.25 * (second_second - 1) + 1) - third_first
    return SamplingError(
        log_variance=np.log(pair.var1),
        fisher_z=np.arctanh(r),
        var_log_variance=fourth - 1,
        var_fisher_z=var_r * scale**2,
        cov=(third_first - r * squares / 2) * scale,
        bias_log_variance=-(fourth - 1) / 2,
        bias_fisher_z=bias_r * scale + r * var_r * scale**2,
    )


def _standardised_fourth_moments(
    m: np.ndarray, rho: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``E u⁴, E u³v, E u²v²``."""
    single = _moments_above(m, 1.0, 4)
    joint = _joint_moments_above(m, rho)
    mean = single[1]
    variance = single[2] - mean**2
    fourth = single[4] - 4 * mean * single[3] + 6 * mean**2 * single[2] - 3 * mean**4
    third = single[3] - 3 * mean * single[2] + 2 * mean**3
    third_first = joint(3, 1) - 3 * mean * joint(2, 1) + 3 * mean**2 * joint(1, 1) - mean**4
    third_first = third_first - mean * third
    second_second = joint(2, 2) - 4 * mean * joint(2, 1) + 2 * mean**2 * single[2]
    second_second = second_second + 4 * mean**2 * joint(1, 1) - 3 * mean**4
    return fourth / variance**2, third_first / variance**2, second_second / variance**2


def _moments_above(mean: np.ndarray, sd: float, order: int) -> list[np.ndarray]:
    """Return ``E[max(0, S)^i; S > 0]`` for i from 0 to `order`, ``S ~ N(mean, sd²)``."""
    h = mean / sd
    density = np.exp(-h * h / 2) / np.sqrt(2 * np.pi)
    moments = [ndtr(h), mean * ndtr(h) + sd * density]
    for i in range(1, order):
        moments.append(mean * moments[i] + i * sd**2 * moments[i - 1])
    return moments


def _joint_moments_above(m: np.ndarray, rho: float) -> Any:
    """Return the function ``i, j -> E[X1^i X2^j; X1 > 0, X2 > 0]`` of ``X = m + Z``."""
    density = np.exp(-m * m / 2) / np.sqrt(2 * np.pi)
    # Of one variable while the other is at the threshold.
    edge = _moments_above(m * (1 - rho), np.sqrt(1 - rho * rho), 3)

    @cache
    def joint(i: int, j: int) -> np.ndarray:
        if j > i:
            return joint(j, i)
        if i == 0:
            return probability_both_above(m, rho)
        # Stein: E[Z1 f] = E[∂1 f] + rho E[∂2 f], and the edges where f ends above 0.
        moment = m * joint(i - 1, j)
        moment = moment + ((i - 1) * joint(i - 2, j) if i > 1 else density * edge[j])
        return moment + rho * (j * joint(i - 1, j - 1) if j > 0 else density * edge[i - 1])

    return joint
