"""Spearman's rank correlation of two quantities with others held constant."""

import itertools
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr
from scipy import stats

from artiphys.arguments import generator
from artiphys.correlations.ranks import MIN_PAIRS, RANK_TOLERANCE, partial_correlations
from artiphys.correlations.resampling import (
    MANY,
    ROUNDING,
    bootstrap_interval,
    check_resampling,
    correlations_in_resamples,
    correlations_without_each,
    over_columns,
    sum_over_permutations,
    t_p_values,
)
from artiphys.correlations.spearman import aligned, labelled_correlations
from artiphys.errors import InputError

__all__ = ["partial_spearman"]


def partial_spearman(
    x: Any,
    y: Any,
    covariates: Any,
    *,
    dim: str = "unit",
    n_resamples: int = 10_000,
    level: float = 0.95,
    method: Literal["percentile", "BCa"] = "percentile",
    rng: Any = None,
) -> xr.Dataset:
    r"""Return Spearman's correlation of `x` and `y` along `dim` with covariates held constant.

    .. math:: r_{xy \cdot z} = \operatorname{corr}(e_x, e_y)

    with e the residuals of the ranks of x and y after linear regression on the ranks of the
    covariates z.

    Parameters
    ----------
    x, y : xarray.DataArray with `dim`, or array_like of one dimension
        Any scale: only the order counts. Other dims are broadcast and kept.
    covariates : one of the same, a sequence of them, or xarray.Dataset
        What is to be held constant. Entries with a NaN in `x`, `y` or a covariate are left out.
    dim : str
        The dim whose entries are paired, and resampled together.
    n_resamples : int
        Bootstrap resamples, and random permutations.
    level : float
        Coverage of the interval, between 0 and 1.
    method : {"percentile", "BCa"}
        As in :func:`artiphys.spearman`: percentiles of the resamples, in each of which all are
        ranked and the covariates held constant anew, or bias-corrected and accelerated ones.
    rng : seed or numpy.random.Generator
        Resamples are those of :func:`artiphys.spearman`.

    Returns
    -------
    xarray.Dataset
        ``spearman``, ``interval`` (with the dim ``ci_bound``: lower, upper), ``p_value``
        (two-sided, by permuting the residuals of `x` and regressing them on the covariates again)
        and ``n``, the number of entries.

    Raises
    ------
    InputError
        If `x`, `y` or a covariate lacks `dim` or is no numbers, their labels differ, or an argument
        is out of range.

    Notes
    -----
    NaN for fewer than 3 entries more than covariates, or where `x` or `y` is constant once the
    covariates are. A covariate that is constant, or a repetition of others, takes nothing off. One
    that is measured with noise is held constant only in part. In few entries the p-value is too
    small where `x` and `y` hang strongly on the covariates: with 12 entries and 3 covariates it was
    below 0.05 in 0.088 of 500 samples without a further relation; where they do not hang on them,
    in 0.042.

    *Interval.* With one or three covariates and 40 to 80 entries, or 20, percentile intervals of
    95 % held the truth in 95 to 98, or 97 to 99, of 100 samples, and BCa ones, which are shorter,
    in 94 to 97, or 94 to 96 (400 samples a case).

    References
    ----------
    Freedman, D. & Lane, D. (1983). A nonstochastic interpretation of reported significance levels.
    J. Bus. Econ. Stat. 1(4), 292-298. https://doi.org/10.1080/07350015.1983.10509354

    Examples
    --------
    >>> z = [1, 2, 3, 4, 5, 6, 7, 8]
    >>> result = partial_spearman([1, 3, 2, 5, 4, 7, 6, 8], [2, 1, 4, 3, 6, 5, 8, 7], [z], rng=0)
    >>> round(float(result["spearman"]), 3)
    -0.947
    """
    check_resampling(n_resamples, level, method)
    held = {f"covariate {i}": given for i, given in enumerate(_listed(covariates))}
    arrays = aligned({"x": x, "y": y} | held, dim)
    rows = np.stack([array.values.reshape(-1, array.shape[-1]) for array in arrays], axis=1)
    seed = int(generator(rng).integers(2**63))

    def of_column(column: np.ndarray) -> tuple[float, float, float, float, int]:
        return _partial_of_rows(column, n_resamples, level, method, np.random.default_rng(seed))

    found = list(over_columns(of_column, list(rows), rows.shape[-1]))
    attrs = {
        "statistic": "Spearman's partial rank correlation",
        "n_covariates": len(held),
        "level": level,
        "n_resamples": n_resamples,
        "interval_method": f"{method} bootstrap over {dim}",
        "p_value_method": "permutation of residual ranks, two-sided",
    }
    return labelled_correlations(found, arrays[:2], dim, attrs)


