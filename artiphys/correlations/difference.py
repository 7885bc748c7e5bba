"""The difference of two rank correlations that were measured apart, with interval and p-value."""

from typing import NamedTuple

import numpy as np
from scipy import optimize

from artiphys.correlations.inference import BoundedCorrelation, RankCorrelation

__all__ = ["Difference", "difference_of"]

MIN_P = 1e-15  # smaller p-values say no more
HIGHEST_LOG_P = -1e-12  # beyond it the interval's length is rounding


_Correlation = RankCorrelation | BoundedCorrelation


class Difference(NamedTuple):
    """Of two correlations."""

    difference: float
    lower: float
    upper: float
    p_value: float


def difference_of(first: _Correlation, second: _Correlation, level: float = 0.95) -> Difference:
    r"""Return `first` minus `second`.

    .. math:: d = r_1 - r_2, \quad
              L = d - \sqrt{(r_1 - l_1)^2 + (u_2 - r_2)^2}, \quad
              U = d + \sqrt{(u_1 - r_1)^2 + (r_2 - l_2)^2}

    with the two intervals (l, u) of the same level. The p-value is 1 less the level at which the
    interval ends at 0.

    Parameters
    ----------
    first, second : RankCorrelation or BoundedCorrelation
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
    lower, upper = np.clip([difference - below, difference + above], -2.0, 2.0)
    return Difference(difference, float(lower), float(upper), p_value)


def _reaches(first: _Correlation, second: _Correlation, alpha: float) -> tuple[float, float]:
    """Return how far the interval reaches below the difference, and above."""
    (below_first, above_first), (below_second, above_second) = (
        of.reaches(alpha) for of in (first, second)
    )
    return float(np.hypot(below_first, above_second)), float(np.hypot(above_first, below_second))
