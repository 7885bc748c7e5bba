"""Which image was shown where and when, one row a presentation, with every dropped row counted."""

import dataclasses
import re
from typing import Any

import numpy as np

from artiphys_nwb.errors import HeldOutImages, OnsetsMissing, TableError
from artiphys_nwb.files.tables import Column, Table, column_names, n_rows, read_column
from artiphys_nwb.labels import MISSING, in_order, is_held_out, labelled, one_label
from artiphys_nwb.layout import Layout
from artiphys_nwb.sessions.account import Account
from artiphys_nwb.sessions.conditions import Condition, rows_where, truth_values

__all__ = ["ONE_POSITION", "Presentations", "read_presentations"]

ONE_POSITION = "0"  # the label where all images were shown at one place
# Below this share, missing onsets are told but not warned of: photodiodes miss a few frames.
FEW_ONSETS_MISSING = 0.05


@dataclasses.dataclass(frozen=True)
class Presentations:
    """Presentations in the order of their onsets.

    `image` and `position` are labels, one a presentation; `places` holds x and y of each position,
    NaN where positions have labels only; `row` is the row of the table.
    """

    onset: np.ndarray
    image: np.ndarray
    position: np.ndarray
    places: dict[str, tuple[float, float]]
    displacement_units: str
    row: np.ndarray
    n_rows: int


def read_presentations(
    table: Table, layout: Layout, account: Account, *, trials_where: Condition | None = None
) -> Presentations:
    """Return the presentations in a table, as a layout says, and account for the other rows.

    Raises
    ------
    TableError
        If a column is missing or does not fit the others, or no presentation is left.
    """
    rows = n_rows(table)
    if rows == 0:
        msg = f"{table.place} has no rows; name a table of presentations in the layout"
        raise TableError(msg)
    cells = _flattened(table, layout, rows)
    names, places, unmatched = _images_and_positions(table, layout, cells)
    keep = _Sieve(len(cells["row"]), account)
    if trials_where is not None:
        met = rows_where(table, trials_where, rows=rows, argument="trials_where")
        keep.out("trials_where not met", ~met[cells["row"]])
    if layout.valid is not None:
        true, unknown = truth_values(table, layout.valid, cells["valid"])
        keep.out(f"{layout.valid} is missing", unknown)
        keep.out(f"{layout.valid} is false", ~true)
    _drop_what_is_no_image(table, layout, cells, names, unmatched, keep)
    keep.out("position is missing", names["position"] == MISSING)
    onset = _as_times(table, layout.onset, cells["onset"])
    n_images = int(keep.mask.sum())
    n_without = keep.out(f"{layout.onset} is NaN", ~np.isfinite(onset))
    if not keep.mask.any():
        reasons = account.in_words()
        msg = f"{table.place}: no presentation is left of {rows} rows; {reasons}; check the layout"
        raise TableError(msg)
    if n_without > FEW_ONSETS_MISSING * n_images:
        account.doubt(
            OnsetsMissing,
            f"{table.place}: {n_without} of {n_images} presentations left out, their onset in "
            f"{layout.onset} is NaN; map another onset column if these are wanted",
        )
    kept = np.flatnonzero(keep.mask)
    kept = kept[np.argsort(onset[kept], kind="stable")]  # repeats are numbered by time, not by row
    shown = names["position"][kept]
    return Presentations(
        onset=onset[kept],
        image=names["image"][kept],
        position=shown,
        places={label: places.get(label, (np.nan, np.nan)) for label in set(shown.tolist())},
        displacement_units=_displacement_units(layout),
        row=cells["row"][kept],
        n_rows=rows,
    )


class _Sieve:
    """Rows still in; each row that goes out is counted once, for the first reason it meets."""

    def __init__(self, size: int, account: Account) -> None:
        self.mask = np.ones(size, dtype=bool)
        self._account = account

    def out(self, reason: str, condition: np.ndarray) -> int:
        count = int((self.mask & condition).sum())
        self.mask &= ~condition
        self._account.drop("row", reason, count)
        return count


def _flattened(table: Table, layout: Layout, rows: int) -> dict[str, Any]:
    """One entry a presentation: of `row`, `onset`, `valid`, and lists of `image` and `position`.

    A row holds several presentations where its onsets are ragged or several columns side by side.
    """
    sides = [_side(table, side, rows) for side in _sides(table, layout)]
    if len(sides) == 1:
        return sides[0]
    joined: dict[str, Any] = {
        name: np.concatenate([_loose(side[name]) for side in sides])
        for name in ("row", "onset", "valid")
    }
    for name in ("image", "position"):
        columns = zip(*(side[name] for side in sides), strict=True)
        joined[name] = [np.concatenate([_loose(part) for part in parts]) for parts in columns]
    return joined


def _loose(values: np.ndarray) -> np.ndarray:
    return values.astype(object) if values.dtype.kind == "O" else values


