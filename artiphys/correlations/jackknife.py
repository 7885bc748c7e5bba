"""Rank correlations among several quantities of the same units, with each unit left out in turn."""

import numpy as np
from scipy import stats

__all__ = [
    "partial_correlations",
    "rank_correlations",
    "rank_correlations_with_each_replaced",
    "rank_correlations_without_each",
]

RANK_TOLERANCE = 1e-9  # of the largest eigenvalue: below it a quantity repeats others


def rank_correlations(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Return Spearman's correlations among the rows.

    Parameters
    ----------
    values : numpy.ndarray, (split, quantity, unit)
        Finite where kept.
    keep : numpy.ndarray of bool, (split, unit)
        The units that count.

    Returns
    -------
    numpy.ndarray, (split, quantity, quantity)
        NaN where a quantity is constant.
    """
    ranks = _centred_ranks(values, keep)
    return _normalised(ranks @ ranks.transpose(0, 2, 1))


def rank_correlations_without_each(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Return the rank correlations with each unit left out (split, unit, quantity, quantity).

    A unit's rank falls by one when a lower one is left out, and by a half when an equal one is, so
    that no sample is ranked again. For a unit that does not count, all the others are used.
    """
    n_split, n_quantity, n_unit = values.shape
    without = np.empty((n_split, n_unit, n_quantity, n_quantity))
    ranks = _centred_ranks(values, keep)
    for split in range(n_split):
        kept = np.flatnonzero(keep[split])
        without[split] = ranks[split] @ ranks[split].T
        x = values[split][:, kept]
        above = (x[:, None, :] > x[:, :, None]) + 0.5 * (x[:, None, :] == x[:, :, None])
        shifted = ranks[split][:, None, kept] - above + 0.5  # (quantity, left out, unit)
        shifted[:, np.arange(kept.size), np.arange(kept.size)] = 0.0
        shifted = shifted.transpose(1, 0, 2)
        without[split, kept] = shifted @ shifted.transpose(0, 2, 1)
    return _normalised(without)


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
    ranks = _centred_ranks(values, keep)
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
    return _normalised(result)


def partial_correlations(correlations: np.ndarray, n: int) -> np.ndarray:
    r"""Return the correlations among the first `n` quantities, given all the others.

    .. math:: S = C_{11} - C_{12} C_{22}^{-1} C_{21}

    normalised to a correlation matrix. A constant quantity among the others (NaN throughout),
    or one that repeats others, takes nothing off. NaN for one of the first that the others wholly
    explain.

    Parameters
    ----------
    correlations : numpy.ndarray, (..., quantity, quantity)
    n : int
    """
    first = correlations[..., :n, :n]
    if correlations.shape[-1] == n:
        return first
    cross, given = (
        np.nan_to_num(c) for c in (correlations[..., :n, n:], correlations[..., n:, n:])
    )
    inverse = np.linalg.pinv(given, rcond=RANK_TOLERANCE, hermitian=True)
    left = first - cross @ inverse @ np.swapaxes(cross, -1, -2)
    none_left = np.diagonal(left, axis1=-2, axis2=-1) <= RANK_TOLERANCE
    return _normalised(np.where(none_left[..., None] | none_left[..., None, :], np.nan, left))


def _centred_ranks(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    kept = np.broadcast_to(keep[:, None], values.shape)
    ranks = stats.rankdata(np.where(kept, values, np.inf), axis=-1)
    middle = (keep.sum(-1) + 1) / 2
    return np.where(kept, ranks - middle[:, None, None], 0.0)


def _normalised(products: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
        return products / (scale[..., :, None] * scale[..., None, :])


def _above(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return how much each of `upper` stands above each of `lower`: 1, a half at a tie, or 0."""
    return (upper[:, None, :] > lower[:, :, None]) + 0.5 * (upper[:, None, :] == lower[:, :, None])
