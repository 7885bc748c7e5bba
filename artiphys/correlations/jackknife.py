"""Rank correlations with each unit left out in turn; no sample is ranked again."""

import numpy as np
from scipy import stats

from artiphys.correlations.concordance import concordance
from artiphys.correlations.ranks import centred_ranks, normalised

__all__ = ["jackknife_covariance", "rank_correlations_without_each"]


def rank_correlations_without_each(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    r"""Return the rank correlations with each unit left out (split, unit, quantity, quantity).

    A unit's rank falls by one when a lower one is left out, and by a half when an equal one is.
    With r the ranks less their mean and s the sign of a difference of two units, the sum of
    products without unit j is therefore

    .. math:: \sum_i \Bigl(r_{ai} - \tfrac12 s_{aij}\Bigr) \Bigl(r_{bi} - \tfrac12 s_{bij}\Bigr)
              - r_{aj} r_{bj}

    whose mixed terms are running sums of the ranks of one quantity in the order of the other, and
    whose last is how many units are above j, or below it, in both, less how many are in one alone.
    For a unit that does not count, all the others are used.
    """
    n_split, n_quantity, n_unit = values.shape
    without = np.empty((n_split, n_unit, n_quantity, n_quantity))
    ranks = centred_ranks(values, keep)
    patterns, pattern = np.unique(keep, axis=0, return_inverse=True)
    for number, kept in enumerate(patterns):
        splits = np.flatnonzero(pattern.ravel() == number)
        of_kept = ranks[splits][:, :, kept]
        products = of_kept @ of_kept.transpose(0, 2, 1)
        mixed = _sums_by_sign(of_kept) / 2
        by_unit = of_kept.transpose(0, 2, 1)
        without[splits] = products[:, None]
        without[np.ix_(splits, kept)] += (
            concordance(of_kept) / 4
            - (mixed + mixed.swapaxes(2, 3))
            - by_unit[..., None] * by_unit[..., None, :]
        )
    return normalised(without)


def jackknife_covariance(without: np.ndarray) -> np.ndarray:
    """Return the covariance of estimates (quantity, quantity) from those without each in turn.

    Parameters
    ----------
    without : numpy.ndarray, (left out, quantity)
    """
    deviation = without - without.mean(0)
    return (len(without) - 1) / len(without) * deviation.T @ deviation


def _sums_by_sign(ranks: np.ndarray) -> np.ndarray:
    """Return the sums of ranks a of units above each in b, less of those below (split, unit, a, b).

    The ranks (split, quantity, unit) sum to 0.
    """
    n_split, n_quantity, n_unit = ranks.shape
    sums = np.empty((n_split, n_unit, n_quantity, n_quantity))
    below = stats.rankdata(ranks, method="min", axis=-1).astype(int) - 1
    up_to = np.round(2 * ranks).astype(int) + n_unit - below  # of mid-ranks, less their mean
    order = np.argsort(ranks, axis=-1, kind="stable")
    running = np.zeros((n_split, n_quantity, n_unit + 1))
    for b in range(n_quantity):
        in_order = np.take_along_axis(ranks, order[:, [b]], axis=-1)
        np.cumsum(in_order, axis=-1, out=running[..., 1:])
        low, high = (np.take_along_axis(running, of[:, [b]], axis=-1) for of in (below, up_to))
        sums[..., b] = -(low + high).swapaxes(1, 2)
    return sums
