"""How far units lie from the model's curve, and how far chance alone would put them."""

from typing import Any, NamedTuple

import numpy as np

from artiphys.arguments import generator
from artiphys.rectification.likelihood import (
    LARGEST_CORRELATION,
    Estimate,
    Observed,
    posterior,
    squared_distances,
)

__all__ = ["GoodnessOfFit", "bootstrap_p_value", "distances"]


class GoodnessOfFit(NamedTuple):
    """How well the curve fits the units.

    ``chi_square`` sums squared distances from the curve, in standard errors of `n_images`, over
    units; with the model true it is about ``dof``, and more with units far below threshold, whose
    errors are not normal: the p-value allows for that. ``p_value`` is the share of populations
    simulated from the fit that lie as far from it. ``r_squared`` is the share of the variance of
    Fisher's z that the curve explains at the measured variances.
    """

    chi_square: float
    dof: int
    p_value: float
    r_squared: float


def distances(observed: Observed, estimate: Estimate) -> np.ndarray:
    """Return each unit's distance from the curve, in standard errors."""
    return np.sqrt(squared_distances(observed, estimate))


def bootstrap_p_value(
    observed: Observed, estimate: Estimate, *, n_resamples: int, rng: Any
) -> float:
    """Return how often populations simulated from the fit lie as far from the curve as the units.

    Each population draws its mu/sigma from the units' posteriors, and its distances are from the
    fitted curve, not from one fitted to it: no degrees of freedom are lost.
    """
    rng = generator(rng)
    n_images = int(observed.n_images or 0)
    grid, probability = posterior(observed, estimate)
    cumulative = probability.cumsum(axis=1)
    n_units = len(cumulative)
    distance = distances(observed, estimate)
    ratio = float(distance @ distance) / max(n_units - 2, 1)
    n_as_far = 0
    for _ in range(n_resamples):
        drawn = (cumulative < rng.random((n_units, 1))).sum(axis=1)
        simulated = _simulated(grid[np.minimum(drawn, grid.size - 1)], estimate, n_images, rng)
        distance = distances(simulated, estimate)
        n_as_far += float(distance @ distance) / distance.size >= ratio
    return (1 + n_as_far) / (1 + n_resamples)


def _simulated(
    m: np.ndarray, estimate: Estimate, n_images: int, rng: np.random.Generator
) -> Observed:
    """Return what n images measure of units drawn from the model, of those that vary."""
    rho = np.tanh(estimate.fisher_rho)
    shape = (m.size, n_images)
    first = rng.standard_normal(shape)
    second = rho * first + np.sqrt(1 - rho**2) * rng.standard_normal(shape)
    first, second = (np.maximum(values + m[:, np.newaxis], 0) for values in (first, second))
    first -= first.mean(axis=1, keepdims=True)
    second -= second.mean(axis=1, keepdims=True)
    square1, square2, product = (first**2).sum(1), (second**2).sum(1), (first * second).sum(1)
    varies = (square1 > 0) & (square2 > 0)
    r = product[varies] / np.sqrt(square1[varies] * square2[varies])
    log_variance = np.log(square1[varies] / (n_images - 1)) + 2 * estimate.log_sigma
    inside = np.abs(r) < LARGEST_CORRELATION
    return Observed(log_variance[inside], np.arctanh(r[inside]), n_images)
