"""Rank correlations with each unit left out, or replaced, in turn; no sample is ranked again."""

import numpy as np

from artiphys.correlations.ranks import centred_ranks, normalised

__all__ = [
    "jackknife_covariance",
    "rank_correlations_with_each_replaced",
    "rank_correlations_without_each",
]


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


def rank_correlations_with_each_replaced(
    values: np.ndarray, keep: np.ndarray, replaced: np.ndarray
) -> np.ndarray:
    """Return the rank correlations with each unit's values replaced in turn.

    Parameters
    ----------
    values : numpy.ndarray, (split, quantity, unit)
        Finite where kept.
    keep : numpy.ndarray of bool, (split, unit)
        The units that count; the others are not replaced.
    replaced : numpy.ndarray, like `values`
        What takes the place of one unit's values, the other units staying as they are. Finite where
        kept.

    Returns
    -------
    numpy.ndarray, (split, unit, quantity, quantity)
    """
    n_split, n_quantity, n_unit = values.shape
    result = np.empty((n_split, n_unit, n_quantity, n_quantity))
    ranks = centred_ranks(values, keep)
    for split in range(n_split):
        kept = np.flatnonzero(keep[split])
        result[split] = ranks[split] @ ranks[split].T
        old, new = values[split][:, kept], replaced[split][:, kept]
        # The others fall by one where the unit goes from below them to above, by a half at a tie.
        change = _above(new, old) - _above(old, old)  # (quantity, replaced, unit)
        ranked = ranks[split][:, None, kept] + change
        own = np.arange(kept.size)
        below = _above(old, new)
        below[:, own, own] = 0.0
        ranked[:, own, own] = below.sum(1) - (kept.size - 1) / 2
        ranked = ranked.transpose(1, 0, 2)
        ranked -= ranked.mean(-1, keepdims=True)
        result[split, kept] = ranked @ ranked.transpose(0, 2, 1)
    return normalised(result)


def jackknife_covariance(without: np.ndarray) -> np.ndarray:
    """Return the covariance of estimates (quantity, quantity) from those without each in turn.

    Parameters
    ----------
    without : numpy.ndarray, (left out, quantity)
    """
    deviation = without - without.mean(0)
    return (len(without) - 1) / len(without) * deviation.T @ deviation


def _above(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return how much each of `upper` stands above each of `lower`: 1, a half at a tie, or 0."""
    return (upper[:, None, :] > lower[:, :, None]) + 0.5 * (upper[:, None, :] == lower[:, :, None])
