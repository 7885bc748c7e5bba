"""What units must show to identify the rectification model: refusals, and warnings short of them.

Warnings point to the line that calls ``fit``.
"""

import warnings

import numpy as np
from scipy import stats

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.rectification.likelihood import (
    LARGEST_CORRELATION,
    MIN_SHARE_NEAR_END,
    NEAR_END,
    Estimate,
    share_near_end,
)

__all__ = [
    "require_bounds",
    "require_relation",
    "require_variances",
    "usable_units",
    "warn_of_no_units_near_end",
    "warn_of_one_mu_over_sigma",
]

MIN_DISTINCT = 3
# Ratio of an interval's ends beyond which the fit warns.
WIDE_INTERVAL = 2.0
# Standard deviation of mu/sigma over units below which they count as one value.
MIN_SPREAD = 0.1


def require_variances(variance: np.ndarray) -> None:
    """Raise if a dynamic range is negative."""
    n_negative = int((variance < 0).sum())
    if n_negative:
        msg = (
            f"dynamic_range must not be negative; {n_negative} of {variance.size} are, as noise-"
            "corrected estimates of nearly silent units can be; leave them out: .where(values > 0)"
        )
        raise InputError(msg)


def usable_units(variance: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Return which units can be used: those that vary, and whose correlation is within (-1, 1)."""
    require_variances(variance)
    measured = np.isfinite(variance) & np.isfinite(correlation) & (variance > 0)
    beyond = measured & (np.abs(correlation) > LARGEST_CORRELATION)
    if beyond.any():
        n_beyond = f"{int(beyond.sum())} of {variance.size}"
        msg = f"{n_beyond} units left out: their invariance is ±1 or beyond"
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)
    used = measured & ~beyond
    if used.sum() < MIN_DISTINCT:
        msg = (
            f"the model cannot be identified by {int(used.sum())} units: 2 have as many numbers as "
            f"rho, sigma and a mu/sigma each, and fit as well whatever they are; {MIN_DISTINCT} at "
            f"least are needed with a variance above 0 and a correlation within (-1, 1); "
            f"{variance.size} were given"
        )
        raise InputError(msg)
    return used


def require_relation(variance: np.ndarray, correlation: np.ndarray) -> None:
    """Raise unless variance and invariance differ between units and rise together."""
    for name, values in (("dynamic_range", variance), ("invariance", correlation)):
        if np.ptp(values) <= 1e-9 * np.abs(values).max():
            msg = (
                f"the model cannot be identified by a constant {name}: all {values.size} units are "
                f"at {values[0]:.6g}, one place of the curve, through which many curves go"
            )
            raise InputError(msg)
    n_distinct = len(np.unique(np.column_stack([variance, correlation]), axis=0))
    if n_distinct < MIN_DISTINCT:
        msg = (
            f"the model cannot be identified by {n_distinct} distinct units, repeated to "
            f"{variance.size}; {MIN_DISTINCT} at least that differ are needed"
        )
        raise InputError(msg)
    if (correlation <= 0).all():
        msg = (
            "the model cannot be identified: every invariance is negative or 0, where rectified "
            "inputs of a positive correlation have a positive one"
        )
        raise InputError(msg)
    rise = stats.spearmanr(variance, correlation, alternative="greater")
    figure = f"Spearman's r_s = {rise.statistic:.2f} over {variance.size} units"
    if rise.statistic <= 0:
        msg = (
            "the model cannot be identified: rectification makes invariance rise with dynamic "
            f"range, and here it does not ({figure})"
        )
        raise InputError(msg)
    if rise.pvalue > 0.05:
        msg = (
            f"invariance does not rise with dynamic range beyond chance ({figure}): the fit says "
            "which curve the units might lie on, not that they lie on one"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)


def require_bounds(bounds: np.ndarray, level: float) -> None:
    """Raise where the likelihood bounds nothing; warn where it bounds sigma loosely."""
    sigma_lower, sigma_upper = np.exp(bounds[0])
    if (sigma_lower == 0 and np.isinf(sigma_upper)) or np.isinf(bounds[1]).all():
        msg = (
            "the model cannot be identified: its likelihood has no summit, as where units lie on a "
            "stretch of the curve too short to say which curve; more units, or units over a wider "
            "range of variances, would tell; artiphys.rectification.power_law.power_law can still "
            "be fitted"
        )
        raise InputError(msg)
    if sigma_upper > WIDE_INTERVAL * sigma_lower:
        upper = "∞" if np.isinf(sigma_upper) else f"{sigma_upper:.3g}"
        msg = (
            f"the data hardly identify sigma: its {100 * level:g} % interval goes from "
            f"{sigma_lower:.3g} to {upper}; units well above threshold, where the curve ends, "
            "would tell it"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)


def warn_of_one_mu_over_sigma(estimate: Estimate) -> None:
    """Warn where units hardly differ in mu/sigma."""
    weight, mean, spread = estimate.population
    variance = weight @ (mean**2 + spread**2) - (weight @ mean) ** 2
    if variance < MIN_SPREAD**2:
        msg = (
            "units do not differ in mu/sigma beyond sampling errors: they scatter about one place "
            f"of the curve, mu/sigma = {weight @ mean:.2f}, which hardly says which curve it is"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)


def warn_of_no_units_near_end(estimate: Estimate) -> None:
    """Warn where hardly any unit is near the end of the curve, which alone identifies sigma."""
    share = share_near_end(estimate)
    if share < MIN_SHARE_NEAR_END:
        msg = (
            f"hardly any unit ({100 * share:.1f} %) is likely to be above mu/sigma = {NEAR_END}, "
            "near the end of the curve, which alone tells sigma: sigma is a guess, more often too "
            "low than not; in simulations it was 5 to 10 % off on average, 10 to 40 % where the "
            "number of images was not given, and more than half where units hardly ever responded"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)
