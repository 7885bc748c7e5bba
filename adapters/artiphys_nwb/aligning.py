"""One unit's spikes around each presentation, for its raster and its PSTH."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from artiphys.errors import InputError, listed
from artiphys.tuning import aligned_spikes
from artiphys_nwb.errors import PoolingError, RecordingWarning, TableError
from artiphys_nwb.files.opening import opened, sources
from artiphys_nwb.labels import in_order, number_or_text
from artiphys_nwb.layout import Layout, load_layout
from artiphys_nwb.sessions.bins import is_binned
from artiphys_nwb.sessions.checks.clocks import require_one_clock
from artiphys_nwb.sessions.conditions import Condition
from artiphys_nwb.sessions.observation import Observation
from artiphys_nwb.sessions.presentations import read_presentations
from artiphys_nwb.sessions.session import Request, Session, checked_window, layouts_in
from artiphys_nwb.sessions.spikes import read_spikes as read_trains
from artiphys_nwb.sessions.units import read_units

__all__ = ["read_spikes"]

Doubts = list[tuple[type[RecordingWarning], str]]


def read_spikes(
    source: Any,
    layout: Layout | str | Path | Mapping[str, Any],
    unit: str,
    *,
    window: tuple[float, float] = (-0.1, 0.4),
    trials_where: Condition | None = None,
) -> dict[Any, list[np.ndarray]]:
    """Return a unit's spikes around each presentation, position by position.

    This is what ``spikes=`` of :func:`artiphys.plotting.plot_unit` takes, and
    :func:`artiphys.tuning.peristimulus`.

    Parameters
    ----------
    source : path, URL, name in DANDI, open file, ``NWBFile``, or iterable of these
        As in :func:`read_nwb`. Of many sessions the one that has the unit is read.
    layout : Layout, str, Path or mapping
        As in :func:`read_nwb`.
    unit : str
        Its name in the array that :func:`read_nwb` returns, ``session/id``.
    window : (float, float)
        From and to when, in seconds from the onset; the end is not part of it.
    trials_where : mapping, str or callable, optional
        Which presentations to keep, as in :func:`read_nwb`: ``{"image": ["face", "house"]}`` where
        that is the column of images.

    Returns
    -------
    dict of position to list of numpy.ndarray
        Positions are labelled and ordered as in the array that :func:`read_nwb` makes of this
        session. Of each presentation there, in the order of time, the spikes in seconds from its
        onset; none for one in which the unit was silent. Presentations that the unit was not
        observed in, throughout the window, are left out, and so are positions with no others.

    Raises
    ------
    InputError
        If the window is none, or the unit is in no session; the units are listed.
    PoolingError
        If the unit's name is in two sessions.
    RecordingError
        As :func:`read_nwb`.

    Warns
    -----
    RecordingWarning
        As :func:`read_nwb`.

    Examples
    --------
    >>> spikes = read_spikes("session.nwb", "v4_position", "SP_20210412/4")  # doctest: +SKIP
    >>> plot_unit(responses, "SP_20210412/4", spikes=spikes)  # doctest: +SKIP
    """
    edges = checked_window(window)
    if isinstance(edges, str):
        msg = f"window must be a start and a stop, in seconds from the onset; got {window!r}"
        raise InputError(msg)
    layout, request = load_layout(layout), Request(window=edges, trials_where=trials_where)
    found: dict[str, dict[Any, list[np.ndarray]]] = {}
    names: list[str] = []
    doubts: Doubts = []
    for one in sources(source):
        with opened(one) as recording:
            for within in layouts_in(recording, layout):
                session = Session(recording, within, request)
                here = _unit_names(session)
                names += here
                if unit in here:
                    found[one.name] = _spikes(session, here.index(unit), edges)
                    doubts += session.doubts
    if len(found) > 1:
        msg = f"unit {unit!r} is in {listed(list(found))}; give the one file that is meant"
        raise PoolingError(msg)
    if not found:
        msg = f"unit {unit!r} is not among the {len(names)}: {listed(names)}"
        if "~" in unit:
            msg += "; a number after ~ tells files apart: give the one file, and leave it out"
        raise InputError(msg)
    for category, message in doubts:
        warnings.warn(message, category, stacklevel=2)
    return next(iter(found.values()))


def _unit_names(session: Session) -> list[str]:
    """Return the names that the units of a session have in the array."""
    table = session.units_table
    if is_binned(table):
        msg = f"{table.path} holds counts and no spike times; give a recording that has them"
        raise TableError(msg)
    return [f"{session.name}/{name}" for name in read_units(session, table).name.tolist()]


def _spikes(session: Session, row: int, window: tuple[float, float]) -> dict[Any, list[np.ndarray]]:
    shown = read_presentations(session)
    starts, stops = (shown.onset + edge for edge in window)
    # Of all units: clocks are told by many spikes.
    trains = read_trains(session, np.arange(session.units_table.n_rows))
    seen = Observation(session, np.array([row])).of(starts, stops)
    observed = np.ones(len(starts), dtype=bool) if seen is None else seen[0]
    require_one_clock(session, trains.times, trains.bounds, starts[observed], stops[observed])
    spike_times = trains.times[trains.bounds[row] : trains.bounds[row + 1]]
    labels = in_order(set(shown.position.tolist()))
    spikes = {}
    for label, position in zip(labels, number_or_text(labels), strict=True):
        onsets = shown.onset[observed & (shown.position == label)]
        if len(onsets):
            spikes[position] = aligned_spikes(spike_times, onsets, window=window)
    if not spikes:
        msg = (
            f"{session.units_table.path}: the unit was observed throughout the window in none of "
            f"{len(starts)} presentations; choose a shorter window or another unit"
        )
        raise TableError(msg)
    return spikes