def _listed(covariates: Any) -> list[Any]:
    """Return the covariates one by one; a single one, whose entries are numbers, may come alone."""
    if isinstance(covariates, xr.Dataset):
        return [covariates[name] for name in covariates.data_vars]
    if isinstance(covariates, xr.DataArray):
        return [covariates]
    if isinstance(covariates, str | Mapping) or not hasattr(covariates, "__iter__"):
        msg = f"covariates must be an array or a sequence of arrays; got {covariates!r}"
        raise InputError(msg)
    given = list(covariates)
    alone = bool(given) and all(np.isscalar(entry) for entry in given)
    return [np.asarray(covariates)] if alone else given


def _partial_of_rows(
    rows: np.ndarray, n_resamples: int, level: float, method: str, rng: np.random.Generator
) -> tuple[float, float, float, float, int]:
    rows = rows[:, ~np.isnan(rows).any(0)]
    n = rows.shape[1]
    if n < MIN_PAIRS:
        return math.nan, math.nan, math.nan, math.nan, n
    ranks = stats.rankdata(rows, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    basis = _basis(ranks[2:])
    residuals = ranks[:2] - ranks[:2] @ basis.T @ basis
    scale = np.sqrt(np.einsum("qu,qu->q", residuals, residuals))
    if n < len(basis) + MIN_PAIRS or (scale <= 1e-9 * n).any():
        return math.nan, math.nan, math.nan, math.nan, n
    a, b = residuals / scale[:, None]
    r = float(np.clip(a @ b, -1, 1))
    lower, upper = _interval(r, rows, n_resamples, level, method, rng)
    return r, lower, upper, _p_value(r, a, b, basis, n_resamples, rng), n


def _basis(covariates: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of what the rows span: none for one constant or repeated.

    Least squares by a pseudo-inverse would take the rounding of a repeated covariate for one more.
    """
    if not len(covariates):
        return covariates
    _, size, basis = np.linalg.svd(covariates, full_matrices=False)
    return basis[size > RANK_TOLERANCE * max(size.max(), 1.0)]


def _interval(
    r: float,
    rows: np.ndarray,
    n_resamples: int,
    level: float,
    method: str,
    rng: np.random.Generator,
) -> tuple[float, float]:
    pairs = list(itertools.combinations(range(len(rows)), 2))
    resamples = correlations_in_resamples(rows, pairs, n_resamples, rng)
    without = correlations_without_each(rows, pairs) if method == "BCa" else None
    return bootstrap_interval(
        r,
        _partial(resamples, pairs, len(rows)),
        level,
        None if without is None else _partial(without, pairs, len(rows)),
    )


def _partial(correlations: np.ndarray, pairs: list[tuple[int, int]], n_row: int) -> np.ndarray:
    """Return the partial correlations, NaN where nothing is left of x or y (resample)."""
    matrix = np.ones((correlations.shape[1], n_row, n_row))
    for (i, j), r in zip(pairs, correlations, strict=True):
        matrix[:, i, j] = matrix[:, j, i] = r
    return np.clip(partial_correlations(matrix, 2)[:, 0, 1], -1, 1)  # rounds beyond, if perfect


def _p_value(
    r: float,
    a: np.ndarray,
    b: np.ndarray,
    basis: np.ndarray,
    n_resamples: int,
    rng: np.random.Generator,
) -> float:
    if a.size > MANY:
        return float(t_p_values(r, a.size - 2 - len(basis)))

    def n_as_large(permuted: np.ndarray) -> np.ndarray:
        # b is free of the covariates and a permuted a is not: only its length is yet to be mended
        left = 1.0 - np.sum((permuted @ basis.T) ** 2, axis=1)
        return np.sum((permuted @ b) ** 2 >= max(abs(r) - ROUNDING, 0.0) ** 2 * left)

    n_found = sum_over_permutations(n_as_large, a, n_resamples, rng)
    return float((1 + n_found) / (1 + n_resamples))
