"""Rank correlations with each unit left out in turn; no sample is ranked again."""

import numpy as np

from artiphys.correlations.ranks import centred_ranks, normalised

__all__ = ["jackknife_covariance", "rank_correlations_without_each"]


def rank_correlations_without_each(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Return the rank correlations with each unit left out (split, unit, quantity, quantity).

    A unit's rank falls by one when a lower one is left out, and by a half when an equal one is, so
    that no sample is ranked again. For a unit that does not count, all the others are used.
    """
    n_split, n_quantity, n_unit = values.shape
    without = np.empty((n_split, n_unit, n_quantity, n_quantity))
    ranks = centred_ranks(values, keep)
    for split in range(n_split):
        kept = np.flatnonzero(keep[split])
        without[split] = ranks[split] @ ranks[split].T
        x = values[split][:, kept]
        above = (x[:, None, :] > x[:, :, None]) + 0.5 * (x[:, None, :] == x[:, :, None])
        shifted = ranks[split][:, None, kept] - above + 0.5  # (quantity, left out, unit)
        shifted[:, np.arange(kept.size), np.arange(kept.size)] = 0.0
        shifted = shifted.transpose(1, 0, 2)
        without[split, kept] = shifted @ shifted.transpose(0, 2, 1)
    return normalised(without)


def jackknife_covariance(without: np.ndarray) -> np.ndarray:
    """Return the covariance of estimates (quantity, quantity) from those without each in turn.

    Parameters
    ----------
    without : numpy.ndarray, (left out, quantity)
    """
    deviation = without - without.mean(0)
    return (len(without) - 1) / len(without) * deviation.T @ deviation
