"""Which image was shown where and when, one row a presentation, with every dropped row counted."""

import dataclasses
import re
from typing import Any

import numpy as np

from artiphys_nwb.errors import TableError
from artiphys_nwb.files.tables import Column
from artiphys_nwb.labels import MISSING, in_order, is_held_out, labelled, one_label
from artiphys_nwb.layout import Layout, columns_of
from artiphys_nwb.sessions.checks import (
    check_every_value_has_a_row,
    check_images_held_out,
    check_onsets,
)
from artiphys_nwb.sessions.conditions import rows_where, truth_values
from artiphys_nwb.sessions.session import Session

__all__ = ["ONE_POSITION", "Presentations", "read_presentations"]

ONE_POSITION = "0"  # the label where all images were shown at one place
Places = dict[str, tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Presentations:
    """Presentations in the order of their onsets.

    `image` and `position` are labels, one a presentation; `places` holds x and y of each position,
    NaN where positions have labels only; `row` is the row of the table.
    """

    onset: np.ndarray
    image: np.ndarray
    position: np.ndarray
    places: Places
    displacement_units: str
    row: np.ndarray

    def __getitem__(self, some: np.ndarray) -> "Presentations":
        taken = {name: getattr(self, name)[some] for name in ("onset", "image", "position", "row")}
        return dataclasses.replace(self, **taken)

    def cells(self) -> np.ndarray:
        """Return a number for each pair of image and position."""
        image = np.unique(self.image.astype(str), return_inverse=True)[1]
        position = np.unique(self.position.astype(str), return_inverse=True)[1]
        return np.unique(image * (position.max(initial=0) + 1) + position, return_inverse=True)[1]


def read_presentations(session: Session) -> Presentations:
    """Return the presentations of a session, which is told of the other rows.

    Raises
    ------
    TableError
        If a column is missing or does not fit the others, or no presentation is left.
    """
    table, layout, where = session.shown_table, session.layout, session.request.trials_where
    if table.n_rows == 0:
        msg = f"{table.path} has no rows; name a table of presentations in the layout"
        raise TableError(msg)
    cells = _joined_cells([_cells_of(session, side) for side in _sides(session)])
    image, position, places, unmatched = _images_and_positions(session, cells)
    sieve = _Sieve(len(cells.row), session)
    if where is not None:
        met = rows_where(table, where, argument="trials_where")
        sieve.out("trials_where not met", ~met[cells.row])
    if layout.valid is not None:
        true, unknown = truth_values(table, layout.valid, cells.valid)
        sieve.out(f"{layout.valid} is missing", unknown)
        sieve.out(f"{layout.valid} is false", ~true)
    _drop_what_is_no_image(session, cells, unmatched | (image == MISSING), sieve)
    sieve.out("position is missing", position == MISSING)
    onset = _as_numbers(session, layout.onset, cells.onset)
    n_images = int(sieve.mask.sum())
    n_without = sieve.out(f"{layout.onset} is NaN", ~np.isfinite(onset))
    if not sieve.mask.any():
        msg = (
            f"{table.path}: no presentation is left of {table.n_rows} rows; {session.losses()}; "
            "check the layout"
        )
        raise TableError(msg)
    check_onsets(session, n_without, n_images)
    kept = np.flatnonzero(sieve.mask)
    kept = kept[np.argsort(onset[kept], kind="stable")]  # repeats are numbered by time, not by row
    return Presentations(
        onset=onset[kept],
        image=image[kept],
        position=position[kept],
        places={label: places.get(label, (np.nan, np.nan)) for label in set(position[kept])},
        displacement_units=_displacement_units(layout),
        row=cells.row[kept],
    )


class _Sieve:
    """Rows still in; each row that goes out is counted once, for the first reason it meets."""

    def __init__(self, size: int, session: Session) -> None:
        self.mask = np.ones(size, dtype=bool)
        self._session = session

    def out(self, reason: str, condition: np.ndarray) -> int:
        count = int((self.mask & condition).sum())
        self.mask &= ~condition
        self._session.drop("row", reason, count)
        return count


@dataclasses.dataclass(frozen=True)
class _Cells:
    """Columns as the file has them, one entry a presentation; `row` is the row of the table."""

    row: np.ndarray
    onset: np.ndarray
    valid: np.ndarray
    image: list[np.ndarray]
    position: list[np.ndarray]


def _joined_cells(sides: list[_Cells]) -> _Cells:
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
    return _Cells(**joined)


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

    changing = ("image", "position", "onset", "valid")
    return [
        dataclasses.replace(
            layout, **{name: filled(getattr(layout, name), match) for name in changing}
        )
        for match in in_order(matches)
    ]


def _cells_of(session: Session, layout: Layout) -> _Cells:
    """Return the presentations in a layout's columns; a row holds several if onsets are ragged."""
    table, pair = session.shown_table, columns_of(layout.position)
    columns: dict[str, Column] = {}
    for name in (*columns_of(layout.image), *pair, layout.onset, *columns_of(layout.valid)):
        if name in columns:
            continue
        columns[name] = _ragged(table.read(name), may_be_pair=pair == (name,))
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
    return _Cells(
        row=row,
        onset=onset.values,
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


def _images_and_positions(
    session: Session, cells: _Cells
) -> tuple[np.ndarray, np.ndarray, Places, np.ndarray]:
    """Return labels of images and positions, where positions are, and what a pattern leaves out."""
    image = _joined([labelled(values) for values in cells.image], "|")
    unmatched = np.zeros(len(image), dtype=bool)
    if session.layout.pattern is not None:
        image, position, places, unmatched = _by_pattern(session, image)
        if position is not None:
            return image, position, places, unmatched
    if not cells.position:
        position = np.full(len(image), ONE_POSITION, dtype=object)
        return image, position, {ONE_POSITION: (0.0, 0.0)}, unmatched
    position = _joined([labelled(values) for values in cells.position], ",")
    if len(cells.position) == 1:
        return image, position, {}, unmatched
    name = str(session.layout.position)
    x, y = (_as_numbers(session, name, values) for values in cells.position)
    position[~(np.isfinite(x) & np.isfinite(y))] = MISSING
    # By the label's own digits: float32 and float64 files then give the same place.
    places = {label: _place(label) for label in set(position.tolist()) - {MISSING}}
    return image, position, places, unmatched


def _joined(parts: list[np.ndarray], between: str) -> np.ndarray:
    """Return labels joined row by row; missing if any of them is."""
    if len(parts) == 1:
        return parts[0]
    rows = zip(*parts, strict=True)
    joined = [MISSING if MISSING in row else between.join(row) for row in rows]
    return np.array(joined, dtype=object)


def _place(label: str) -> tuple[float, float]:
    x, y = label.split(",")
    return float(x), float(y)


def _by_pattern(
    session: Session, text: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None, Places, np.ndarray]:
    """Return what the pattern finds in texts: images, and positions if it says them."""
    pattern = re.compile(str(session.layout.pattern))
    found = {value: _parsed(pattern, value) for value in dict.fromkeys(text.tolist())}
    if all(result is None for result in found.values()):
        sample = ", ".join(repr(value) for value in list(found)[:3])
        msg = (
            f"{session.shown_table.path}: pattern {pattern.pattern!r} matches none of the images, "
            f"e.g. {sample}; mend it in the layout"
        )
        raise TableError(msg)
    unmatched = np.array([found[value] is None for value in text.tolist()])
    parts = [found[value] or (MISSING, MISSING) for value in text.tolist()]
    image, position = (np.array(column, dtype=object) for column in zip(*parts, strict=True))
    if "x" in pattern.groupindex:
        places = {label: _place(label) for label in set(position[~unmatched])}
        return image, position, places, unmatched
    return image, position if "position" in pattern.groupindex else None, {}, unmatched


def _parsed(pattern: re.Pattern[str], text: str) -> tuple[str, str] | None:
    """Return image and position in a text, or None if it does not match."""
    match = pattern.search(text)
    if match is None or not match["image"]:
        return None
    groups = match.groupdict()
    if "x" not in groups:
        return match["image"], one_label(groups.get("position") or "")
    try:
        x, y = float(groups["x"]), float(groups["y"])
    except (TypeError, ValueError):
        return None
    return match["image"], f"{one_label(x)},{one_label(y)}"


def _drop_what_is_no_image(
    session: Session, cells: _Cells, unmatched: np.ndarray, sieve: _Sieve
) -> None:
    layout = session.layout
    parts = [labelled(values) for values in cells.image]
    whole = _joined(parts, "|")
    held_out = np.any([is_held_out(values) for values in cells.image], axis=0)
    sieve.out("image is missing", whole == MISSING)
    for value in ("blank",) if layout.blank is None else layout.blank:
        label = one_label(value)
        hits = np.any([_same(part, label) for part in (whole, *parts)], axis=0)
        if label == "-1":  # which an unsigned column holds as its largest number
            hits |= held_out
        sieve.out(f"image is {value!r}, a blank", hits)
    if layout.blank is None:
        check_images_held_out(session, sieve.out("image is -1, held out", held_out))
    if layout.pattern is not None:
        sieve.out("image does not match the pattern", unmatched)


def _same(labels: np.ndarray, label: str) -> np.ndarray:
    same = {value for value in set(labels.tolist()) if value.lower() == label.lower()}
    return np.isin(labels.astype(str), list(same)) if same else np.zeros(len(labels), dtype=bool)


def _as_numbers(session: Session, name: str, values: np.ndarray) -> np.ndarray:
    """Return numbers as float; text that spells numbers too."""
    if values.dtype.kind in "iufb":
        return values.astype(np.float64)
    try:
        return np.array([float(label or "nan") for label in labelled(values).tolist()])
    except ValueError as error:
        place = f"{session.shown_table.path}/{name}"
        msg = f"{place} must hold numbers; {error}; name another in the layout"
        raise TableError(msg) from error


def _displacement_units(layout: Layout) -> str:
    """Positions are in degrees unless their columns' names say pixels."""
    names = " ".join(columns_of(layout.position)).lower()
    return "px" if re.search(r"(^|_|\b)(px|pix|pixels?)(_|\b|$)", names) else "deg"
