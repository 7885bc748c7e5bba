"""Rank correlations: among the rows of a table of units, of many tables at once."""

import math

import numpy as np
from scipy import stats

__all__ = [
    "centred_ranks",
    "normalised",
    "partial_correlations",
    "rank_correlation",
    "rank_correlations",
    "t_p_value",
    "with_ties",
]

MIN_PAIRS = 3
RANK_TOLERANCE = 1e-9  # of the largest eigenvalue, below which a quantity repeats others
KEPT = 2.0**40  # steps to 1, where 12 digits are kept


def rank_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of two quantities, pairs with a NaN left out.

    Parameters
    ----------
    x, y : numpy.ndarray, (..., unit)

    Returns
    -------
    numpy.ndarray, (...)
        NaN for fewer than 3 pairs, or where one of the two is constant.
    """
    values = np.stack(np.broadcast_arrays(x, y), axis=-2)
    rows = values.reshape(math.prod(values.shape[:-2]), 2, values.shape[-1])
    keep = ~np.isnan(rows).any(1)
    r = rank_correlations(rows, keep)[:, 0, 1]
    r = np.clip(r, -1, 1)  # a perfect relation may round beyond it
    return np.where(keep.sum(-1) >= MIN_PAIRS, r, np.nan).reshape(values.shape[:-2])


def with_ties(values: np.ndarray, *, of_one: bool = False) -> np.ndarray:
    """Return values to 12 digits, so that those which differ by rounding alone tie in rank.

    Estimates made of few whole numbers, such as spike counts, are often equal. Summed in another
    order, as of an array in chunks, they differ in last digits, and would rank by these.

    Parameters
    ----------
    values : numpy.ndarray
    of_one : bool
        Whether the digits are those of 1, as of correlations, of which many may be 0; by default
        they are each value's own.

    Examples
    --------
    >>> one, other = with_ties(np.array([0.1 + 0.2, 0.3]))
    >>> bool(one == other)
    True
    >>> with_ties(np.array([1e-20, 2e-20])), with_ties(np.array([1e-20, 0.5]), of_one=True)
    (array([1.e-20, 2.e-20]), array([0. , 0.5]))
    """
    mantissa, exponent = (values, 0) if of_one else np.frexp(values)
    return np.ldexp(np.round(mantissa * KEPT) / KEPT, exponent)


def t_p_value(r: float, n: int) -> float:
    """Return the two-sided p-value of a correlation of n pairs by Student's t, as scipy's is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = r * np.sqrt((n - 2) / np.float64((1 + r) * (1 - r)))
    return float(2 * stats.t.sf(abs(t), n - 2)) if n > 2 else float("nan")


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
    ranks = centred_ranks(values, keep)
    return normalised(ranks @ ranks.transpose(0, 2, 1))


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
    return normalised(np.where(none_left[..., None] | none_left[..., None, :], np.nan, left))


def centred_ranks(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Return the ranks of the units that count, less their mean; 0 for the others."""
    kept = np.broadcast_to(keep[:, None], values.shape)
    ranks = stats.rankdata(np.where(kept, values, np.inf), axis=-1)
    middle = (keep.sum(-1) + 1) / 2
    return np.where(kept, ranks - middle[:, None, None], 0.0)


def normalised(products: np.ndarray) -> np.ndarray:
    """Return products of centred ranks as correlations; NaN where a quantity is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.diagonal(products, axis1=-2, axis2=-1)
        # One root of the product, so that equal ranks correlate by exactly 1.
        return products / np.sqrt(squares[..., :, None] * squares[..., None, :])
