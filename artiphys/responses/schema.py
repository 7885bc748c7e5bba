"""The response array: a plain ``xarray.DataArray``, ``unit × image × position`` (× ``trial``).

One array holds what a network answers and what a recording holds, so that one set of estimators
serves both. This module says what such an array is and all that is wrong with one that is not.
"""

import json
import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from artiphys.errors import InputError, SchemaError

__all__ = [
    "DIMS",
    "SCHEMA_VERSION",
    "UNITS",
    "is_text",
    "reference_label",
    "require",
    "require_finite",
    "validate",
]

SCHEMA_VERSION = 1
DIMS = ("unit", "image", "position")
UNITS = ("spikes/s", "spikes", "a.u.")
DISPLACEMENT_UNITS = ("px", "deg")
# What files keep: netCDF's rules of names, without the space that xarray lists coordinates with,
# and no attr that netCDF, HDF5 or xarray take for themselves, as they do all that begin with "_".
NAME = re.compile(r"\w[^/\s\x00-\x1f\x7f]*")
RESERVED = frozenset(
    {
        "missing_value", "scale_factor", "add_offset", "dtype", "coordinates", "grid_mapping",
        "calendar", "dimensions", "CLASS", "NAME", "DIMENSION_LIST", "DIMENSION_LABELS",
        "REFERENCE_LIST",
    }
)  # fmt: skip
LARGEST = 1e70  # of what is measured: the error of a variance takes the fourth power
MAX_LISTED = 3  # labels that a message names
INTEGERS = range(-(2**63), 2**63)


