"""Labels of images and positions from the columns of a table, and where positions are."""

import re

import h5py
import numpy as np

from artiphys_nwb.errors import TableError
from artiphys_nwb.files.opening import attribute_text
from artiphys_nwb.labels import MISSING, labelled, one_label, pair_in, without_jitter
from artiphys_nwb.layout import columns_of
from artiphys_nwb.sessions.cells import Cells, as_numbers
from artiphys_nwb.sessions.checks.presentations import check_images_whole
from artiphys_nwb.sessions.checks.repeats import check_jitter
from artiphys_nwb.sessions.session import Session

__all__ = ["ONE_POSITION", "Places", "displacement_units", "images_and_positions", "joined"]

ONE_POSITION = "0"  # the label where all images were shown at one place
Places = dict[str, tuple[float, float]]


def images_and_positions(
    session: Session, cells: Cells
) -> tuple[np.ndarray, np.ndarray, Places, np.ndarray]:
    """Return labels of images and positions, where positions are, and what a pattern leaves out."""
    image = joined([labelled(values) for values in _image_values(session, cells)], "|")
    unmatched = np.zeros(len(image), dtype=bool)
    if session.layout.pattern is not None:
        image, position, places, unmatched = _by_pattern(session, image)
        if position is not None:
            return image, position, places, unmatched
    if not cells.position:
        position = np.full(len(image), ONE_POSITION, dtype=object)
        return image, position, {ONE_POSITION: (0.0, 0.0)}, unmatched
    if len(cells.position) == 3:
        position, places = _labels_with_places(session, cells)
        return image, position, places, unmatched
    position, xy = _position_values(session, cells.position)
    if xy is None:
        return image, position, {}, unmatched
    # By the label's own digits: float32 and float64 files then give the same place.
    places = {label: _place(label) for label in set(position.tolist()) - {MISSING}}
    return image, position, places, unmatched


def _image_values(session: Session, cells: Cells) -> list[np.ndarray]:
    """Return columns of images, whole numbers as such whatever rounding made of them."""
    columns = []
    for name, values in zip(columns_of(session.layout.image), cells.image, strict=True):
        if values.dtype.kind == "f":
            values = without_jitter(values.astype(np.float64), near_whole_only=True)
            check_images_whole(session, name, values)
        columns.append(values)
    return columns


def _labels_with_places(session: Session, cells: Cells) -> tuple[np.ndarray, Places]:
    """Return labels of positions, and the one place of each."""
    labels = labelled(cells.position[0])
    places: Places = {}
    at, _ = _position_values(session, cells.position[1:])
    at[labels == MISSING] = MISSING
    for label, place in sorted(set(zip(labels.tolist(), at.tolist(), strict=True))):
        if place == MISSING:
            continue
        x_and_y = _place(place)
        if label in places:
            msg = (
                f"{session.shown_table.path}: position {label} is at {places[label]} and at "
                f"{x_and_y}; a position has one place; map x and y alone, or mend the labels"
            )
            raise TableError(msg)
        places[label] = x_and_y
    labels[at == MISSING] = MISSING
    return labels, places


def _position_values(
    session: Session, columns: list[np.ndarray]
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """Return labels of positions, and their x and y where they are known."""
    if len(columns) == 1:
        labels = labelled(columns[0])
        pairs = {label: pair_in(label) for label in set(labels.tolist()) - {MISSING}}
        if not pairs or None in pairs.values():
            if columns[0].dtype.kind == "f":
                labels = _without_jitter(session, [columns[0]])
            return labels, None
        both = [pairs.get(label) or (np.nan, np.nan) for label in labels.tolist()]
        columns = list(np.array(both).T)
    name = str(session.layout.position)
    x, y = (as_numbers(session, name, values) for values in columns)
    if any(values.dtype.kind == "f" for values in columns):
        labels = _without_jitter(session, columns)
    else:
        labels = joined([labelled(values) for values in columns], ",")
    labels[~(np.isfinite(x) & np.isfinite(y))] = MISSING
    return labels, (x, y)


def _without_jitter(session: Session, columns: list[np.ndarray]) -> np.ndarray:
    """Return labels of positions, one for those that differ by rounding."""
    before = joined([labelled(values) for values in columns], ",")
    cleaned = [without_jitter(values) for values in columns]
    if all(now is was for now, was in zip(cleaned, columns, strict=True)):
        return before
    after = joined([labelled(values) for values in cleaned], ",")
    n_before, n_after = (len(set(labels.tolist()) - {MISSING}) for labels in (before, after))
    check_jitter(session, n_before, n_after)
    return after


def joined(parts: list[np.ndarray], between: str) -> np.ndarray:
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


def displacement_units(session: Session) -> str:
    """Positions are in degrees unless their columns' names, or what is said of them, say pixels."""
    for name in columns_of(session.layout.position)[-2:]:  # of x and y
        if re.search(r"pix|px", name.lower()):
            return "px"
        dataset = session.shown_table.dataset(name)
        said = (
            [attribute_text(dataset, key) for key in ("unit", "units", "description")]
            if (isinstance(dataset, h5py.Dataset))
            else []
        )
        words = " ".join(said).lower()
        if re.search(r"pix|\bpx\b", words) and "deg" not in words:
            return "px"
    return "deg"
