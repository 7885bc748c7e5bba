"""Kendall's concordance of two quantities, unit by unit, in n log n steps."""

import numpy as np
from scipy import stats

__all__ = ["concordance"]

BLOCK = 2**19  # numbers at a time in a working array


def concordance(ranks: np.ndarray) -> np.ndarray:
    r"""Return how many are on each unit's same side in a and b, less opposite (split, unit, a, b).

    .. math:: C = \sum_i \operatorname{sign}(a_i - a_j) \operatorname{sign}(b_i - b_j)
              = 4 L - 2 (r_a + r_b) - (n - 1)

    with r the ranks less their mean and L how many units are below unit j in both, where one that
    is equal in one of the two is half a unit, and one that is equal in both a quarter.

    Parameters
    ----------
    ranks : numpy.ndarray, (split, quantity, unit)
        Less their mean; equal values have the mean of their ranks.
    """
    n_split, n_quantity, n_unit = ranks.shape
    code = np.round(2 * ranks).astype(int) + n_unit  # whole numbers, from 1 to 2 n - 1
    n_equal = _n_equal(code)
    found = np.empty((n_split, n_unit, n_quantity, n_quantity))
    each = np.arange(n_quantity)
    found[..., each, each] = n_unit - n_equal.swapaxes(1, 2)
    one, other = np.tril_indices(n_quantity, -1)
    if one.size * n_unit == 0:
        return found
    n_splits = max(1, BLOCK // (one.size * n_unit))
    for start in range(0, n_split, n_splits):
        some = slice(start, start + n_splits)
        a, b = code[some, one], code[some, other]
        below = 4 * _below_in_both(a, b)
        if (n_equal > 1).any():
            below += _ties_with_those_below(a, b)
        both = (below - (a + b) + n_unit + 1).swapaxes(1, 2)
        found[some, :, one, other] = found[some, :, other, one] = both
    return found


def _below_in_both(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return how many units (..., unit) are below each in both of two codes, and equal in none."""
    n = a.shape[-1]
    # Who is equal in one of the two comes in the order that counts none below the other.
    place = _places(a * (2 * n) - b)
    in_order = np.take_along_axis(place, np.argsort(b * n - place, axis=-1), axis=-1)
    return np.take_along_axis(_smaller_before(in_order), place, axis=-1)


def _places(code: np.ndarray) -> np.ndarray:
    """Return the place of each in ascending order."""
    order = np.argsort(code, axis=-1)
    places = np.empty(code.shape, dtype=np.int32)
    in_turn = np.arange(code.shape[-1], dtype=np.int32)
    np.put_along_axis(places, order, np.broadcast_to(in_turn, code.shape), axis=-1)
    return places


def _smaller_before(sequence: np.ndarray) -> np.ndarray:
    """Return of each number from 0 to n - 1 (..., number) how many smaller ones come before it.

    Bit by bit from the highest: among numbers that are alike in those above, one with the bit set
    has before it so many smaller ones without. The two kinds then go apart, in the same sequence.
    """
    *shape, n = sequence.shape
    n_bits = max(1, (n - 1).bit_length())
    padded = np.empty((*shape, 2**n_bits), dtype=np.int32)
    padded[..., :n], padded[..., n:] = sequence, np.arange(n, 2**n_bits)
    count = np.zeros_like(padded)
    for bit in reversed(range(n_bits)):
        padded, count = (of.reshape(-1, 2 << bit) for of in (padded, count))
        high = (padded >> bit) & 1 == 1
        low = ~high
        count += np.cumsum(low, axis=-1, dtype=np.int32) * high
        padded, count = (
            np.stack([of[which].reshape(-1, 1 << bit) for which in (low, high)], axis=1)
            for of in (padded, count)
        )
    return count.reshape(*shape, -1)[..., :n]


def _ties_with_those_below(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return what ties add, in quarters of units (..., unit).

    2 for each that is equal in one and below in the other, 1 for each that is equal in both.
    """
    n = a.shape[-1]
    lowest = {"method": "min", "axis": -1}
    of_a, of_b = a * (2 * n) + b, b * (2 * n) + a
    equal_in_a = stats.rankdata(of_a, **lowest) - stats.rankdata(a, **lowest)
    equal_in_b = stats.rankdata(of_b, **lowest) - stats.rankdata(b, **lowest)
    return (2 * (equal_in_a + equal_in_b) + _n_equal(of_a) - 1).astype(int)


def _n_equal(code: np.ndarray) -> np.ndarray:
    """Return how many are equal to each (..., unit), itself one of them."""
    highest, lowest = (stats.rankdata(code, method=of, axis=-1) for of in ("max", "min"))
    return highest - lowest + 1
