"""Which image was shown where and when, one row a presentation, with every dropped row counted."""

import dataclasses
import functools

import numpy as np
import pandas as pd

from artiphys_nwb.errors import RecordingError, TableError
from artiphys_nwb.labels import MISSING, is_held_out, labelled, one_label
from artiphys_nwb.sessions.cells import Cells, as_numbers, read_cells
from artiphys_nwb.sessions.checks.presentations import (
    check_images_held_out,
    check_one_image_at_a_time,
    check_onsets,
    check_shown_once,
)
from artiphys_nwb.sessions.checks.repeats import check_two_positions
from artiphys_nwb.sessions.checks.times import check_onset_precision
from artiphys_nwb.sessions.checks.trials import (
    START,
    STOP,
    check_durations,
    check_onsets_in_trials,
    check_stops,
    check_time_to_show,
)
from artiphys_nwb.sessions.conditions import rows_where, truth_values
from artiphys_nwb.sessions.session import Session
from artiphys_nwb.sessions.shown_labels import (
    Places,
    displacement_units,
    images_and_positions,
    joined,
)

__all__ = ["Presentations", "read_presentations"]


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

    @functools.cached_property
    def codes(self) -> tuple[np.ndarray, np.ndarray]:
        """A number for each image and for each position."""
        image, position = (pd.factorize(labels)[0] for labels in (self.image, self.position))
        return image.astype(np.int32), position.astype(np.int32)

    @functools.cached_property
    def cells(self) -> np.ndarray:
        """A number for each pair of image and position that was shown."""
        image, position = self.codes
        pair = image.astype(np.int64) * (position.max(initial=0) + 1) + position
        return pd.factorize(pair)[0].astype(np.int32)


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
    cells = read_cells(session)
    image, position, places, unmatched = images_and_positions(session, cells)
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
    onset = _onsets(session, cells)
    n_images = int(sieve.mask.sum())
    n_without = sieve.out(f"{layout.onset} is NaN", ~np.isfinite(onset))
    _require_some(session, sieve)
    check_onsets(session, n_without, n_images)
    _drop_by_the_trial(session, cells, onset, sieve)
    _require_some(session, sieve)
    kept = np.flatnonzero(sieve.mask)
    kept = kept[np.argsort(onset[kept], kind="stable")]  # repeats are numbered by time, not by row
    shown = Presentations(
        onset=onset[kept],
        image=image[kept],
        position=position[kept],
        places={label: places.get(label, (np.nan, np.nan)) for label in set(position[kept])},
        displacement_units=displacement_units(session),
        row=cells.row[kept],
    )
    again = check_shown_once(session, shown.onset, shown.cells)
    session.drop("row", "the same presentation again", int(again.sum()))
    shown = shown[~again] if again.any() else shown
    check_time_to_show(session, shown.onset)
    check_one_image_at_a_time(session, shown.onset, shown.image, shown.codes[1])
    check_two_positions(session, shown.cells, shown.codes[0])
    return shown


def _require_some(session: Session, sieve: "_Sieve") -> None:
    if not sieve.mask.any():
        table = session.shown_table
        msg = (
            f"{table.path}: no presentation is left of {table.n_rows} rows; {session.losses()}; "
            "check the layout"
        )
        raise TableError(msg)


def _onsets(session: Session, cells: Cells) -> np.ndarray:
    """Return onsets in seconds on the clock of the spikes, by the layout's scale and offset."""
    layout = session.layout
    onset = as_numbers(session, layout.onset, cells.onset)
    check_onset_precision(session, cells.onset)
    if layout.scale is not None:
        onset = onset * layout.scale
    if layout.offset is not None:
        offset = as_numbers(session, layout.offset, cells.offset)
        onset = onset + offset * (layout.spike_scale or 1.0)
    return onset


def _drop_by_the_trial(session: Session, cells: Cells, onset: np.ndarray, sieve: "_Sieve") -> None:
    """Leave out rows whose times contradict one another, where the table says start and stop."""
    table, rows, layout = session.shown_table, cells.row, session.layout
    if not {START, STOP} <= set(table.columns):
        return
    try:
        start, stop = (
            as_numbers(session, name, table.read_plain(name))[rows] for name in (START, STOP)
        )
    except RecordingError:  # they are not asked for, and may be anything
        return
    for times in (start, stop):
        times[~sieve.mask] = np.nan
    wrong = check_stops(session, start, stop)
    sieve.out(f"{STOP} comes before {START}", wrong)
    check_durations(session, start, stop)
    if layout.onset == START:
        return
    scale = (layout.scale if layout.onset == STOP else layout.spike_scale) or 1.0
    raw = np.where(sieve.mask, as_numbers(session, layout.onset, cells.onset), np.nan)
    moment = np.where(sieve.mask, onset, np.nan)
    outside = check_onsets_in_trials(session, moment, start * scale, stop * scale, raw)
    sieve.out("onset is not in its trial", outside)


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


def _drop_what_is_no_image(
    session: Session, cells: Cells, unmatched: np.ndarray, sieve: _Sieve
) -> None:
    layout = session.layout
    parts = [labelled(values) for values in cells.image]
    whole = joined(parts, "|")
    held_out = np.any([is_held_out(values) for values in cells.image], axis=0)
    if session.shown_table.kind == "IntervalSeries":  # whose negative numbers are ends
        ends = cells.image[0] < 0
        held_out &= ~ends
        sieve.out("the end of an interval", ends)
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
