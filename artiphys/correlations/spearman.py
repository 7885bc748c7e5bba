"""Spearman's rank correlation with a bootstrap interval and a permutation p-value.

A bootstrap resample is held as how often each unit was drawn. The ranks within it are then running
sums over the units in their original order, so that no resample is ever sorted; doubled, they are
whole numbers, so that ties cost no precision either.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr
from scipy import stats

from artiphys.arguments import generator
from artiphys.errors import InputError

__all__ = ["fisher_z", "spearman", "spearman_resamples"]

MIN_UNITS = 3
BLOCK = 128  # resamples at a time, so that the working arrays stay in cache


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
                r = r.copy(data=as_numbers(r.values, "r"))
            return xr.apply_ufunc(np.arctanh, r).assign_attrs(r.attrs | {"scale": "Fisher z"})
        return np.arctanh(as_numbers(r, "r"))


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
        The same resamples serve every column, so that a column's result does not hang on which
        others are there.

    Returns
    -------
    xarray.Dataset
        ``spearman``, ``interval`` (with the dim ``ci_bound``: lower, upper), ``p_value``
        (two-sided, by permutation: the share of permutations with a correlation at least as large,
        the data counted among them; all permutations are used where they are no more than
        `n_resamples`) and ``n``, the number of pairs.

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
    columns = zip(x.values.reshape(-1, x.shape[-1]), y.values.reshape(-1, x.shape[-1]), strict=True)
    seed = int(generator(rng).integers(2**63))
    found = [
        _spearman_of_pairs(a, b, n_resamples, level, method, np.random.default_rng(seed))
        for a, b in columns
    ]
    attrs = {
        "interval_method": f"{method} bootstrap over {dim}",
        "level": level,
        "n_resamples": n_resamples,
        "p_value_method": "permutation, two-sided",
    }
    return labelled_correlations(found, (x, y), dim, attrs)


def spearman_resamples(x: np.ndarray, y: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation within each resample of the pairs.

    Parameters
    ----------
    x, y : numpy.ndarray, (unit)
        Finite.
    indices : numpy.ndarray of int, (resample, draw)
        Which unit was drawn; any number of draws.

    Returns
    -------
    numpy.ndarray, (resample)
        NaN where a resample is constant in `x` or `y`.
    """
    n_resamples, n_draws = indices.shape
    size = min(BLOCK, n_resamples)
    x_ranks, y_ranks = _RanksInResamples(x, size), _RanksInResamples(y, size)
    offsets = x.size * np.arange(size)[:, None]
    r = np.empty(n_resamples)
    for start in range(0, n_resamples, BLOCK):
        cells = indices[start : start + BLOCK] + offsets[: n_resamples - start]
        counts = np.bincount(cells.ravel(), minlength=len(cells) * x.size).reshape(-1, x.size)
        x_rank, xx = x_ranks.of(counts, n_draws)
        y_rank, yy = y_ranks.of(counts, n_draws)
        counts *= x_rank
        xy = np.einsum("ru,ru->r", counts, y_rank)
        with np.errstate(invalid="ignore"):
            r[start : start + BLOCK] = xy / (np.sqrt(xx) * np.sqrt(yy))
    return np.clip(r, -1, 1)  # the roots of a perfect relation may round beyond it


def permutation_p_value(
    r: float, x: np.ndarray, y: np.ndarray, n_resamples: int, rng: Any
) -> float:
    """Return the two-sided permutation p-value of Spearman's `r` between `x` and `y` (unit)."""
    a, b = _standard_ranks(x), _standard_ranks(y)
    slack = abs(r) * (1 - 1e-12)  # a permutation that gives the very same order counts as equal
    if math.factorial(x.size) <= n_resamples:
        permuted = np.array(list(itertools.permutations(b)))
        return float(np.mean(np.abs(permuted @ a) >= slack))
    n_as_large = 0
    for start in range(0, n_resamples, BLOCK):
        block = np.tile(b, (min(BLOCK, n_resamples - start), 1))
        n_as_large += int(np.sum(np.abs(rng.permuted(block, axis=1) @ a) >= slack))
    return (1 + n_as_large) / (1 + n_resamples)


def bootstrap_interval(
    r: float,
    resamples: np.ndarray,
    level: float,
    method: str,
    jackknife: Callable[[], np.ndarray] | None = None,
) -> tuple[float, float]:
    """Return the interval from resamples; `jackknife` gives the leave-one-out values for BCa."""
    resamples = resamples[~np.isnan(resamples)]
    if resamples.size == 0:
        return math.nan, math.nan
    probabilities = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "BCa" and jackknife is not None:
        probabilities = _bca_probabilities(r, resamples, probabilities, jackknife())
        if np.isnan(probabilities).any():
            return math.nan, math.nan
    lower, upper = np.quantile(resamples, probabilities)
    return float(lower), float(upper)


def check_resampling(n_resamples: int, level: float, method: str = "percentile") -> None:
    """Raise InputError unless the arguments of a resampling make sense; every fault is listed."""
    faults = []
    whole = isinstance(n_resamples, int | np.integer) and not isinstance(n_resamples, bool)
    if not whole or n_resamples < 1:
        faults.append(f"n_resamples must be a whole number of at least 1; got {n_resamples!r}")
    number = isinstance(level, float | int | np.floating)
    if not number or not 0 < level < 1:
        faults.append(f"level must lie between 0 and 1, e.g. 0.95; got {level!r}")
    if method not in ("percentile", "BCa"):
        faults.append(f"method must be 'percentile' or 'BCa'; got {method!r}")
    if faults:
        raise InputError("; ".join(faults))


