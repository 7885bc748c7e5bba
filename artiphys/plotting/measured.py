"""What a figure shows, of responses: the one module of the figures that asks the estimators.

The others draw what it returns.
"""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from artiphys.errors import ArtiphysWarning, InputError, listed
from artiphys.estimators.invariance import invariance
from artiphys.signatures.unit_table import unit_table
from artiphys.tuning import dynamic_range_error, peristimulus, tuning

__all__ = ["invariance_shown", "labels_shown", "rates_shown", "tuning_shown", "units_shown"]

OF_SESSIONS = ("source", "session")  # the coordinate, and the column that a table has for it


def units_shown(units: Any, result: xr.Dataset) -> Any:
    """Return the table of the units behind a signature, with the errors of both quantities.

    Parameters
    ----------
    units : xarray.DataArray or pandas.DataFrame
        Responses, or a table from :func:`artiphys.unit_table`, which is taken as it is.
    result : xarray.Dataset
        From :func:`artiphys.signature` of the same responses.

    Returns
    -------
    pandas.DataFrame
        As :func:`artiphys.unit_table`, with the column ``group``; ``used`` says which units the
        estimate of `result` is of. With trials noise is taken off both quantities, from all of the
        trials, and the errors are ``dynamic_range_error`` and ``fisher_z_error``; NaN without.
    """
    by = next(str(dim) for dim in result["spearman"].dims if dim != "position")
    table = units if hasattr(units, "columns") else _measured(units, by, result)
    column = OF_SESSIONS[1] if by == OF_SESSIONS[0] and by not in table else by
    missing = {column, "position", "dynamic_range", "fisher_z", "used"} - set(table)
    if missing:
        msg = (
            "units must be responses, or a table from artiphys.unit_table with the groups of the "
            f"result; it lacks {listed(sorted(missing))}"
        )
        raise InputError(msg)
    kept = table["used"].astype(bool)
    for name in filter(None, str(result.attrs.get("covariates", "")).split(", ")):
        if name in table:
            kept &= table[name].notna()
    if "n_too_noisy" in result:
        kept &= table["noise_error"] <= result.attrs["max_noise_error"]
    table = table.assign(group=table[column], used=kept)
    for name in ("noise_error", "dynamic_range_error"):
        if name not in table:
            table[name] = np.nan
    # The noise of a correlation r is that of r = 0 times sqrt(1 - r²), and dz/dr is 1 / (1 - r²).
    with np.errstate(invalid="ignore", divide="ignore"):
        table["fisher_z_error"] = table["noise_error"] / np.sqrt(1 - table["invariance"] ** 2)
    return table


def _measured(responses: xr.DataArray, by: str, result: xr.Dataset) -> Any:
    """Return the table of responses: who is used as the signature has it, values of all trials."""
    reference = result.attrs.get("reference")
    noise: Any = "auto" if "n_without_repeats" in result else result.attrs.get("noise")
    with warnings.catch_warnings():  # of units without a group, which the signature warned of
        warnings.simplefilter("ignore", ArtiphysWarning)
        if "trial" not in responses.dims or noise == "as measured":
            return unit_table(responses, by=by, reference=reference, noise=None)
        used = unit_table(responses, by=by, reference=reference, noise=noise)
        table = unit_table(responses, by=by, reference=reference, noise="corrected")
    error = dynamic_range_error(responses, reference=reference).values
    n_position = len(table) // max(error.size, 1)
    return table.assign(
        used=used["used"],
        why_not=used["why_not"],
        dynamic_range_error=np.repeat(error, n_position),
    )


def labels_shown(result: xr.Dataset, dim: str, asked: Hashable | None) -> list[Any]:
    """Return the labels along a dim of a result: the one that is asked for, or all.

    Raises
    ------
    InputError
        If that one is not among them.
    """
    labels: list[Any] = result[dim].values.tolist()
    if asked is None:
        return labels
    if asked not in labels:
        msg = f"{dim} {asked!r} is not in the result; there are {listed(labels)}"
        raise InputError(msg)
    return [asked]


def tuning_shown(responses: Any, unit: Hashable) -> xr.Dataset:
    """Return :func:`artiphys.tuning.tuning` of one unit, images ordered by its reference response.

    Parameters
    ----------
    responses : xarray.DataArray, or xarray.Dataset of :func:`artiphys.tuning.tuning`
    unit : str or number
        Its label.

    Returns
    -------
    xarray.Dataset, (image, position)
        Images that were not shown at the reference come last.
    """
    labels = responses["unit"].values.tolist()
    if unit not in labels:
        msg = f"unit {unit!r} is not among the {len(labels)}: {listed(labels)}"
        raise InputError(msg)
    one = responses.isel(unit=[labels.index(unit)])
    tuned = one if isinstance(one, xr.Dataset) else tuning(one)
    tuned = tuned.isel(unit=0)
    reference = tuned.attrs.get("reference")
    positions = tuned["position"].values.tolist()
    at = positions.index(reference) if reference in positions else 0
    tuned.attrs["reference"] = positions[at]
    return tuned.isel(image=np.argsort(tuned["mean"].values[:, at]))


def invariance_shown(values: xr.DataArray, unit: Hashable | None) -> xr.DataArray:
    """Return values over (position): those of a unit, measured first if they are responses."""
    if "image" in values.dims:
        if unit is not None and unit in values["unit"].values.tolist():
            values = values.isel(unit=values["unit"].values.tolist().index(unit))
            values = values.expand_dims("unit")
        values = invariance(values)
    if "unit" in values.dims:
        labels = values["unit"].values.tolist()
        if unit is None and len(labels) == 1:
            unit = labels[0]
        if unit not in labels:
            msg = (
                f"unit must be one of the {len(labels)} units, {listed(labels)}; got {unit!r}; or "
                "pass one value a position, values.median('unit') say"
            )
            raise InputError(msg)
        values = values.isel(unit=labels.index(unit))
    if values.dims != ("position",):
        msg = f"values must be over (position) or (unit, position); got {values.dims}"
        raise InputError(msg)
    if not {"x", "y"} <= set(values.coords):
        msg = "positions must have the coordinates 'x' and 'y'; pass them to response_array"
        raise InputError(msg)
    return values


def rates_shown(spikes: Mapping[Any, Sequence[Any]]) -> xr.Dataset:
    """Return :func:`artiphys.tuning.peristimulus` from the first spike to the last."""
    times = [float(time) for shown in spikes.values() for each in shown for time in each]
    start, stop = min([*times, 0.0]), max([*times, 0.1])
    first, last = np.floor(100 * start) / 100, np.ceil(100 * stop + 1e-6) / 100
    return peristimulus(spikes, window=(float(first), float(last)))
