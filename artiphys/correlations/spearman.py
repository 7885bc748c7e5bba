"""Spearman's rank correlation with a bootstrap interval and a permutation p-value."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from artiphys.arguments import generator, real_numbers
from artiphys.correlations.ranks import rank_correlation
from artiphys.correlations.resampling import (
    bootstrap_interval,
    check_resampling,
    correlations_in_resamples,
    correlations_without_each,
    over_columns,
    permutation_p_values,
)
from artiphys.errors import InputError

__all__ = ["aligned", "fisher_z", "labelled_correlations", "spearman"]


def fisher_z(r: Any) -> Any:
    r"""Return Fisher's z of correlations.

    .. math:: z = \operatorname{artanh} r = \tfrac12 \ln\frac{1 + r}{1 - r}

    Parameters
    ----------
    r : array_like or xarray.DataArray, any dims
        Correlations, dimensionless.

    Returns
    -------
    same as r
        Dimensionless; ±inf at r = ±1, and NaN beyond, where a noise-corrected correlation can lie.

    Raises
    ------
    InputError
        If `r` is no numbers.

    Notes
    -----
    For bivariate normal data of n pairs z is nearly normal with variance 1/(n - 3) and bias
    r / (2 (n - 1)).

    References
    ----------
    Fisher, R. A. (1915). Biometrika 10(4), 507-521. https://doi.org/10.1093/biomet/10.4.507

    Examples
    --------
    >>> round(float(fisher_z(0.5)), 4)
    0.5493
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if isinstance(r, xr.DataArray):
            if r.dtype.kind not in "biuf":
                r = r.copy(data=real_numbers(r.values, "r"))
            return xr.apply_ufunc(np.arctanh, r).assign_attrs(r.attrs | {"scale": "Fisher z"})
        return np.arctanh(real_numbers(r, "r"))


def spearman(
    x: Any,
    y: Any,
    *,
    dim: str = "unit",
    n_resamples: int = 10_000,
    level: float = 0.95,
    method: Literal["percentile", "BCa"] = "percentile",
    rng: Any = None,
) -> xr.Dataset:
    r"""Return Spearman's rank correlation of `x` and `y` along `dim`, with its uncertainty.

    .. math:: r_s = \operatorname{corr}(\operatorname{rank} x, \operatorname{rank} y)

    with mid-ranks for ties.

    Parameters
    ----------
    x, y : xarray.DataArray with `dim`, or array_like of one dimension
        Any scale: only the order counts. Other dims are broadcast and kept. Pairs with a NaN are
        left out.
    dim : str
        The dim whose entries are paired, and resampled as pairs.
    n_resamples : int
        Bootstrap resamples, and random permutations.
    level : float
        Coverage of the interval, between 0 and 1.
    method : {"percentile", "BCa"}
        Percentiles of the resamples, or bias-corrected and accelerated ones.
    rng : seed or numpy.random.Generator
        Columns with the same `x` share their resamples; a column's result does not hang on which
        others are there.

    Returns
    -------
    xarray.Dataset
        ``spearman``, ``interval`` (with the dim ``ci_bound``: lower, upper), ``p_value``
        (two-sided, by permutation: the share of permutations with a correlation at least as large,
        the data counted among them; all permutations are used where they are no more than
        `n_resamples`, the t distribution for more than 100 000 pairs) and ``n``, the number of
        pairs.

    Raises
    ------
    InputError
        If `x` or `y` lacks `dim` or is no numbers, their labels differ, or an argument is out of
        range.

    Notes
    -----
    NaN for fewer than 3 pairs, or where `x` or `y` is constant. Noise in `x` or `y` biases r_s
    towards 0 where it is independent, and either way where it is shared: with recorded neurons see
    :func:`artiphys.signature`. The percentile interval is slightly short below some 20 pairs.

    References
    ----------
    Spearman, C. (1904). Am. J. Psychol. 15(1), 72-101. https://doi.org/10.2307/1412159
    Efron, B. (1987). J. Am. Stat. Assoc. 82(397), 171-185.
    https://doi.org/10.1080/01621459.1987.10478410

    Examples
    --------
    >>> result = spearman([1, 2, 3, 4, 5], [1, 3, 2, 4, 5], rng=0)
    >>> round(float(result.spearman), 3), int(result.n)
    (0.9, 5)
    """
    check_resampling(n_resamples, level, method)
    x, y = aligned({"x": x, "y": y}, dim)
    columns = [of.values.reshape(-1, of.shape[-1]) for of in (x, y)]
    seed = int(generator(rng).integers(2**63))

    def of_columns(some: list[int]) -> list[tuple[float, float, float, float, int]]:
        pairs = columns[0][some[0]], columns[1][some]
        return _spearman_of_pairs(*pairs, n_resamples, level, method, np.random.default_rng(seed))

    alike = _alike(*columns)
    found = [(math.nan, math.nan, math.nan, math.nan, 0)] * len(columns[0])
    for some, results in zip(alike, over_columns(of_columns, alike, x.shape[-1]), strict=True):
        for column, result in zip(some, results, strict=True):
            found[column] = result
    attrs = {
        "interval_method": f"{method} bootstrap over {dim}",
        "level": level,
        "n_resamples": n_resamples,
        "p_value_method": "permutation, two-sided",
    }
    return labelled_correlations(found, (x, y), dim, attrs)