def _sides(table: Table, layout: Layout) -> list[Layout]:
    """Return the layout for each presentation of a row: one, or as many as ``*`` matches."""
    if "*" not in layout.onset:
        return [layout]
    there = column_names(table)
    onsets = _matches(layout.onset, there)
    if not onsets:
        msg = (
            f"{table.place} has no column like {layout.onset!r}; the columns are "
            f"{', '.join(there)}; name some in the layout"
        )
        raise TableError(msg)

    def filled(value: Any, match: str) -> Any:
        if isinstance(value, tuple):
            return tuple(filled(item, match) for item in value)
        return value.replace("*", match) if isinstance(value, str) else value

    changing = ("image", "position", "onset", "valid")
    return [
        Layout(
            **{
                field: filled(getattr(layout, field), match)
                if field in changing
                else getattr(layout, field)
                for field in layout.__dataclass_fields__
            }
        )
        for match in in_order(onsets)
    ]


def _matches(pattern: str, names: list[str]) -> set[str]:
    before, _, after = pattern.partition("*")
    fits = re.compile(re.escape(before) + "(.+)" + re.escape(after))
    return {match[1] for name in names if (match := fits.fullmatch(name))}


def _side(table: Table, layout: Layout, rows: int) -> dict[str, Any]:
    read: dict[str, Column] = {}
    for name in {*_tuple(layout.image), *_tuple(layout.position), layout.onset, layout.valid}:
        if name is not None:
            read[name] = _unwrapped(read_column(table, name), name, layout)
            if len(read[name]) != rows:
                msg = (
                    f"{table.place}/{name} has {len(read[name])} rows where the table has {rows}; "
                    "the table is damaged; write it again"
                )
                raise TableError(msg)
    onset = read[layout.onset]
    bounds = onset.bounds
    row = np.arange(rows) if bounds is None else np.repeat(np.arange(rows), np.diff(bounds))

    def spread(name: str) -> np.ndarray:
        column = read[name]
        if column.bounds is None:
            return column.values[row]
        if bounds is not None and np.array_equal(column.bounds, bounds):
            return column.values
        if bounds is None and (np.diff(column.bounds) <= 1).all():
            return _filled(column, rows)
        msg = (
            f"{table.place}/{name} holds several values a row, and not as many as {layout.onset}; "
            "map an onset column that has one for each"
        )
        raise TableError(msg)

    position = [spread(name) for name in _tuple(layout.position)]
    if len(position) == 1 and position[0].ndim == 2:
        position = [position[0][:, 0], position[0][:, 1]]
    return {
        "row": row,
        "onset": onset.values,
        "valid": spread(layout.valid) if layout.valid else np.ones(len(row), dtype=bool),
        "image": [spread(name) for name in _tuple(layout.image)],
        "position": position,
    }


def _unwrapped(column: Column, name: str, layout: Layout) -> Column:
    """Several values a row as a ragged column, except for positions given as pairs x, y."""
    values = column.values
    if values.ndim == 1 or column.bounds is not None:
        return column
    if values.ndim == 2 and values.shape[1] == 1:
        return Column(values[:, 0])
    if values.ndim == 2 and values.shape[1] == 2 and _tuple(layout.position) == (name,):
        return column
    per_row = int(np.prod(values.shape[1:]))
    return Column(values.reshape(-1), np.arange(len(values) + 1, dtype=np.int64) * per_row)


def _filled(column: Column, rows: int) -> np.ndarray:
    """Rows of none or one value as one value each; none becomes missing."""
    assert column.bounds is not None
    has = np.diff(column.bounds) == 1
    if has.all():
        return column.values
    missing: Any = np.nan if column.values.dtype.kind in "iufb" else MISSING
    kind = float if column.values.dtype.kind in "iufb" else object
    values = np.full(rows, missing, dtype=kind)
    values[has] = column.values
    return values


def _images_and_positions(
    table: Table, layout: Layout, cells: dict[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, tuple[float, float]], np.ndarray]:
    parts = [labelled(values) for values in cells["image"]]
    image = _joined(parts, "|")
    unmatched = np.zeros(len(image), dtype=bool)
    places: dict[str, tuple[float, float]] = {}
    if layout.pattern is not None:
        image, position, places, unmatched = _by_pattern(table, layout, image)
        if position is not None:
            return {"image": image, "position": position}, places, unmatched
    if not cells["position"]:
        places = {ONE_POSITION: (0.0, 0.0)}
        position = np.full(len(image), ONE_POSITION, dtype=object)
    elif len(cells["position"]) == 1:
        position = labelled(cells["position"][0])
    else:
        x, y = (_as_times(table, str(layout.position), values) for values in cells["position"])
        position, places = _labels_of_places(x, y, cells["position"])
    return {"image": image, "position": position}, places, unmatched


def _joined(parts: list[np.ndarray], between: str) -> np.ndarray:
    """Labels joined row by row; missing if any of them is."""
    if len(parts) == 1:
        return parts[0]
    rows = zip(*parts, strict=True)
    return np.array(
        [MISSING if MISSING in row else between.join(row) for row in rows], dtype=object
    )


