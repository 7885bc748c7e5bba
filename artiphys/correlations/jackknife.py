"""Rank correlations with each unit left out in turn; no sample is ranked again."""

import numpy as np
from scipy import stats

from artiphys.correlations.ranks import centred_ranks, normalised

__all__ = ["jackknife_covariance", "rank_correlations_without_each"]

BLOCK = 2**18  # comparisons at a time, so that they stay in cache


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
            _concordance(of_kept) / 4
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


def _concordance(ranks: np.ndarray) -> np.ndarray:
    """Return how many are on each unit's same side in a and b, less opposite (split, unit, a, b).

    Kendall's, unit by unit: who is above whom is held as bits, 64 units in a word.
    """
    n_split, n_quantity, n_unit = ranks.shape
    whole = np.int16 if n_unit < 2**15 else np.int32
    code = np.round(2 * ranks).astype(whole)  # doubled, they are whole numbers
    found = np.empty((n_split, n_unit, n_quantity, n_quantity))
    n_splits = max(1, BLOCK // max(1, n_quantity * n_unit**2))
    n_units = max(1, BLOCK // max(1, n_quantity * n_unit))
    for first in range(0, n_split, n_splits):
        for start in range(0, n_unit, n_units):
            block = slice(first, first + n_splits), slice(start, start + n_units)
            all_of, each = code[block[0], :, None], code[block[0], :, block[1], None]
            above, below = (  # in that order, or numpy would lay out the compared unit last
                _bits(compared(all_of, each, order="C")) for compared in (np.greater, np.less)
            )
            either = above | below
            for a in range(n_quantity):
                for b in range(a + 1):
                    differ = either[:, a] & either[:, b]
                    apart = differ & (above[:, a] ^ above[:, b])
                    both = _counted(differ) - 2 * _counted(apart)
                    found[*block, a, b] = found[*block, b, a] = both
    return found


def _counted(bits: np.ndarray) -> np.ndarray:
    return np.bitwise_count(bits).sum(-1, dtype=int)


def _bits(flags: np.ndarray) -> np.ndarray:
    """Return booleans along the last axis as words of 64, padded with 0."""
    packed = np.packbits(flags, axis=-1)
    padding = [(0, 0)] * (packed.ndim - 1) + [(0, -packed.shape[-1] % 8)]
    return np.pad(packed, padding).view(np.uint64)
