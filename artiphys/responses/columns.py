"""Values with named columns along presentations and along units, into the response array.

Tables of other packages differ in what they call these columns and in little else. Each door (see
`artiphys.responses.tables`, and the adapter ``artiphys_exchange``) hands its columns over here.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from artiphys.arguments import real_numbers
from artiphys.errors import InputError, counted, listed
from artiphys.responses.presentations import from_presentations
from artiphys.responses.provenance import digest_array, provenance

__all__ = ["column", "columns", "from_columns"]

ALONG_POSITION = ("x", "y", "shift")
TAKEN = frozenset({"unit", "image", "position", "trial", "response", *ALONG_POSITION})


def from_columns(
    values: np.ndarray,
    presentations: pd.DataFrame,
    unit_table: pd.DataFrame,
    *,
    unit: str,
    image: str,
    position: str,
    reference: Any,
    units: str | None,
    area: str | None,
    source: str | None,
    displacement_units: str | None,
    attrs: Mapping[Any, Any],
    maker: str,
    packages: tuple[str, ...] = (),
    inputs: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> xr.DataArray:
    """Return the response array of values whose presentations and units are described by columns.

    Parameters
    ----------
    values : array, (unit, presentation)
        NaN means not measured.
    presentations, unit_table : DataFrame, a row for each presentation, and for each unit
        ``x``, ``y`` and ``shift`` of the first are displacements of its positions, ``trial`` says
        that there are repeats. All columns of the second become coordinates, those whose names
        have another meaning in the array (``x`` of an electrode) with ``unit_`` before them, and
        with ``_`` for what files keep in no name, such as spaces.
    unit, image, position : str
        Names of columns.
    reference, units, displacement_units : optional
        As :func:`from_presentations` takes them; by default those of `attrs`, where they are there,
        and degrees.
    area, source : str, optional
        Names of columns, or the text for all units; by default the columns ``area``, ``source``.
    attrs : mapping
        What the other package keeps beside the values.
    maker, packages, inputs, more
        For the provenance, `more` as further arguments; that of `attrs` is kept in it. Without
        inputs the values are their own.

    Returns
    -------
    xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        Without ``trial`` if no cell has a second presentation and there is no column of that name.

    Raises
    ------
    InputError
        If columns are missing or have gaps, or a position has several displacements.
    SchemaError
        If the result would not be valid.
    """
    names = [str(name) for name in column(unit_table, unit, "unit")]
    images = column(presentations, image, "image")
    positions = column(presentations, position, "position")
    along_unit = {
        "area": _text_of_units(unit_table, area, "area"),
        "source": _text_of_units(unit_table, source, "source"),
    }
    taken = {unit, area or "area", source or "source", *along_unit}
    displacements = {
        name: _of_positions(real_numbers(presentations[name], f"{name!r}"), positions, name)
        for name in ALONG_POSITION
        if name in presentations and name not in (image, position)
    }
    arguments = {
        **{"unit": unit, "image": image, "position": position, "area": area, "source": source},
        **more,
    }
    responses = from_presentations(
        values,
        unit=names,
        image=images,
        position=positions,
        reference=_carried(reference, attrs, "reference"),
        units=_carried(units, attrs, "units"),
        area=along_unit["area"],
        source=along_unit["source"],
        x=displacements.get("x"),
        y=displacements.get("y"),
        shift=displacements.get("shift"),
        displacement_units=displacement_units or attrs.get("displacement_units", "deg"),
        unit_coords={
            _coordinate(str(name)): _plain(unit_table[name])
            for name in unit_table.columns
            if name not in taken
        },
        provenance=provenance(
            maker,
            arguments=arguments,
            inputs=inputs or [{"name": "values", "sha256": digest_array(values)}],
            packages=packages,
            **_before(attrs),
        ),
    )
    no_repeats = responses.sizes["trial"] == 1 and "trial" not in presentations
    return responses.isel(trial=0, drop=True) if no_repeats else responses


def columns(given: Mapping[Any, Any], n_rows: int, each: str) -> pd.DataFrame:
    """Return columns as a table.

    Raises
    ------
    InputError
        If they do not have `n_rows` entries, one for each `each`.
    """
    held = {str(name): list(entries) for name, entries in given.items()}
    wrong = [f"{name} has {len(held[name])}" for name in held if len(held[name]) != n_rows]
    if wrong:
        msg = f"columns must have {n_rows} entries, one for each {each}; {listed(wrong)}"
        raise InputError(msg)
    return pd.DataFrame(held, index=range(n_rows))


def column(table: pd.DataFrame, name: str, argument: str, *, gaps: bool = False) -> list[Any]:
    """Return the entries of a column.

    Raises
    ------
    InputError
        If there is none of that name, or it has `gaps` that it may not have.
    """
    if name not in table:
        held = listed(table.columns) or "none"
        msg = f"{argument}={name!r}: there is no such column; there are {held}"
        raise InputError(msg)
    if table[name].ndim > 1:
        msg = f"{argument}={name!r}: there are several columns of that name; rename them"
        raise InputError(msg)
    n_gaps = int(table[name].isna().sum())
    if n_gaps and not gaps:
        rows = f"{n_gaps} of {counted(len(table), 'row')}"
        msg = f"{argument}={name!r}: {rows} of the column are empty or NaN; drop or fill them first"
        raise InputError(msg)
    entries: list[Any] = table[name].tolist()
    return entries


def _coordinate(name: str) -> str:
    """Return a name that a coordinate along units can have."""
    name = re.sub(r"\W", "_", name)
    return f"unit_{name}" if name in TAKEN else name


def _plain(entries: pd.Series) -> np.ndarray:
    """Return a column as an array that does not make text of what is none, such as NaN."""
    if entries.dtype.kind == "M":
        return entries.to_numpy()
    held = entries.tolist()
    array = np.array(held)
    texts = all(isinstance(entry, str) for entry in held)
    return array if texts or array.dtype.kind not in "US" else np.array(held, dtype=object)


def _text_of_units(table: pd.DataFrame, given: str | None, argument: str) -> list[str] | str:
    if given is not None and given not in table:
        return given
    if given is None and argument not in table:
        msg = f"{argument}= is needed, a column or the text for all units; there is no {argument!r}"
        raise InputError(msg)
    return [str(entry) for entry in column(table, given or argument, argument)]


def _of_positions(entries: np.ndarray, positions: list[Any], name: str) -> dict[Any, float]:
    """Return the one displacement of each position."""
    found: dict[Any, float] = {}
    for label, entry in zip(positions, entries.tolist(), strict=True):
        before = found.setdefault(label, entry)
        if before != entry and not (np.isnan(before) and np.isnan(entry)):
            msg = (
                f"{name!r} must be one number for each position; at {label!r} it is {before:g} and "
                f"{entry:g}; rename the column if it is something else"
            )
            raise InputError(msg)
    return found


def _carried(given: Any, attrs: Mapping[Any, Any], name: str) -> Any:
    if given is None and name not in attrs:
        msg = f"{name}= is needed: these data do not say it"
        raise InputError(msg)
    return attrs[name] if given is None else given


def _before(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the provenance that came with the data, if it is one of ours."""
    try:
        return {"before": json.loads(attrs["provenance"])}
    except (KeyError, TypeError, ValueError):
        return {}