def as_numbers(given: Any, name: str) -> np.ndarray:
    """Return `given` as floats, or raise InputError that calls it `name`."""
    try:
        array = np.asarray(given)
        if array.dtype.kind in "biufO":  # numbers in text are not taken for numbers
            return array.astype(float)
        got = f"dtype {array.dtype}"
    except (TypeError, ValueError) as error:
        got = " ".join(str(error).split())
    msg = f"{name} must be real numbers; got {got}"
    raise InputError(msg)


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


def leave_one_out(n: int) -> np.ndarray:
    """Return the indices of all but each of n units in turn (resample, draw)."""
    others = ~np.eye(n, dtype=bool)
    return np.tile(np.arange(n), (n, 1))[others].reshape(n, n - 1)


def _along(given: Any, name: str, dim: str) -> xr.DataArray:
    array = given if isinstance(given, xr.DataArray) else as_numbers(given, name)
    if not isinstance(array, xr.DataArray):
        if array.ndim != 1:
            msg = f"{name} must be a DataArray or have one dimension; got {array.ndim} dimensions"
            raise InputError(msg)
        array = xr.DataArray(array, dims=dim)
    if dim not in array.dims:
        msg = f"{name} must have the dim {dim!r}; it has {array.dims}"
        raise InputError(msg)
    return array.copy(data=as_numbers(array.values, name))


def _spearman_of_pairs(
    x: np.ndarray, y: np.ndarray, n_resamples: int, level: float, method: str, rng: Any
) -> tuple[float, float, float, float, int]:
    valid = ~(np.isnan(x) | np.isnan(y))
    x, y = x[valid], y[valid]
    n = x.size
    if n < MIN_UNITS or np.ptp(stats.rankdata(x)) == 0 or np.ptp(stats.rankdata(y)) == 0:
        return math.nan, math.nan, math.nan, math.nan, n
    r = float(stats.spearmanr(x, y).statistic)
    indices = rng.integers(n, size=(n_resamples, n), dtype=np.int32)
    resamples = spearman_resamples(x, y, indices)
    lower, upper = bootstrap_interval(
        r, resamples, level, method, lambda: spearman_resamples(x, y, leave_one_out(n))
    )
    return r, lower, upper, permutation_p_value(r, x, y, n_resamples, rng), n


class _RanksInResamples:
    """Doubled mid-ranks, less their mean, of some values within resamples that are given as counts.

    Of the N draws of a resample let c be those of one value, and C those of it and all lower ones:
    its mid-rank is C - (c - 1)/2, which less the mean (N + 1)/2 and doubled is 2C - c - N. The
    working arrays are made once: fresh ones for each block would cost more than all the sums.
    """

    def __init__(self, values: np.ndarray, n_resamples: int) -> None:
        distinct, self.group = np.unique(values, return_inverse=True)
        self.order = np.argsort(self.group, kind="stable")
        starts = np.searchsorted(self.group[self.order], np.arange(distinct.size))
        self.starts = starts if distinct.size < values.size else None
        self.per_unit = np.empty((n_resamples, values.size), dtype=np.int64)
        self.per_value = np.empty((n_resamples, distinct.size), dtype=np.int64)
        self.value_ranks = np.empty_like(self.per_value)

    def of(self, counts: np.ndarray, n_draws: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the ranks (resample, unit), good until the next call, and their squares' sum."""
        rows = slice(len(counts))
        per_unit, ranks = self.per_unit[rows], self.value_ranks[rows]
        np.take(counts, self.order, axis=1, out=per_unit, mode="clip")
        per_value = per_unit
        if self.starts is not None:
            per_value = np.add.reduceat(per_unit, self.starts, axis=1, out=self.per_value[rows])
        np.cumsum(per_value, axis=1, out=ranks)
        ranks *= 2
        ranks -= per_value
        ranks -= n_draws
        squares = np.einsum("rv,rv,rv->r", per_value, ranks, ranks)
        np.take(ranks, self.group, axis=1, out=per_unit, mode="clip")
        return per_unit, squares


def _standard_ranks(values: np.ndarray) -> np.ndarray:
    ranks = stats.rankdata(values)
    ranks -= ranks.mean()
    return ranks / np.sqrt(ranks @ ranks)


def _bca_probabilities(
    r: float, resamples: np.ndarray, probabilities: np.ndarray, jackknife: np.ndarray
) -> np.ndarray:
    share_below = (np.sum(resamples < r) + np.sum(resamples <= r)) / (2 * resamples.size)
    bias = stats.norm.ppf(share_below)
    deviation = np.mean(jackknife) - jackknife
    spread = np.sum(deviation**2)
    acceleration = np.sum(deviation**3) / (6 * spread**1.5) if spread > 0 else math.nan
    shifted = bias + stats.norm.ppf(probabilities)
    return stats.norm.cdf(bias + shifted / (1 - acceleration * shifted))
