"""The difference of two rank correlations that were measured apart, with interval and p-value."""

from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from artiphys.correlations.jackknife import rank_correlations, rank_correlations_without_each

__all__ = ["Correlation", "Difference", "correlation_of_units", "difference_of"]

MIN_P = 1e-15  # smaller p-values say no more
HIGHEST_LOG_P = -1e-12  # beyond it the interval's length is rounding
NEARLY_PERFECT = 1 - 1e-9  # Fisher's z of a perfect relation is infinite


class Correlation(NamedTuple):
    """A rank correlation, and what an interval of any level is made from."""

    measured: float  # attenuated by the noise of what was correlated
    error: float  # standard error of its Fisher z
    freedom: float  # degrees of freedom of the error
    attenuation: float  # what it is divided by; NaN where that is not known

    @property
    def estimate(self) -> float:
        """The correlation itself."""
        return self.measured / self.attenuation

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the ends of the interval of level 1 - `alpha`, by the t of Fisher's z."""
        measured = np.clip(self.measured, -NEARLY_PERFECT, NEARLY_PERFECT)
        reach = stats.t.isf(alpha / 2, self.freedom) * self.error
        lower, upper = np.tanh(np.arctanh(measured) + np.array([-reach, reach])) / self.attenuation
        return float(lower), float(upper)


class Difference(NamedTuple):
    """Of two correlations."""

    difference: float
    lower: float
    upper: float
    p_value: float


def correlation_of_units(x: np.ndarray, y: np.ndarray) -> Correlation:
    """Return Spearman's correlation of two quantities as they are, its error by a jackknife."""
    values, keep = np.stack([x, y])[None], np.ones((1, x.size), dtype=bool)
    measured = rank_correlations(values, keep)[0, 0, 1]
    without = rank_correlations_without_each(values, keep)[0, :, 0, 1]
    variance = (x.size - 1) / x.size * ((without - without.mean()) ** 2).sum()
    scale = 1 - min(abs(measured), NEARLY_PERFECT) ** 2
    return Correlation(float(measured), float(np.sqrt(variance) / scale), x.size - 2, 1.0)


def difference_of(first: Correlation, second: Correlation, level: float = 0.95) -> Difference:
    r"""Return `first` minus `second`.

    .. math:: d = r_1 - r_2, \quad
              L = d - \sqrt{(r_1 - l_1)^2 + (u_2 - r_2)^2}, \quad
              U = d + \sqrt{(u_1 - r_1)^2 + (r_2 - l_2)^2}

    with the two intervals (l, u) of the same level. The p-value is 1 less the level at which the
    interval ends at 0.

    Parameters
    ----------
    first, second : Correlation
        From different units.
    level : float

    Returns
    -------
    Difference
        NaN where one of the two has no estimate.

    References
    ----------
    Zou, G. Y. (2007). Toward using confidence intervals to compare correlations. Psychol. Methods
    12(4), 399-413. https://doi.org/10.1037/1082-989X.12.4.399
    """
    difference = first.estimate - second.estimate
    if not np.isfinite([difference, first.error, second.error]).all():
        return Difference(*[float("nan")] * 4)
    below, above = _reaches(first, second, 1 - level)
    towards_zero = 0 if difference > 0 else 1

    def short_of_zero(log_p: float) -> float:
        return abs(difference) - _reaches(first, second, np.exp(log_p))[towards_zero]

    if short_of_zero(HIGHEST_LOG_P) <= 0:  # no difference, or one of rounding
        p_value = 1.0
    elif short_of_zero(np.log(MIN_P)) >= 0:
        p_value = MIN_P if first.error or second.error else 0.0
    else:
        p_value = float(np.exp(optimize.brentq(short_of_zero, np.log(MIN_P), HIGHEST_LOG_P)))
    return Difference(difference, difference - below, difference + above, p_value)


def _reaches(first: Correlation, second: Correlation, alpha: float) -> tuple[float, float]:
    """Return how far the interval reaches below the difference, and above."""
    (l1, u1), (l2, u2) = first.interval(alpha), second.interval(alpha)
    below = np.hypot(first.estimate - l1, u2 - second.estimate)
    above = np.hypot(u1 - first.estimate, second.estimate - l2)
    return float(below), float(above)
