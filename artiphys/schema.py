"""The response array: a plain ``xarray.DataArray``, ``unit × image × position`` (× ``trial``).

One array holds what a network answers and what a recording holds, so that one set of estimators
serves both. This module says what such an array is; it knows nothing of where it came from.
"""

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from artiphys.errors import InputError, SchemaError

__all__ = [
    "DIMS",
    "SCHEMA_VERSION",
    "UNITS",
    "reference_label",
    "require",
    "response_array",
    "validate",
]

SCHEMA_VERSION = 1
DIMS = ("unit", "image", "position")
UNITS = ("spikes/s", "spikes", "a.u.")
DISPLACEMENT_UNITS = ("px", "deg")


def response_array(
    values: Any,
    *,
    unit: Sequence[str],
    image: Sequence[str],
    position: Sequence[Hashable],
    x: Sequence[float],
    y: Sequence[float],
    displacement_units: str,
    area: str | Sequence[str],
    source: str | Sequence[str],
    units: str,
    reference: Hashable,
    provenance: str,
    shift: Sequence[float] | None = None,
    unit_coords: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Return a valid response array; what an adapter calls last.

    Parameters
    ----------
    values : array_like, (unit, image, position) or (unit, image, position, trial)
        Responses in `units`; NaN means not measured.
    unit, image : sequence of str
        Unique names.
    position : sequence of str or numbers
        Unique labels.
    x, y : sequence of float, (position)
        Displacement from the reference position, in `displacement_units`; NaN where unknown.
    displacement_units : {"px", "deg"}
    area, source : str or sequence of str, (unit)
        Where each unit was measured, and the network with its weights, or the session.
    units : {"spikes/s", "spikes", "a.u."}
    reference : str or number
        Label of the reference position.
    provenance : str
        JSON, as :func:`artiphys.provenance.provenance` makes it.
    shift : sequence of float, (position), optional
        Displacement as a fraction of the receptive field.
    unit_coords : mapping, optional
        Further coordinates along ``unit`` (layer, channel, electrode, quality ...).

    Returns
    -------
    xarray.DataArray
        Named ``response``, with the dims, coordinates and attrs of the schema.

    Raises
    ------
    SchemaError
        If the result would not be valid; every fault is listed.
    """
    values = values if hasattr(values, "dtype") else np.asarray(values)
    dims = (*DIMS, "trial")[: values.ndim]
    along_unit = {"area": area, "source": source, **(unit_coords or {})}
    coords: dict[str, Any] = {
        "unit": np.asarray(unit, dtype=str),
        "image": np.asarray(image, dtype=str),
        "position": np.asarray(position),
        **{
            name: (
                "unit",
                np.full(len(unit), value) if isinstance(value, str) else np.asarray(value),
            )
            for name, value in along_unit.items()
        },
        "x": ("position", np.asarray(x, dtype=float), {"units": displacement_units}),
        "y": ("position", np.asarray(y, dtype=float), {"units": displacement_units}),
    }
    if shift is not None:
        coords["shift"] = ("position", np.asarray(shift, dtype=float))
    attrs = {
        "units": units,
        "reference": reference.item() if isinstance(reference, np.generic) else reference,
        "schema_version": SCHEMA_VERSION,
        "provenance": provenance,
    }
    return validate(xr.DataArray(values, coords=coords, dims=dims, name="response", attrs=attrs))


def validate(responses: xr.DataArray) -> xr.DataArray:
    """Return `responses` unchanged if it is a valid response array.

    Values are looked at only where they are in memory, so that a lazily opened array stays lazy.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)

    Returns
    -------
    xarray.DataArray
        The same object.

    Raises
    ------
    SchemaError
        With every fault of the array, one sentence each.
    """
    if not isinstance(responses, xr.DataArray):
        msg = f"a response array is an xarray.DataArray; got {type(responses).__name__}"
        if isinstance(responses, xr.Dataset):
            msg += "; pick its variable: dataset['response']"
        raise SchemaError(msg)
    faults = [
        *_faults_of_dims(responses),
        *_faults_of_values(responses),
        *_faults_of_labels(responses),
        *_faults_along_unit(responses),
        *_faults_along_position(responses),
        *_faults_of_attrs(responses),
    ]
    if faults:
        number = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        msg = f"not a valid response array, {number}: " + "; ".join(faults)
        raise SchemaError(msg)
    return responses


def require(responses: xr.DataArray, *, trial: bool | None = None) -> xr.DataArray:
    """Return `responses` with its dims in order; what every estimator asks at its door.

    An estimator needs the dims and nothing else of the schema, so that an array made by hand in a
    notebook can be measured too.

    Raises
    ------
    InputError
        If dims are missing, empty or others are there, or ``trial`` is not as asked.
    """
    if not isinstance(responses, xr.DataArray):
        msg = f"responses must be an xarray.DataArray; got {type(responses).__name__}"
        raise InputError(msg)
    missing = [dim for dim in DIMS if dim not in responses.dims]
    extra = [str(dim) for dim in responses.dims if dim not in (*DIMS, "trial")]
    if missing or extra:
        msg = (
            f"responses must have the dims {DIMS}, or with 'trial' last; got {responses.dims}"
            + (f"; add {missing} with expand_dims" if missing else "")
            + (f"; select or average over {extra}" if extra else "")
        )
        raise InputError(msg)
    empty = [str(dim) for dim, size in responses.sizes.items() if size == 0]
    if empty:
        msg = f"responses must have at least one entry along each dim; {empty} are empty"
        raise InputError(msg)
    if trial is True and "trial" not in responses.dims:
        msg = "responses must have a 'trial' dim for this; got averages only; use noise=None"
        raise InputError(msg)
    if trial is False and "trial" in responses.dims:
        msg = "responses must have no 'trial' dim for this; average with .mean('trial')"
        raise InputError(msg)
    return responses.transpose(*DIMS, ...)


def reference_label(responses: xr.DataArray, reference: Hashable | None = None) -> Hashable:
    """Return the label of the reference position: the argument, or else ``attrs["reference"]``.

    Raises
    ------
    InputError
        If there is none, or it is not among the positions; the valid labels are listed.
    """
    label = responses.attrs.get("reference") if reference is None else reference
    if "position" not in responses.coords:
        msg = "the positions have no labels; give them: responses.assign_coords(position=[...])"
        raise InputError(msg)
    labels = responses["position"].values.tolist()
    if label is None:
        msg = f"no reference position: pass reference=, one of {labels}, or set attrs['reference']"
        raise InputError(msg)
    if label not in labels:
        msg = f"reference {label!r} is not among the positions; they are {labels}"
        raise InputError(msg)
    return label


def _faults_of_dims(responses: xr.DataArray) -> list[str]:
    faults = []
    if responses.name != "response":
        faults.append(f"its name must be 'response'; got {responses.name!r}")
    if responses.dims not in (DIMS, (*DIMS, "trial")):
        faults.append(f"dims must be {DIMS}, or with 'trial' last; got {responses.dims}")
    faults += [f"{dim!r} is empty" for dim, size in responses.sizes.items() if size == 0]
    return faults


def _faults_of_values(responses: xr.DataArray) -> list[str]:
    if responses.dtype.kind != "f":
        return [f"values must be floating (NaN means not measured); got {responses.dtype}"]
    if isinstance(responses.variable._data, np.ndarray):
        n_infinite = int(np.isinf(responses.values).sum())
        if n_infinite:
            return [f"values must be finite or NaN; {n_infinite} are infinite"]
    return []


def _faults_of_labels(responses: xr.DataArray) -> list[str]:
    faults = []
    for dim in DIMS:
        if dim not in responses.dims:
            continue
        if dim not in responses.coords:
            faults.append(f"the coordinate {dim!r} is missing")
            continue
        labels = responses[dim].values.tolist()
        if dim != "position" and not all(isinstance(label, str) for label in labels):
            faults.append(f"{dim!r} labels must be strings; got {responses[dim].dtype}")
        if dim == "position" and not all(_is_label(label) for label in labels):
            faults.append("'position' labels must be strings or finite numbers")
        repeated = len(labels) - len(set(labels))
        if repeated:
            twice = sorted({str(label) for label in labels if labels.count(label) > 1})[:3]
            faults.append(
                f"{dim!r} labels must be unique; {repeated} repeat, e.g. {', '.join(twice)}"
            )
    return faults


def _faults_along_unit(responses: xr.DataArray) -> list[str]:
    faults = []
    for name in ("area", "source"):
        if name not in responses.coords or responses[name].dims != ("unit",):
            faults.append(f"the coordinate {name!r} along 'unit' is missing")
        elif not all(isinstance(value, str) for value in responses[name].values.tolist()):
            faults.append(f"{name!r} must hold strings; got {responses[name].dtype}")
    return faults


def _faults_along_position(responses: xr.DataArray) -> list[str]:
    faults = []
    for name in ("x", "y"):
        if name not in responses.coords or responses[name].dims != ("position",):
            faults.append(
                f"the coordinate {name!r} along 'position' is missing (NaN where unknown)"
            )
        elif responses[name].attrs.get("units") not in DISPLACEMENT_UNITS:
            got = responses[name].attrs.get("units")
            faults.append(f"{name!r} must have attrs['units'] in {DISPLACEMENT_UNITS}; got {got!r}")
    for name in ("x", "y", "shift"):
        if name not in responses.coords:
            continue
        if responses[name].dims != ("position",):
            if name == "shift":
                faults.append("'shift' must lie along 'position'")
        elif responses[name].dtype.kind not in "fiu":
            faults.append(f"{name!r} must be numbers; got {responses[name].dtype}")
        elif np.isinf(responses[name].values).any():
            faults.append(f"{name!r} must be finite or NaN")
        else:
            faults += _faults_of_origin(responses, name)
    return faults


def _faults_of_origin(responses: xr.DataArray, name: str) -> list[str]:
    """Displacements are counted from the reference position, so there they are 0 (or unknown)."""
    at = [
        label == responses.attrs.get("reference") for label in responses["position"].values.tolist()
    ]
    if sum(at) == 1:
        origin = float(responses[name].values[at.index(True)])
        if origin not in (0.0,) and not np.isnan(origin):
            return [f"{name!r} must be 0 at the reference position; got {origin:g}"]
    return []


def _faults_of_attrs(responses: xr.DataArray) -> list[str]:
    attrs = responses.attrs
    faults = [
        f"attrs[{name!r}] is missing"
        for name in ("units", "reference", "schema_version", "provenance")
        if name not in attrs
    ]
    faults += [
        f"attrs[{name!r}] must be str, int or float; got {type(value).__name__}"
        for name, value in attrs.items()
        if not isinstance(value, str | int | float) or isinstance(value, bool)
    ]
    if "units" in attrs and attrs["units"] not in UNITS:
        faults.append(f"attrs['units'] must be one of {UNITS}; got {attrs['units']!r}")
    if "reference" in attrs and "position" in responses.coords:
        labels = responses["position"].values.tolist()
        if attrs["reference"] not in labels:
            faults.append(
                f"attrs['reference'] {attrs['reference']!r} is not among the positions {labels}"
            )
    if "schema_version" in attrs and attrs["schema_version"] != SCHEMA_VERSION:
        got = attrs["schema_version"]
        faults.append(
            f"attrs['schema_version'] must be {SCHEMA_VERSION}; got {got!r}; upgrade artiphys"
        )
    if "provenance" in attrs and not _is_json(attrs["provenance"]):
        faults.append("attrs['provenance'] must be one JSON string")
    return faults


def _is_label(label: Any) -> bool:
    return isinstance(label, str) or (
        isinstance(label, int | float) and not isinstance(label, bool) and bool(np.isfinite(label))
    )


def _is_json(text: Any) -> bool:
    try:
        json.loads(text)
    except (TypeError, ValueError):
        return False
    return True
