"""Making a response array: the last step of every adapter."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from artiphys.errors import SchemaError
from artiphys.responses.schema import DIMS, SCHEMA_VERSION, validate

__all__ = ["response_array"]


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
        JSON, as :func:`artiphys.responses.provenance.provenance` makes it.
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
        If lengths do not go with each other, or the result would not be valid; every fault is
        listed.
    """
    faults: list[str] = []
    values = values if hasattr(values, "dtype") else _array("values", values, faults)
    along_unit = {"area": area, "source": source, **(unit_coords or {})}
    along_position = {"x": x, "y": y} | ({} if shift is None else {"shift": shift})
    taken = sorted({*DIMS, "trial", "x", "y", "shift"} & set(along_unit))
    faults += [f"unit_coords must not hold {name!r}, which is an argument" for name in taken]
    labels = {
        "unit": _array("unit", unit, faults, str),
        "image": _array("image", image, faults, str),
        "position": _array("position", position, faults),
    }
    further = {
        name: (dim, _array(name, given, faults, kind))
        for dim, group, kind in (("unit", along_unit, None), ("position", along_position, float))
        for name, given in group.items()
    }
    if not faults:
        faults = _faults_of_lengths(np.shape(values), labels, further)
    if faults:
        raise SchemaError("no response array: " + "; ".join(faults))
    dims = (*DIMS, "trial")[: values.ndim]
    coords: dict[str, Any] = dict(labels)
    for name, (dim, array) in further.items():
        whole = np.full(len(labels[dim]), array[()]) if array.ndim == 0 else array
        in_units = {"units": displacement_units} if name in ("x", "y") else {}
        coords[name] = (dim, whole, in_units)
    attrs = {
        "units": units,
        "reference": reference.item() if isinstance(reference, np.generic) else reference,
        "schema_version": SCHEMA_VERSION,
        "provenance": provenance,
    }
    return validate(xr.DataArray(values, coords=coords, dims=dims, name="response", attrs=attrs))


def _array(name: str, given: Any, faults: list[str], dtype: Any = None) -> np.ndarray:
    """Return `given` as an array; what it cannot be is added to `faults`."""
    try:
        return np.asarray(given, dtype=dtype)
    except (TypeError, ValueError) as error:
        kind = "numbers" if dtype is float else "one array, its rows of one length"
        faults.append(f"{name} must be {kind}; {error}")
        return np.empty(0)


def _faults_of_lengths(
    shape: tuple[int, ...],
    labels: Mapping[str, np.ndarray],
    further: Mapping[str, tuple[str, np.ndarray]],
) -> list[str]:
    """Return whose length does not go with the values; further coordinates may be one value."""
    if len(shape) not in (len(DIMS), len(DIMS) + 1):
        return [f"values must be {DIMS}, or with 'trial' last; got {len(shape)} dims, {shape}"]
    sizes = dict(zip(DIMS, shape, strict=False))
    faults = [
        f"{name} must have {sizes[name]} labels, as values have along {name!r}; got {_size(array)}"
        for name, array in labels.items()
        if array.shape != (sizes[name],)
    ]
    faults += [
        f"{name} must have {sizes[dim]} entries, one for each {dim}; got {_size(array)}"
        for name, (dim, array) in further.items()
        if array.shape != (sizes[dim],) and (array.shape or dim == "position")
    ]
    return faults


def _size(array: np.ndarray) -> str:
    return str(array.size) if array.ndim == 1 else f"an array of {array.ndim} dims"
