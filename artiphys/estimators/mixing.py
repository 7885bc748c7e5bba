"""The distribution that noisy measurements were drawn from, and what it says of each of them."""

from typing import NamedTuple

import numpy as np

__all__ = ["Mixing", "mixing_distribution"]

N_STEPS = 40  # more sharpen the distribution beyond what the measurements tell
TINY = 1e-300


class Mixing(NamedTuple):
    """A distribution on a grid."""

    weights: np.ndarray  # (grid), their sum 1
    posterior: np.ndarray  # (unit, grid), given each unit's measurement; the sum over the grid 1

    @property
    def cumulative(self) -> np.ndarray:
        """The distribution function (grid), half of a point's weight counted at that point."""
        return np.cumsum(self.weights) - self.weights / 2

    def expected(self, of: np.ndarray) -> np.ndarray:
        """Return the posterior mean (unit) of a function of the grid."""
        return self.posterior @ of


def mixing_distribution(log_likelihood: np.ndarray, n_steps: int = N_STEPS) -> Mixing:
    r"""Return the distribution of the true values, by expectation maximization.

    .. math:: p_g \leftarrow \frac1U \sum_u \frac{p_g L_{ug}}{\sum_h p_h L_{uh}}

    from equal weights: the nonparametric maximum likelihood, stopped before it is all spikes.

    Parameters
    ----------
    log_likelihood : numpy.ndarray, (unit, grid)
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
    likelihood = np.exp(log_likelihood - log_likelihood.max(1, keepdims=True)) + TINY
    weights = np.full(likelihood.shape[1], 1 / likelihood.shape[1])
    for _ in range(n_steps):
        weights = weights * (likelihood.T @ (1 / (likelihood @ weights))) / len(likelihood)
    posterior = likelihood * (weights / (likelihood @ weights)[:, None])
    return Mixing(weights, posterior)
