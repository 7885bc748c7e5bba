"""A rank correlation with its jackknife error: interval and p-value, by the t of Fisher's z."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from artiphys.correlations.jackknife import jackknife_covariance, rank_correlations_without_each
from artiphys.correlations.ranks import rank_correlations

__all__ = ["UNKNOWN", "BoundedCorrelation", "RankCorrelation", "jackknife_correlation"]

NEARLY_PERFECT = 1 - 1e-9  # Fisher's z of a perfect relation is infinite
MOST_ERROR = 1.0  # with it an interval holds most correlations there are, and has no middle


class RankCorrelation(NamedTuple):
    """A rank correlation, and what an interval of any level is made from."""

    measured: float  # attenuated by the noise of what was correlated
    error: float  # standard error of its Fisher z
    freedom: float  # degrees of freedom of the error
    attenuation: float = 1.0  # what it is divided by; NaN where that is not known

    @property
    def estimate(self) -> float:
        """The correlation itself."""
        return self.measured / self.attenuation

    @property
    def p_value(self) -> float:
        """Two-sided; 1 - level of the interval that ends at 0."""
        with np.errstate(invalid="ignore", divide="ignore"):  # a perfect relation has no error
            z = np.abs(np.arctanh(self.measured)) / self.error
        return float(2 * stats.t.sf(z, self.freedom))

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the ends of the interval of level 1 - `alpha`, of the estimate."""
        measured = np.clip(self.measured, -NEARLY_PERFECT, NEARLY_PERFECT)
        reach = stats.t.isf(alpha / 2, self.freedom) * self.error
        lower, upper = np.tanh(np.arctanh(measured) + np.array([-reach, reach])) / self.attenuation
        return float(lower), float(upper)

    def reaches(self, alpha: float) -> tuple[float, float]:
        """Return how far the interval reaches below the estimate, and above."""
        lower, upper = self.interval(alpha)
        return self.estimate - lower, upper - self.estimate


class BoundedCorrelation(NamedTuple):
    """A rank correlation that is estimated as a slope: its error is its own, not of Fisher's z."""

    slope: float  # beyond ±1 by chance
    error: float
    freedom: float  # degrees of freedom of the error
    known: bool = True  # whether its size is, and not only whether it is 0

    @property
    def estimate(self) -> float:
        """The correlation; NaN where its size is not known, or its error leaves it wholly open."""
        return self.slope if self.known and not self.error >= MOST_ERROR else float("nan")

    @property
    def p_value(self) -> float:
        """Two-sided; 1 - level of the interval that ends at 0."""
        return float(2 * stats.t.sf(np.abs(self.slope) / self.error, self.freedom))

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the ends of the interval of level 1 - `alpha`, cut at ±1; NaN if not `known`."""
        if not self.known:
            return float("nan"), float("nan")
        reach, _ = self.reaches(alpha)
        lower, upper = self.slope - reach, self.slope + reach
        beyond = max(abs(self.slope), 1.0)
        if lower > 0:  # wholly beyond 1 it would have no width
            lower = min(lower, max(1 - reach, lower / beyond))
        if upper < 0:
            upper = max(upper, min(reach - 1, upper / beyond))
        lower, upper = np.clip([lower, upper], -1.0, 1.0)
        return float(lower), float(upper)

    def reaches(self, alpha: float) -> tuple[float, float]:
        """Return how far the interval, were it not cut, reaches below and above the estimate."""
        reach = float(stats.t.isf(alpha / 2, self.freedom) * self.error)
        return reach, reach


UNKNOWN = RankCorrelation(*[float("nan")] * 4)


def jackknife_correlation(x: np.ndarray, y: np.ndarray) -> RankCorrelation:
    """Return Spearman's correlation of two quantities (unit), finite, its error by a jackknife."""
    values, keep = np.stack([x, y])[None], np.ones((1, x.size), dtype=bool)
    measured = float(rank_correlations(values, keep)[0, 0, 1])
    without = rank_correlations_without_each(values, keep)[0, :, 0, 1]
    variance = jackknife_covariance(without[:, None]).item()
    scale = 1 - min(abs(measured), NEARLY_PERFECT) ** 2
    return RankCorrelation(measured, float(np.sqrt(variance)) / scale, x.size - 2)
