"""The signature of an area: how its units' invariance goes with their dynamic range."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from artiphys.errors import InputError
from artiphys.estimators import Noise, dynamic_range, invariance
from artiphys.moments_across_images import moments_across_images
from artiphys.rank_correlation import bootstrap_interval, check_resampling, spearman
from artiphys.schema import reference_label, require

__all__ = ["signature"]

RESAMPLES = (("unit",), ("image", "unit"))
BLOCK = 64  # image resamples at a time; a few hundred units' moments then fit in memory with ease


def signature(
    responses: xr.DataArray,
    *,
    by: str = "area",
    reference: Hashable | None = None,
    noise: Noise = "auto",
    resample: Sequence[str] = ("unit",),
    covariates: Sequence[str] = (),
    n_resamples: int = 10_000,
    level: float = 0.95,
    rng: Any = None,
) -> xr.Dataset:
    r"""Return Spearman's correlation between dynamic range and invariance, for each group of units.

    .. math:: r_s = \operatorname{corr}_u(\operatorname{rank} s_u^2, \operatorname{rank} r_{up})

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position)
    by : str
        The coordinate along ``unit`` whose values are the groups.
    reference : str or number, optional
        Label of the reference position; ``attrs["reference"]`` by default.
    noise : {"auto", None}
        As in :func:`artiphys.dynamic_range`.
    resample : ("unit",) or ("image", "unit")
        What the bootstrap draws: units, for units at large seen through these images; or images and
        units, for images at large too. A resample of images gives every unit a new dynamic range
        and a new invariance.
    covariates : sequence of str
    n_resamples, level, rng
        As in :func:`artiphys.spearman`.

    Returns
    -------
    xarray.Dataset
        Over (`by`, position), the reference left out: ``spearman``, ``interval`` (lower and upper
        along ``ci_bound``), ``p_value`` (permutation of units, two-sided) and ``n_units``, those
        with both quantities defined. Groups are in the order in which they first appear.

    Raises
    ------
    InputError
        If `by` is not a coordinate along ``unit``, or an argument is out of range.

    Notes
    -----
    NaN for groups of fewer than 3 units. See :func:`artiphys.dynamic_range` and
    :func:`artiphys.invariance` for what makes a unit undefined.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2019). The natural tendency of feed forward neural networks to favor
    invariant units. Advances in Neural Information Processing Systems 32.
    """
    check_resampling(n_resamples, level)
    resample = _checked_resample(resample)
    responses = require(responses)
    groups = _groups(responses, by)
    spread = dynamic_range(responses, reference=reference, noise=noise)
    carried = invariance(responses, reference=reference, noise=noise)
    seed = int(np.random.default_rng(rng).integers(2**63))
    found = []
    for group in groups:
        members = responses[by].values == group
        result = spearman(
            spread[members], carried[members], n_resamples=n_resamples, level=level, rng=seed
        )
        if "image" in resample:
            result["interval"] = _interval_over_images(
                responses[members], result, reference, n_resamples, level, seed
            )
        found.append(result)
    combined = xr.concat(found, dim=xr.Variable(by, groups), coords="minimal", compat="override")
    combined = combined.rename(n="n_units")
    combined.attrs |= {
        "noise": spread.attrs["noise"],
        "reference": spread.attrs["reference"],
        "dynamic_range": spread.attrs["formula"],
        "invariance": carried.attrs["formula"],
        "interval_method": f"percentile bootstrap over {' and '.join(resample)}",
    }
    return combined


def _checked_resample(resample: Sequence[str]) -> tuple[str, ...]:
    given = (resample,) if isinstance(resample, str) else tuple(resample)
    if tuple(sorted(given)) not in RESAMPLES:
        msg = f"resample must be one of {RESAMPLES}; got {given}"
        raise InputError(msg)
    return tuple(sorted(given))


def _groups(responses: xr.DataArray, by: str) -> np.ndarray:
    along_unit = [name for name, c in responses.coords.items() if c.dims == ("unit",)]
    if by not in along_unit:
        msg = f"by must be a coordinate along 'unit': one of {along_unit}; got {by!r}"
        raise InputError(msg)
    values, first = np.unique(responses[by].values, return_index=True)
    return values[np.argsort(first)]


def _interval_over_images(
    responses: xr.DataArray,
    result: xr.Dataset,
    reference: Hashable | None,
    n_resamples: int,
    level: float,
    seed: int,
) -> xr.DataArray:
    """Return the interval when images are drawn anew, and units anew from among them."""
    rng = np.random.default_rng(seed)
    label = reference_label(responses, reference)
    labels = responses["position"].values.tolist()
    at, others = labels.index(label), [p for p, other in enumerate(labels) if other != label]
    n_unit, n_image = responses.sizes["unit"], responses.sizes["image"]
    resamples = np.empty((n_resamples, len(others)))
    for start in range(0, n_resamples, BLOCK):
        rows = slice(start, min(start + BLOCK, n_resamples))
        size = rows.stop - rows.start
        counts = rng.multinomial(n_image, np.full(n_image, 1 / n_image), size=size)
        spread, carried = moments_across_images(responses.values, at, counts)
        units = rng.integers(n_unit, size=(size, n_unit))
        x = np.take_along_axis(spread, units, axis=1)
        for column, position in enumerate(others):
            y = np.take_along_axis(carried[:, :, position], units, axis=1)
            resamples[rows, column] = _row_spearman(x, y)
    bounds = [
        bootstrap_interval(float(r), column, level, "percentile")
        for r, column in zip(result["spearman"].values, resamples.T, strict=True)
    ]
    return result["interval"].copy(data=np.array(bounds))


def _row_spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    undefined = np.isnan(x) | np.isnan(y)
    if undefined.any():  # a resample can leave a unit constant; such rows are few
        whole = ~undefined.any(axis=1)
        r = np.full(len(x), np.nan)
        r[whole] = _row_spearman(x[whole], y[whole])
        for row in np.flatnonzero(~whole):
            pair = ~undefined[row]
            r[row] = _row_spearman(x[[row]][:, pair], y[[row]][:, pair])[0]
        return r
    a, b = stats.rankdata(x, axis=1), stats.rankdata(y, axis=1)
    a -= a.mean(axis=1, keepdims=True)
    b -= b.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.sum(a * b, axis=1) / np.sqrt(np.sum(a**2, axis=1) * np.sum(b**2, axis=1))