def aligned(given: Mapping[str, Any], dim: str) -> list[xr.DataArray]:
    """Return what goes together along `dim`, of one shape, `dim` last; the keys are for messages.

    Raises
    ------
    InputError
        If one lacks `dim` or is no numbers, or the labels differ.
    """
    arrays = [_along(array, name, dim) for name, array in given.items()]
    try:
        whole = xr.broadcast(*xr.align(*arrays, join="exact"))
    except ValueError as error:
        *others, last = given
        names = f"{', '.join(others)} and {last}"
        msg = f"{names} must have the same labels along {dim!r}; align them first ({error})"
        raise InputError(" ".join(msg.split())) from error
    first = whole[0].transpose(..., dim)
    return [first, *(array.transpose(*first.dims) for array in whole[1:])]


def labelled_correlations(
    found: Sequence[tuple[float, float, float, float, int]],
    pair: Sequence[xr.DataArray],
    dim: str,
    attrs: dict[str, Any],
) -> xr.Dataset:
    """Return the correlations of `pair`, a row of estimate, bounds, p-value and n for each."""
    shape, dims = pair[0].shape[:-1], pair[0].dims[:-1]
    coords = {n: c for a in pair for n, c in a.coords.items() if dim not in c.dims}
    r, lower, upper, p_value, n = (np.array(part) for part in zip(*found, strict=True))
    return xr.Dataset(
        {
            "spearman": (dims, r.reshape(shape)),
            "interval": ((*dims, "ci_bound"), np.stack([lower, upper], -1).reshape(*shape, 2)),
            "p_value": (dims, p_value.reshape(shape)),
            "n": (dims, n.reshape(shape)),
        },
        coords={**coords, "ci_bound": ["lower", "upper"]},
        attrs=attrs,
    )


def _along(given: Any, name: str, dim: str) -> xr.DataArray:
    array = given if isinstance(given, xr.DataArray) else real_numbers(given, name)
    if not isinstance(array, xr.DataArray):
        if array.ndim != 1:
            msg = f"{name} must be a DataArray or have one dimension; got {array.ndim} dimensions"
            raise InputError(msg)
        array = xr.DataArray(array, dims=dim)
    if dim not in array.dims:
        msg = f"{name} must have the dim {dim!r}; it has {array.dims}"
        raise InputError(msg)
    return array.copy(data=real_numbers(array.values, name))


def _alike(x: np.ndarray, y: np.ndarray) -> list[list[int]]:
    """Return columns together whose `x` (column, unit) are equal and whose pairs are complete.

    Their resamples are the same, and are counted and ranked by `x` once.
    """
    groups: dict[tuple[bytes, bytes], list[int]] = {}
    for column, (a, b) in enumerate(zip(x, y, strict=True)):
        groups.setdefault((a.tobytes(), np.isnan(b).tobytes()), []).append(column)
    return list(groups.values())


def _spearman_of_pairs(
    x: np.ndarray,
    ys: np.ndarray,
    n_resamples: int,
    level: float,
    method: str,
    rng: np.random.Generator,
) -> list[tuple[float, float, float, float, int]]:
    """Return estimate, bounds, p-value and n of columns (column, unit) that lack the same units."""
    valid = ~(np.isnan(x) | np.isnan(ys[0]))
    x, ys = x[valid], ys[:, valid]
    n = x.size
    r = np.array([float(rank_correlation(x, y)) for y in ys])
    known = np.flatnonzero(~np.isnan(r))
    results = [(math.nan, math.nan, math.nan, math.nan, n)] * len(ys)
    if not known.size:
        return results
    rows = np.stack([x, *ys[known]])
    pairs = [(0, row) for row in range(1, len(rows))]
    resamples = correlations_in_resamples(rows, pairs, n_resamples, rng)
    without = correlations_without_each(rows, pairs) if method == "BCa" else [None] * len(pairs)
    p_values = permutation_p_values(r[known], x, ys[known], n_resamples, rng)
    of_each = zip(known, resamples, without, p_values, strict=True)
    for column, in_resamples, left_out, p_value in of_each:
        bounds = bootstrap_interval(r[column], in_resamples, level, left_out)
        results[column] = (float(r[column]), *bounds, float(p_value), n)
    return results
