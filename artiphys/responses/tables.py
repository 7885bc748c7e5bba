"""Response arrays as long tables of pandas, and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from artiphys.arguments import real_numbers
from artiphys.errors import InputError, counted, listed
from artiphys.responses.columns import ALONG_POSITION, column, from_columns
from artiphys.responses.presentations import repeat_numbers, to_presentations

__all__ = ["from_pandas", "to_pandas"]


def to_pandas(responses: xr.DataArray) -> pd.DataFrame:
    """Return a response array as a table, one row for each presentation and unit.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)

    Returns
    -------
    pandas.DataFrame
        Columns ``unit``, ``image``, ``position``, ``trial`` (where there is one), ``response``,
        ``x``, ``y``, ``shift`` and what else lies along units. A presentation that no unit was
        measured in has no rows; NaN marks a unit that was not measured in one that others were. Its
        ``attrs`` keep ``units``, ``reference``, ``displacement_units`` and ``provenance``, from
        which :func:`from_pandas` makes the array again; a CSV file does not keep them.

    Raises
    ------
    SchemaError
        If `responses` is not valid.

    Examples
    --------
    >>> table = pd.DataFrame({"unit": "u1", "image": list("aab"), "position": 0, "rate": [1, 2, 3]})
    >>> responses = from_pandas(
    ...     table, value="rate", reference=0, units="spikes/s", area="V4", source="session 1")
    >>> to_pandas(responses)[["unit", "image", "trial", "response"]]
      unit image  trial  response
    0   u1     a      0       1.0
    1   u1     a      1       2.0
    2   u1     b      0       3.0
    """
    shown = to_presentations(responses)
    by_presentation = shown.transpose("presentation", "unit")
    n_shown, n_unit = by_presentation.shape
    held = {
        str(name): (
            np.tile(coord.values, n_shown)
            if coord.dims == ("unit",)
            else np.repeat(coord.values, n_unit)
        )
        for name, coord in shown.coords.items()
    }
    first = [name for name in ("unit", "image", "position", "trial") if name in held]
    values = {"response": by_presentation.values.ravel()}
    table = pd.DataFrame({name: held[name] for name in first} | values | held)
    table.attrs = dict(shown.attrs)
    return table


def from_pandas(
    table: pd.DataFrame,
    *,
    value: str = "response",
    unit: str = "unit",
    image: str = "image",
    position: str = "position",
    reference: Any = None,
    units: str | None = None,
    area: str | None = None,
    source: str | None = None,
    displacement_units: str | None = None,
    unit_coords: Sequence[str] | None = None,
) -> xr.DataArray:
    """Return the response array of a long table, one row for each presentation and unit.

    Parameters
    ----------
    table : pandas.DataFrame
        A column ``trial``, if there is one, numbers the repeats of a cell, the same for all units
        that were recorded at once; without one, rows of the same unit, image and position are its
        repeats, in their order. Columns ``x``, ``y`` and ``shift`` are displacements of the
        positions. A wide table, one column a unit, becomes a long one by
        ``table.melt(["image", "position"], var_name="unit", value_name="response")``.
    value, unit, image, position : str
        Names of columns. Images become text.
    reference : str or number, optional
        The reference position.
    units : {"spikes/s", "spikes", "a.u."}, optional
        Of the values. These two are taken from ``table.attrs`` where they are not given, as
        :func:`to_pandas` writes them.
    area, source : str, optional
        Names of columns, or the text for all units; by default the columns ``area``, ``source``.
    displacement_units : {"px", "deg"}, optional
        Of ``x`` and ``y``.
    unit_coords : sequence of str, optional
        Further columns to keep along units; by default all whose entries are the same in all rows
        of a unit.

    Returns
    -------
    xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        Without ``trial`` if there is no such column and no cell has a second row. Units and images
        in the order in which they first appear; positions too, numbers sorted.

    Raises
    ------
    InputError
        If columns are missing or have gaps, `value` is not numbers, a unit has two rows for one
        trial, or a column of units or positions differs within one.
    SchemaError
        If the result would not be valid; every fault is listed.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"unit": ["u1", "u2"] * 3, "image": list("aabbaa"), "position": 0, "rate": range(6)})
    >>> responses = from_pandas(
    ...     table, value="rate", reference=0, units="spikes/s", area="V4", source="session 1")
    >>> responses.sel(unit="u2", image="a", position=0).values.tolist()
    [1.0, 5.0]
    """
    if not isinstance(table, pd.DataFrame):
        msg = f"table must be a pandas.DataFrame; got {type(table).__name__}"
        raise InputError(msg)
    if not len(table):
        msg = "table must have at least one row; got none"
        raise InputError(msg)
    values = real_numbers(column(table, value, "value", gaps=True), f"the column {value!r}")
    unit_at = _groups(table, unit=unit)
    cell_at = _groups(table, image=image, position=position)
    if "trial" in table:
        trial, _ = pd.factorize(np.array(column(table, "trial", "trial")), sort=True)
    else:
        trial = repeat_numbers(unit_at * len(table) + cell_at)
    # A presentation is one trial of a cell, and comes where its cell first does.
    _, first_row, shown_at = np.unique(
        cell_at * len(table) + trial, return_index=True, return_inverse=True
    )
    _check_given_once(unit_at * len(table) + shown_at, table[[unit, image, position]])
    unit_row = np.unique(unit_at, return_index=True)[1]
    whole = np.full((len(unit_row), len(first_row)), np.nan)
    whole[unit_at, shown_at] = values
    along = list(dict.fromkeys([image, position, "trial", *ALONG_POSITION]))
    along = [name for name in along if name in table]
    others = [name for name in table.columns if name not in {unit, value, *along}]
    kept = _of_units(table[others], unit_at, (area, source), unit_coords)
    return from_columns(
        whole,
        table.iloc[first_row][along],
        table.iloc[unit_row][[unit, *kept]],
        unit=unit,
        image=image,
        position=position,
        reference=reference,
        units=units,
        area=area,
        source=source,
        displacement_units=displacement_units,
        attrs=table.attrs,
        maker="artiphys.from_pandas",
        packages=("pandas",),
        value=value,
    )


def _groups(table: pd.DataFrame, **arguments: str) -> np.ndarray:
    """Return which group of equal entries each row is of, numbered as they first appear."""
    entries = [pd.Series(column(table, name, given)) for given, name in arguments.items()]
    return (
        pd.concat(entries, axis=1)
        .groupby(list(range(len(entries))), sort=False)
        .ngroup()
        .to_numpy()
    )


def _check_given_once(rank: np.ndarray, rows: pd.DataFrame) -> None:
    again = pd.Series(rank).duplicated().to_numpy()
    if again.any():
        example = ", ".join(map(str, rows[again].iloc[0]))
        n_again = f"{counted(int(again.sum()), 'row')} repeat"
        msg = f"each unit must have one row for a trial; {n_again}, the first that of {example}"
        raise InputError(msg)


def _of_units(
    table: pd.DataFrame,
    unit_at: np.ndarray,
    named: tuple[str | None, str | None],
    unit_coords: Sequence[str] | None,
) -> list[str]:
    """Return the columns that lie along units; those that were asked for must."""
    varies = {name: bool(_varies(table[name], unit_at)) for name in table.columns}
    wanted = {name for name in (*named, "area", "source") if name in varies} | set(
        unit_coords or ()
    )
    unknown = [name for name in wanted if name not in varies]
    if unknown:
        msg = f"unit_coords={unknown}: there is no such column; there are {listed(varies)}"
        raise InputError(msg)
    differing = [name for name in varies if name in wanted and varies[name]]
    if differing:
        msg = f"{differing[0]!r} must be the same in all rows of a unit; it differs"
        raise InputError(msg)
    return [name for name in varies if not varies[name] and (unit_coords is None or name in wanted)]


def _varies(entries: pd.Series, unit_at: np.ndarray) -> bool:
    code, _ = pd.factorize(entries)  # NaN is one of its own
    return len(np.unique(unit_at * (len(entries) + 1) + code + 1)) > len(np.unique(unit_at))