def _labels_of_places(
    x: np.ndarray, y: np.ndarray, raw: list[np.ndarray]
) -> tuple[np.ndarray, dict[str, tuple[float, float]]]:
    position = _joined([labelled(values) for values in raw], ",")
    finite = np.isfinite(x) & np.isfinite(y)
    position[~finite] = MISSING
    # By the label's own digits: float32 and float64 files then give the same place.
    return position, {label: _place(label) for label in set(position.tolist()) - {MISSING}}


def _place(label: str) -> tuple[float, float]:
    x, y = label.split(",")
    return float(x), float(y)


def _by_pattern(
    table: Table, layout: Layout, text: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None, dict[str, tuple[float, float]], np.ndarray]:
    pattern = re.compile(str(layout.pattern))
    found = {value: _parsed(pattern, value) for value in set(text.tolist())}
    if all(result is None for result in found.values()):
        sample = ", ".join(repr(value) for value in list(found)[:3])
        msg = (
            f"{table.place}: pattern {layout.pattern!r} matches none of the images, e.g. {sample}; "
            "mend it in the layout"
        )
        raise TableError(msg)
    results = [found[value] for value in text.tolist()]
    unmatched = np.array([result is None for result in results])
    image = np.array([result[0] if result else MISSING for result in results], dtype=object)
    if not set(pattern.groupindex) & {"x", "position"}:
        return image, None, {}, unmatched
    position = np.array([result[1] if result else MISSING for result in results], dtype=object)
    is_place = "x" in pattern.groupindex
    places = {result[1]: _place(result[1]) for result in results if result} if is_place else {}
    return image, position, places, unmatched


def _parsed(pattern: re.Pattern[str], text: str) -> tuple[str, str] | None:
    """Image and position in a text, or None if it does not match."""
    match = pattern.search(text)
    if match is None or not match["image"]:
        return None
    groups = match.groupdict()
    if "position" in groups:
        return match["image"], one_label(groups["position"] or "")
    if "x" not in groups:
        return match["image"], MISSING
    try:
        x, y = float(groups["x"]), float(groups["y"])
    except (TypeError, ValueError):
        return None
    return match["image"], f"{one_label(x)},{one_label(y)}"


def _drop_what_is_no_image(
    table: Table,
    layout: Layout,
    cells: dict[str, Any],
    names: dict[str, np.ndarray],
    unmatched: np.ndarray,
    keep: _Sieve,
) -> None:
    parts = [labelled(values) for values in cells["image"]]
    whole = _joined(parts, "|")
    keep.out("image is missing", whole == MISSING)
    said = ("blank",) if layout.blank is None else layout.blank
    for value in said:
        label = one_label(value)
        hits = np.any([_same(part, label) for part in (whole, *parts)], axis=0)
        if label == "-1":  # which an unsigned column holds as its largest number
            hits |= np.any([is_held_out(values) for values in cells["image"]], axis=0)
        keep.out(f"image is {value!r}, a blank", hits)
    if layout.blank is None:
        _drop_held_out(table, layout, cells, keep)
    if layout.pattern is not None:
        keep.out("image does not match the pattern", unmatched | (names["image"] == MISSING))


def _same(labels: np.ndarray, label: str) -> np.ndarray:
    same = {value for value in set(labels.tolist()) if value.lower() == label.lower()}
    return np.isin(labels.astype(str), list(same)) if same else np.zeros(len(labels), dtype=bool)


def _drop_held_out(table: Table, layout: Layout, cells: dict[str, Any], keep: _Sieve) -> None:
    hits = np.any([is_held_out(values) for values in cells["image"]], axis=0)
    count = keep.out("image is -1, held out", hits)
    if count:
        columns = " or ".join(_tuple(layout.image))
        keep._account.doubt(
            HeldOutImages,
            f"{table.place}: {count} rows left out, their image in {columns} is -1, neither an "
            "image nor said to be a blank; set blank in the layout to [-1] if it is one, or to [] "
            "if it is an image",
        )


def _as_times(table: Table, name: str, values: np.ndarray) -> np.ndarray:
    """Numbers as float; text that spells numbers too."""
    if values.dtype.kind in "iufb":
        return values.astype(np.float64)
    try:
        return np.array([float(label or "nan") for label in labelled(values).tolist()])
    except ValueError as error:
        msg = f"{table.place}/{name} must hold numbers; {error}; name another in the layout"
        raise TableError(msg) from error


def _displacement_units(layout: Layout) -> str:
    """Positions are in degrees unless their columns' names say pixels."""
    names = " ".join(_tuple(layout.position)).lower()
    return "px" if re.search(r"(^|_|\b)(px|pix|pixels?)(_|\b|$)", names) else "deg"


def _tuple(columns: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if columns is None:
        return ()
    return (columns,) if isinstance(columns, str) else columns
