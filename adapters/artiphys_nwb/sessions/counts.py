"""A session, counted: a count for every unit and presentation, and what it belongs to."""

import dataclasses
from typing import Any

import numpy as np

from artiphys.responses.presentations import repeat_numbers
from artiphys.responses.provenance import digest_array
from artiphys_nwb.errors import RecordingWarning
from artiphys_nwb.files.opening import Recording
from artiphys_nwb.layout import Layout
from artiphys_nwb.sessions.bins import is_binned, read_binned
from artiphys_nwb.sessions.checks.clocks import require_one_clock
from artiphys_nwb.sessions.checks.names import check_names_undamaged
from artiphys_nwb.sessions.checks.observation import check_not_silent, check_observed
from artiphys_nwb.sessions.checks.presentations import (
    check_labels_spelt_alike,
    check_one_session,
)
from artiphys_nwb.sessions.checks.repeats import (
    check_filled,
    check_labels_alike,
    check_none_exchanged,
    check_repeats,
    check_repeats_alike,
    first_of_each,
)
from artiphys_nwb.sessions.latency import WIDTH, latencies, trials_for_latency
from artiphys_nwb.sessions.observation import Observation
from artiphys_nwb.sessions.presentations import (
    Presentations,
    read_presentations,
)
from artiphys_nwb.sessions.session import Request, Session, header_text
from artiphys_nwb.sessions.spikes import Spikes, read_spikes
from artiphys_nwb.sessions.units import Units, read_units

__all__ = ["Counts", "count_session"]


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts (unit, presentation), NaN where a unit was not observed, and what they belong to.

    `began` is the moment that the recording's clock counts from, as the file says it. `window` is
    (start, stop) or, one row a unit, where latencies were looked for, and `found` the
    latencies then of the units that show one; `trains` holds a digest of each unit's spikes, to
    recognise a session under another name.
    """

    file: str
    name: str
    identifier: str
    subject: str
    began: str
    values: np.ndarray
    shown: Presentations
    units: Units
    window: np.ndarray
    found: np.ndarray | None
    left_out: list[dict[str, Any]]
    doubts: list[tuple[type[RecordingWarning], str]]
    digest: str
    trains: frozenset[bytes]
    summary: str


def count_session(
    recording: Recording, layout: Layout, request: Request, *, keep_trains: bool = False
) -> Counts:
    """Return the counts of one session of a recording.

    Parameters
    ----------
    recording : Recording
    layout : Layout
        Without ``*`` in its paths.
    request : Request
    keep_trains : bool
        Keep digests of the spike trains.

    Raises
    ------
    RecordingError
        If the file does not hold what the layout says, or contradicts itself.
    """
    session = Session(recording, layout, request)
    check_names_undamaged(session)
    shown = read_presentations(session)
    check_one_session(session, shown.row)
    n_shown = len(shown.onset)
    if is_binned(session.units_table):
        units, values = read_binned(session, shown.onset)
        window, found = np.asarray(request.window, dtype=np.float64), None
        starts, stops = shown.onset + window[0], shown.onset + window[1]
        _forget(values, Observation(session, units.row, of_units=False).of(starts, stops))
        spikes = Spikes(values.ravel(), np.zeros(1, dtype=np.int64))
    else:
        units = read_units(session, session.units_table)
        spikes = read_spikes(session, units.row)
        shown, units, values, window, found = _counted(session, shown, units, spikes)
    check_observed(session, values)
    seconds = float(np.mean(window[..., 1] - window[..., 0]))
    check_not_silent(session, values, seconds, len(spikes.times))
    _check_grid(session, shown, len(values))
    return Counts(
        file=recording.name,
        name=session.name,
        identifier=header_text(recording, "identifier"),
        subject=header_text(recording, "general/subject/subject_id"),
        began=header_text(recording, "session_start_time"),
        values=values,
        shown=shown,
        units=units,
        window=window,
        found=found,
        left_out=session.left_out,
        doubts=session.doubts,
        digest=_digest(spikes, shown),
        trains=spikes.trains() if keep_trains else frozenset(),
        summary=(
            f"{session.name}: {n_shown} of {session.shown_table.n_rows} rows, {len(units.name)} "
            f"units; {session.losses()}"
        ),
    )


def _counted(
    session: Session, shown: Presentations, units: Units, spikes: Spikes
) -> tuple[Presentations, Units, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return counts in each unit's window, what is left to be counted in, latencies found."""
    observation, found = Observation(session, units.row), None
    if session.request.window != "auto":
        window = np.asarray(session.request.window)
    else:
        cell = shown.cells
        chosen, half = trials_for_latency(cell, repeat_numbers(cell))
        session.drop("trial", "used to find latencies", int(chosen.sum()))
        aside, shown = shown[chosen], shown[~chosen]
        answers = latencies(session, spikes, observation, aside.onset, aside.cells, half[chosen])
        window = np.stack([answers.latency, answers.latency + WIDTH], axis=1)
        coords = {"latency": answers.latency, "reliability": answers.reliability}
        units = dataclasses.replace(units, coords=units.coords | coords)
        found = answers.latency[answers.found]
    starts, stops = (shown.onset + window[..., [i]] for i in (0, 1))
    values = _as_floats(spikes.counts(starts, stops))
    seen = observation.of(starts, stops)
    _forget(values, seen)
    by_any = slice(None) if seen is None else seen.any(axis=0)
    begin, end = np.atleast_2d(starts).min(0)[by_any], np.atleast_2d(stops).max(0)[by_any]
    require_one_clock(session, spikes.times, spikes.bounds, begin, end)
    return shown, units, values, window, found


def _as_floats(counts: np.ndarray) -> np.ndarray:
    """Return int64 as float64 in their own memory, which may be most of what there is."""
    values = counts.view(np.float64)
    for whole, real in zip(counts, values, strict=True):
        real[:] = whole
    return values


def _check_grid(session: Session, shown: Presentations, n_units: int) -> None:
    """Check how often each image was shown at each position."""
    first, repeats = first_of_each(shown.cells), np.bincount(shown.cells)
    check_repeats(session, repeats)
    check_repeats_alike(session, repeats, shown.image[first], shown.position[first])
    check_none_exchanged(session, repeats, shown.image[first], shown.position[first])
    for what, code in zip(("image", "position"), shown.codes, strict=True):
        labels = getattr(shown, what)
        check_labels_alike(session, what, labels, code)
        check_labels_spelt_alike(session, what, labels[first_of_each(code)].tolist())
    n_grid = int(np.prod([code.max() + 1 for code in shown.codes]))
    check_filled(session, repeats, n_grid, n_units)


def _forget(values: np.ndarray, seen: np.ndarray | None) -> None:
    """Make values NaN where nobody looked."""
    if seen is not None:
        values[~seen] = np.nan


def _digest(spikes: Spikes, shown: Presentations) -> str:
    names = "\n".join([*shown.image.tolist(), *shown.position.tolist()]).encode()
    return digest_array(
        spikes.times, spikes.bounds, shown.onset, np.frombuffer(names, dtype=np.uint8)
    )