def validate(responses: xr.DataArray) -> xr.DataArray:
    """Return `responses` unchanged if it is a valid response array.

    What is valid can be written to netCDF and Zarr, and comes back from them identical. Values are
    looked at only where they are in memory, so that a lazily opened array stays lazy.

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
        *_faults_of_coords(responses),
        *_faults_along_unit(responses),
        *_faults_along_position(responses),
        *_faults_of_attrs(responses),
    ]
    if faults:
        number = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        msg = f"not a valid response array, {number}: " + "; ".join(faults)
        raise SchemaError(msg)
    return responses


def require(
    responses: xr.DataArray, *, trial: bool | None = None, name: str = "responses"
) -> xr.DataArray:
    """Return `responses` with its dims in order; what every estimator asks at its door.

    An estimator needs the dims and nothing else of the schema, so that an array made by hand in a
    notebook can be measured too. Values are looked at only where they are in memory. `name` is what
    the messages call the array.

    Raises
    ------
    InputError
        If dims are missing, empty or others are there, values are no numbers, infinite or too large
        to be squared, labels repeat, or ``trial`` is not as asked.
    """
    if not isinstance(responses, xr.DataArray):
        msg = f"{name} must be an xarray.DataArray; got {type(responses).__name__}"
        raise InputError(msg)
    data = responses.variable._data
    of_others = hasattr(data, "__array_namespace__") and not isinstance(data, np.ndarray)
    if of_others and responses.chunks is None:
        responses = responses.as_numpy()  # as from the memory of a GPU: NumPy measures them
    missing = [dim for dim in DIMS if dim not in responses.dims]
    extra = [str(dim) for dim in responses.dims if dim not in (*DIMS, "trial")]
    if missing or extra:
        msg = (
            f"{name} must have the dims {DIMS}, or with 'trial' last; got {responses.dims}"
            + (f"; add {missing} with expand_dims" if missing else "")
            + (f"; select or average over {extra}" if extra else "")
        )
        raise InputError(msg)
    empty = [str(dim) for dim, size in responses.sizes.items() if size == 0]
    if empty:
        msg = f"{name} must have at least one entry along each dim; {empty} are empty"
        raise InputError(msg)
    if trial is True and "trial" not in responses.dims:
        msg = f"{name} must have a 'trial' dim for this; got averages only; give single trials"
        raise InputError(msg)
    if trial is False and "trial" in responses.dims:
        msg = f"{name} must have no 'trial' dim for this; average with .mean('trial')"
        raise InputError(msg)
    _require_numbers(responses, name)
    _require_unique(responses, name)
    return responses.transpose(*DIMS, ...)


def _require_numbers(responses: xr.DataArray, name: str) -> None:
    if responses.dtype.kind not in "biuf":
        msg = f"{name} must be numbers; got dtype {responses.dtype}; convert with .astype(float)"
        raise InputError(msg)
    if isinstance(responses.variable._data, np.ndarray):
        require_finite(responses.variable._data, name)


def require_finite(values: np.ndarray, name: str) -> None:
    """Refuse values that are infinite or too large to be squared.

    Raises
    ------
    InputError
        With what is wrong; `name` is what the message calls them.
    """
    if values.dtype.kind != "f":
        return
    # fmax and fmin pass over NaN, and make no array of the size of the values.
    top, bottom = np.fmax.reduce(values, axis=None), np.fmin.reduce(values, axis=None)
    if np.isinf(top) or np.isinf(bottom):
        n_infinite = int(np.isinf(values).sum())
        msg = f"{name} must be finite, or NaN where not measured; {n_infinite} are infinite"
        raise InputError(msg)
    largest = max(float(top), -float(bottom))
    if largest > LARGEST:
        msg = f"{name} must be at most {LARGEST:g} in size, or variances overflow; got {largest:g}"
        raise InputError(msg)


def _require_unique(responses: xr.DataArray, name: str) -> None:
    """Refuse labels that repeat: the same units twice would count as so many more."""
    faults = [
        _repeats(dim, responses.indexes[dim].tolist())
        for dim in DIMS
        if dim in responses.indexes and not responses.indexes[dim].is_unique
    ]
    if faults:
        msg = f"{name}: {'; '.join(faults)}; drop those given twice, or rename them"
        raise InputError(msg)


def _repeats(dim: str, labels: Sequence[Any]) -> str:
    index = pd.Index(labels)
    again = index[index.duplicated()]
    examples = ", ".join(sorted({str(label) for label in again})[:MAX_LISTED])
    return f"{dim!r} labels must be unique; {again.size} repeat, e.g. {examples}"


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
    if responses.dtype not in (np.float32, np.float64) and responses.dtype.kind not in "iu":
        rule = "float32 or float64 (NaN: not measured), or integers, of which none is missing"
        return [f"values must be {rule}; got {responses.dtype}"]
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
            faults.append(f"{dim!r} labels must be strings; got {_kind(responses[dim])}")
            continue
        numbers_or_strings = responses[dim].dtype.kind in "fiuUO" and all(map(_is_label, labels))
        if dim == "position" and not numbers_or_strings:
            got = _kind(responses[dim])
            faults.append(f"'position' labels must be strings or finite numbers; got {got}")
            continue
        if len(set(labels)) < len(labels):
            faults.append(_repeats(dim, labels))
    return faults


def _faults_of_coords(responses: xr.DataArray) -> list[str]:
    """Return what files would not keep of the coordinates."""
    faults = []
    for name, coord in responses.coords.items():
        if not isinstance(name, str) or not NAME.fullmatch(name) or name == "response":
            rule = "letters, digits and '_', and not 'response'"
            faults.append(f"a coordinate must be named by {rule}; got {name!r}")
        if isinstance(responses.indexes.get(name), pd.MultiIndex):
            faults.append(f"{name!r} must be no MultiIndex; use reset_index({name!r})")
            continue
        faults += _faults_of_kind(name, coord)
        faults += _faults_of_each_attr(f"{name!r} attrs", coord.attrs)
        unit = coord.attrs.get("units")
        if isinstance(unit, str) and " since " in unit and coord.dtype.kind != "M":
            faults.append(
                f"{name!r} attrs['units'] {unit!r} would be read as a date; make them datetimes"
            )
        if coord.dtype.kind == "M" and {"units"} & set(coord.attrs):
            faults.append(f"{name!r} holds dates, and must have no attrs['units']")
    return faults


def _faults_of_kind(name: Hashable, coord: xr.DataArray) -> list[str]:
    strings = coord.dtype.kind in "OU"
    texts = coord.values.ravel().tolist() if strings else []
    numpy_kind = isinstance(coord.dtype, np.dtype) and coord.dtype.kind in "biufMOU"
    half = coord.dtype.kind == "f" and coord.dtype not in (np.float32, np.float64)
    if not numpy_kind or half or not all(isinstance(text, str) for text in texts):
        kinds = "strings, whole numbers, float32, float64, booleans or dates, of one kind"
        return [f"{name!r} must hold {kinds}; got {_kind(coord)}"]
    broken = sum(not is_text(text) for text in texts)
    if broken:
        return [f"{name!r} must hold text without NUL or lone surrogates; {broken} have one"]
    return []


def _faults_along_unit(responses: xr.DataArray) -> list[str]:
    faults = []
    for name in ("area", "source"):
        if name not in responses.coords or responses[name].dims != ("unit",):
            faults.append(f"the coordinate {name!r} along 'unit' is missing")
        elif not all(isinstance(value, str) for value in responses[name].values.tolist()):
            faults.append(f"{name!r} must hold strings; got {_kind(responses[name])}")
    return faults


def _faults_along_position(responses: xr.DataArray) -> list[str]:
    faults = []
    units = {}
    for name in ("x", "y"):
        if name not in responses.coords or responses[name].dims != ("position",):
            faults.append(
                f"the coordinate {name!r} along 'position' is missing (NaN where unknown)"
            )
            continue
        units[name] = responses[name].attrs.get("units")
        if not isinstance(units[name], str) or units[name] not in DISPLACEMENT_UNITS:
            got = units.pop(name)
            faults.append(f"{name!r} must have attrs['units'] in {DISPLACEMENT_UNITS}; got {got!r}")
    if len(set(units.values())) > 1:
        faults.append(f"'x' and 'y' must be in the same units; got {units['x']} and {units['y']}")
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
    reference = responses.attrs.get("reference")
    labels = responses["position"].values.tolist() if "position" in responses.coords else []
    if _is_label(reference) and labels.count(reference) == 1:
        origin = float(responses[name].values[labels.index(reference)])
        if origin != 0 and not np.isnan(origin):
            return [f"{name!r} must be 0 at the reference position; got {origin:g}"]
    return []


def _faults_of_attrs(responses: xr.DataArray) -> list[str]:
    attrs = responses.attrs
    faults = [
        f"attrs[{name!r}] is missing"
        for name in ("units", "reference", "schema_version", "provenance")
        if name not in attrs
    ]
    faults += _faults_of_each_attr("attrs", attrs)
    plain = {name: value for name, value in attrs.items() if _is_plain(value)}
    if "units" in plain and plain["units"] not in UNITS:
        faults.append(f"attrs['units'] must be one of {UNITS}; got {plain['units']!r}")
    if "reference" in plain and "position" in responses.coords:
        labels = np.atleast_1d(responses["position"].values).tolist()  # one, of a selection
        if plain["reference"] not in labels:
            faults.append(
                f"attrs['reference'] {plain['reference']!r} is not among the positions {labels}"
            )
    if "schema_version" in plain and plain["schema_version"] != SCHEMA_VERSION:
        got = plain["schema_version"]
        faults.append(
            f"attrs['schema_version'] must be {SCHEMA_VERSION}; got {got!r}; upgrade artiphys"
        )
    if "provenance" in plain and not _is_json_object(plain["provenance"]):
        faults.append("attrs['provenance'] must be one JSON string, of an object {...} without NaN")
    return faults


def _faults_of_each_attr(where: str, attrs: Mapping[Any, Any]) -> list[str]:
    """Return what files would not keep of some attrs."""
    faults = []
    for name, value in attrs.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            faults.append(f"{where} must be named by letters, digits and '_'; got {name!r}")
        elif name in RESERVED or name.startswith("_"):
            faults.append(f"{where}[{name!r}] is reserved by file formats; rename it")
        elif not _is_plain(value):
            got = type(value).__name__
            faults.append(f"{where}[{name!r}] must be str, int or float; got {got}")
        elif isinstance(value, str) and not is_text(value):
            faults.append(f"{where}[{name!r}] must be text without NUL or lone surrogates")
        elif isinstance(value, int) and value not in INTEGERS:
            faults.append(f"{where}[{name!r}] must be within 64 bits; got {value}")
    return faults


def _kind(coord: xr.DataArray) -> str:
    """Return what a coordinate holds: its dtype, or the types of its objects."""
    if coord.dtype.kind != "O" or not isinstance(coord.dtype, np.dtype):
        return str(coord.dtype)
    return " and ".join(sorted({type(value).__name__ for value in coord.values.ravel()}))


def _is_label(label: Any) -> bool:
    return isinstance(label, str) or (
        isinstance(label, int | float) and not isinstance(label, bool) and bool(np.isfinite(label))
    )


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def is_text(text: str) -> bool:
    """Return whether files and paths can hold `text`: no NUL, no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _is_json_object(text: Any) -> bool:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return isinstance(json.loads(text, parse_constant=refuse), dict)
    except (TypeError, ValueError, RecursionError):
        return False
