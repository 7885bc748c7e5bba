"""Which image was shown when: what no table of presentations should hold."""

import re

import numpy as np

from artiphys_nwb.errors import (
    HeldOutImages,
    OnsetsMissing,
    PresentationsDoubtful,
    SessionsDiffer,
    TableError,
)
from artiphys_nwb.files.datasets import Column
from artiphys_nwb.labels import labelled
from artiphys_nwb.sessions.session import Session

__all__ = [
    "check_every_value_has_a_row",
    "check_images_held_out",
    "check_images_whole",
    "check_labels_spelt_alike",
    "check_one_image_at_a_time",
    "check_one_session",
    "check_onsets",
    "check_shown_once",
]

# Below this share, missing onsets are told but not warned of: photodiodes miss a few frames.
FEW_ONSETS_MISSING = 0.05
# Two onsets so close are one.
SAME_MOMENT = 1e-3
ENOUGH_ROWS = 10
SUFFIXES = "png|jpe?g|bmp|tiff?|gif|webp|pgm|ppm|svg|mat|npy"  # of files with pictures
# Columns of what is measured on a scale, whose values need not be whole.
SCALES = (
    r"ori|rot|dir|ang|phase|freq|size|contrast|radius|diam|speed|lum|deg|scale|zoom|color|colour|"
    r"temporal|spatial|width|height|level|mode|coh|^x|^y|_x|_y"
)


def check_every_value_has_a_row(place: str, column: Column) -> None:
    """Raise a TableError if a ragged column of presentations has values beyond its index."""
    left_over = 0 if column.bounds is None else len(column.values) - int(column.bounds[-1])
    if left_over:
        msg = (
            f"{place}: {left_over} of {len(column.values)} values lie beyond the index and belong "
            "to no row; the table is damaged; write it again"
        )
        raise TableError(msg)


def check_onsets(session: Session, n_missing: int, n_images: int) -> None:
    """Doubt presentations of images of which more than a few have no onset."""
    if n_missing > FEW_ONSETS_MISSING * n_images:
        onset = session.layout.onset
        session.doubt(
            OnsetsMissing,
            f"{session.shown_table.path}: {n_missing} of {n_images} presentations left out, their "
            f"onset in {onset} is NaN; map another onset column if these are wanted",
        )


def check_images_held_out(session: Session, n_rows: int) -> None:
    """Doubt rows whose image is -1, where the layout does not say what that is."""
    if n_rows:
        image = session.layout.image
        columns = image if isinstance(image, str) else " or ".join(image)
        session.doubt(
            HeldOutImages,
            f"{session.shown_table.path}: {n_rows} rows left out, their image in {columns} is -1, "
            "neither an image nor said to be a blank; set blank in the layout to [-1] if it is "
            "one, or to [] if it is an image",
        )


def check_images_whole(session: Session, name: str, values: np.ndarray) -> None:
    """Doubt numbers of images that are not whole, but for what is measured on a scale.

    Raises
    ------
    TableError
        If nearly every row has another: they are measurements, not images.
    """
    known = values[np.isfinite(values)]
    broken = known != np.floor(known)
    if not broken.any():
        return
    place, n_different = f"{session.shown_table.path}/{name}", len(np.unique(known[broken]))
    if len(known) >= ENOUGH_ROWS and n_different > len(known) / 2:
        msg = (
            f"{place} holds {n_different} different numbers in {len(known)} rows, not whole: "
            "measurements, no images; name the column of images"
        )
        raise TableError(msg)
    if not re.search(SCALES, name.lower()):
        session.doubt(
            PresentationsDoubtful,
            f"{place} has images that are not whole numbers, e.g. {known[broken][0]:g} in "
            f"{int(broken.sum())} of {len(known)} rows; each is taken for an image; see that the "
            "column is one of images",
        )


def check_shown_once(session: Session, onset: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return presentations to be left out: the same image, place and moment again; doubt them.

    Identical trials in both halves of a split would make any unit look reliable.
    """
    order = np.lexsort((onset, cell))
    again = np.zeros(len(onset), dtype=bool)
    same = (np.diff(cell[order]) == 0) & (np.diff(onset[order]) < SAME_MOMENT)
    again[order[1:][same]] = True
    if again.any():
        session.doubt(
            PresentationsDoubtful,
            f"{session.shown_table.path}: {int(again.sum())} of {len(again)} presentations are "
            "there twice (the same image, position and onset); each is kept once; see that the "
            "table was not written twice",
        )
    return again


def check_one_image_at_a_time(
    session: Session, onset: np.ndarray, image: np.ndarray, position: np.ndarray
) -> None:
    """Doubt two images at one moment and place: one of them is the wrong label."""
    order = np.lexsort((onset, position))
    same = position[order][1:] == position[order][:-1]
    same &= (np.diff(onset[order]) < SAME_MOMENT) & (image[order][1:] != image[order][:-1])
    if same.any():
        first = int(np.flatnonzero(same)[0])
        one, other = order[first], order[first + 1]
        session.doubt(
            PresentationsDoubtful,
            f"{session.shown_table.path}: {int(same.sum())} pairs of presentations have one onset "
            f"and position and different images, e.g. {image[one]} and {image[other]} at "
            f"{onset[one]:.6g} s; the same spikes count for both; see which was shown",
        )


def check_labels_spelt_alike(session: Session, what: str, labels: list[str]) -> None:
    """Doubt two labels that differ by case, by a file's suffix, or by zeros before a number."""
    spellings: dict[str, list[str]] = {}
    for label in labels:
        plain = re.sub(rf"\.({SUFFIXES})$", "", label.lower().strip())
        spellings.setdefault(re.sub(r"(?<![0-9.])0+(?=[0-9])", "", plain), []).append(label)
    twins = [same for same in spellings.values() if len(same) > 1]
    if twins:
        session.doubt(
            PresentationsDoubtful,
            f"{session.shown_table.path}: {len(twins)} {what}s are spelt in two ways, e.g. "
            f"{twins[0][0]!r} and {twins[0][1]!r}, and count as two; mend them if they are one",
        )


def check_one_session(session: Session, rows: np.ndarray) -> None:
    """Doubt zeros where a column says that both tables hold several sessions, in `rows` as well."""
    table, units = session.shown_table, session.units_table
    for name in sorted(set(table.columns) & set(units.columns)):
        if not name.lower().startswith("ses"):
            continue
        try:
            of_rows, of_units = labelled(table.read_plain(name)), labelled(units.read_plain(name))
        except TableError:
            continue
        different = set(of_rows[rows].tolist()) & set(of_units.tolist())
        if len(different) > 1:
            session.doubt(
                SessionsDiffer,
                f"{table.path}: {name} names {len(different)} sessions, here and in the units; a "
                "unit counts 0 in another's presentations; read one at a time, by trials_where "
                "and units_where",
            )
