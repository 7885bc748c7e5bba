"""The columns of a table of presentations, one entry a presentation, as the file has them."""

import dataclasses
import re
from typing import Any

import numpy as np

from artiphys_nwb.errors import TableError
from artiphys_nwb.files.datasets import Column
from artiphys_nwb.files.pointers import read_names
from artiphys_nwb.labels import MISSING, in_order, labelled
from artiphys_nwb.layout import Layout, columns_of
from artiphys_nwb.sessions.checks.presentations import check_every_value_has_a_row
from artiphys_nwb.sessions.session import Session

__all__ = ["Cells", "as_numbers", "read_cells"]


@dataclasses.dataclass(frozen=True)
class Cells:
    """Columns as the file has them, one entry a presentation; `row` is the row of the table."""

    row: np.ndarray
    onset: np.ndarray
    offset: np.ndarray
    valid: np.ndarray
    image: list[np.ndarray]
    position: list[np.ndarray]


def read_cells(session: Session) -> Cells:
    """Return the columns that a layout names, one entry a presentation.

    Raises
    ------
    TableError
        If a column is missing, or does not fit the others.
    """
    return _joined_cells([_cells_of(session, side) for side in _sides(session)])


def _joined_cells(sides: list[Cells]) -> Cells:
    """Return presentations that lie side by side in a row one after the other."""
    if len(sides) == 1:
        return sides[0]
    joined: dict[str, Any] = {}
    for name in vars(sides[0]):
        parts = [getattr(side, name) for side in sides]
        several = isinstance(parts[0], list)
        columns = zip(*parts, strict=True) if several else [parts]
        whole = [np.concatenate(column) for column in columns]
        joined[name] = whole if several else whole[0]
    return Cells(**joined)


def _sides(session: Session) -> list[Layout]:
    """Return the layout for each presentation of a row: one, or as many as ``*`` matches."""
    layout, table = session.layout, session.shown_table
    if "*" not in layout.onset:
        return [layout]
    before, _, after = layout.onset.partition("*")
    fits = re.compile(re.escape(before) + "(.+)" + re.escape(after))
    matches = {match[1] for name in table.columns if (match := fits.fullmatch(name))}
    if not matches:
        msg = (
            f"{table.path} has no column like {layout.onset!r}; the columns are "
            f"{', '.join(table.columns)}; name some in the layout"
        )
        raise TableError(msg)

    def filled(value: Any, match: str) -> Any:
        if isinstance(value, tuple):
            return tuple(filled(item, match) for item in value)
        return value.replace("*", match) if isinstance(value, str) else value

    changing = ("image", "position", "onset", "offset", "valid")
    return [
        dataclasses.replace(
            layout, **{name: filled(getattr(layout, name), match) for name in changing}
        )
        for match in in_order(matches)
    ]


def _cells_of(session: Session, layout: Layout) -> Cells:
    """Return the presentations in a layout's columns; a row holds several if onsets are ragged."""
    table, pair = session.shown_table, columns_of(layout.position)
    columns: dict[str, Column] = {}
    # x and y are numbers of themselves, and stand for nothing.
    names = columns_of(layout.image) if len(pair) == 2 else (*columns_of(layout.image), *pair[:1])
    others = (*pair, layout.onset, *columns_of(layout.offset), *columns_of(layout.valid))
    for name in (*names, *others):
        if name in columns:
            continue
        read = read_names(table, name) if name in names else table.read(name)
        columns[name] = _ragged(read, may_be_pair=pair == (name,))
        table.require_rows(name, columns[name])
        check_every_value_has_a_row(f"{table.path}/{name}", columns[name])
    onset = columns[layout.onset]
    rows = np.arange(table.n_rows)
    row = rows if onset.bounds is None else np.repeat(rows, np.diff(onset.bounds))

    def of_each(name: str) -> np.ndarray:
        column = columns[name]
        if column.bounds is None:
            return column.values[row]
        if onset.bounds is not None and np.array_equal(column.bounds, onset.bounds):
            return column.values
        if onset.bounds is None and (np.diff(column.bounds) <= 1).all():
            return _none_or_one(column, np.diff(column.bounds) == 1)
        msg = (
            f"{table.path}/{name} holds several values a row, and not as many as {layout.onset}; "
            "map an onset column that has one for each"
        )
        raise TableError(msg)

    position = [of_each(name) for name in pair]
    if len(position) == 1 and position[0].ndim == 2:
        position = [position[0][:, 0], position[0][:, 1]]
    return Cells(
        row=row,
        onset=onset.values,
        offset=of_each(layout.offset) if layout.offset else np.empty(0),
        valid=of_each(layout.valid) if layout.valid else np.ones(len(row), dtype=bool),
        image=[of_each(name) for name in columns_of(layout.image)],
        position=position,
    )


def _ragged(column: Column, *, may_be_pair: bool) -> Column:
    """Return several values a row as a ragged column, except for positions given as pairs x, y."""
    values = column.values
    if values.ndim == 1 or column.bounds is not None:
        return column
    if values.ndim == 2 and values.shape[1] == 1:
        return Column(values[:, 0])
    if values.ndim == 2 and values.shape[1] == 2 and may_be_pair:
        return column
    per_row = int(np.prod(values.shape[1:]))
    return Column(values.reshape(-1), np.arange(len(values) + 1, dtype=np.int64) * per_row)


def _none_or_one(column: Column, has: np.ndarray) -> np.ndarray:
    """Return rows of none or one value as one value each; none becomes missing."""
    if has.all():
        return column.values
    is_number = column.values.dtype.kind in "iufb"
    values = np.full(
        len(has), np.nan if is_number else MISSING, dtype=float if is_number else object
    )
    values[has] = column.values
    return values


def as_numbers(session: Session, name: str, values: np.ndarray) -> np.ndarray:
    """Return numbers as float; text that spells numbers too."""
    if values.dtype.kind in "iufb":
        return values.astype(np.float64)
    try:
        return np.array([float(label or "nan") for label in labelled(values).tolist()])
    except ValueError as error:
        place = f"{session.shown_table.path}/{name}"
        msg = f"{place} must hold numbers; {error}; name another in the layout"
        raise TableError(msg) from error
