"""The distribution that noisy measurements were drawn from, and what it says of each of them."""

from typing import NamedTuple

import numpy as np

__all__ = ["Mixing", "mixing_distribution"]

N_STEPS = 40  # more sharpen the distribution beyond what the measurements tell
TINY = 1e-300


class Mixing(NamedTuple):
    """A distribution on a grid."""

    weights: np.ndarray  # (..., grid), their sum 1
    posterior: np.ndarray  # (..., unit, grid), given each unit's measurement; their sum 1

    @property
    def cumulative(self) -> np.ndarray:
        """The distribution function (..., grid), half of a point's weight counted at it."""
        return np.cumsum(self.weights, axis=-1) - self.weights / 2

    def expected(self, of: np.ndarray) -> np.ndarray:
        """Return the posterior mean (..., unit) of a function of the grid (..., grid)."""
        return (self.posterior @ of[..., None])[..., 0]


def mixing_distribution(log_likelihood: np.ndarray, n_steps: int = N_STEPS) -> Mixing:
    r"""Return the distribution of the true values, by expectation maximization.

    .. math:: p_g \leftarrow \frac1U \sum_u \frac{p_g L_{ug}}{\sum_h p_h L_{uh}}

    from equal weights: the nonparametric maximum likelihood, stopped before it is all spikes.

    Parameters
    ----------
    log_likelihood : numpy.ndarray, (..., unit, grid)
        Of each unit's measurement if its true value were that of the grid, but for a constant.
    n_steps : int

    Returns
    -------
    Mixing

    References
    ----------
    Laird, N. (1978). Nonparametric maximum likelihood estimation of a mixing distribution. J. Am.
    Stat. Assoc. 73(364), 805-811. https://doi.org/10.1080/01621459.1978.10480103
    """
    likelihood = np.exp(log_likelihood - log_likelihood.max(-1, keepdims=True)) + TINY
    n_unit, n_grid = likelihood.shape[-2:]
    weights = np.full((*likelihood.shape[:-2], n_grid, 1), 1 / n_grid)
    for _ in range(n_steps):
        weights *= likelihood.swapaxes(-1, -2) @ (1 / (likelihood @ weights)) / n_unit
    posterior = likelihood * weights.swapaxes(-1, -2) / (likelihood @ weights)
    return Mixing(weights[..., 0], posterior)
