"""The relation that is found in a given share of experiments, from experiments at a few."""

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import ndtri

__all__ = ["threshold"]

N_DRAWS = 2000
PRIOR = 0.5  # Jeffreys, of a rate


def threshold(
    relation: np.ndarray, found: np.ndarray, n: int, target: float, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return the relation at which a power curve reaches `target`, and its 95 % interval.

    The curve is the rising one that is nearest to the shares found (isotonic regression), with
    straight lines between their normal quantiles. The interval is of curves drawn from what is
    known of each share (a beta distribution).

    Parameters
    ----------
    relation : numpy.ndarray, (relation)
        Rising.
    found : numpy.ndarray of int, (relation)
        In how many of `n` experiments it was found.
    n : int
    target : float
    rng : numpy.random.Generator

    Returns
    -------
    (float, float, float)
        Estimate, lower, upper. Infinite where the curve does not reach the target; the smallest
        relation where it begins above it.
    """
    draws = rng.beta(found + PRIOR, n - found + PRIOR, (N_DRAWS, len(found)))
    crossings = [_crossing(relation, each, target) for each in draws]
    lower, upper = np.quantile(crossings, [0.025, 0.975], method="nearest")
    shares = np.clip(found / n, PRIOR / n, 1 - PRIOR / n)  # none without a quantile
    return _crossing(relation, shares, target), float(lower), float(upper)


def _crossing(relation: np.ndarray, share: np.ndarray, target: float) -> float:
    curve = isotonic_regression(share).x
    reached = np.flatnonzero(curve >= target)
    if reached.size == 0:
        return np.inf
    if reached[0] == 0:
        return float(relation[0])
    ends = slice(reached[0] - 1, reached[0] + 1)
    return float(np.interp(ndtri(target), ndtri(curve[ends]), relation[ends]))
