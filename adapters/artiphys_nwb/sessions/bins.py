"""Counts from a file that has no spike times, only ``BinnedAlignedSpikes``: counts in bins.

Bins cannot be cut: a window must begin and end on their edges.
"""

import h5py
import numpy as np

from artiphys_nwb.errors import ClockError, TableError
from artiphys_nwb.files.datasets import read_dataset
from artiphys_nwb.files.tables import Table
from artiphys_nwb.labels import labelled
from artiphys_nwb.sessions.session import Session
from artiphys_nwb.sessions.units import UNKNOWN, Units, read_units

__all__ = ["is_binned", "read_binned"]

UNITS = "/units"
# Onsets are matched to the events that the bins were aligned to within this many seconds.
SAME_MOMENT = 1e-4


def is_binned(table: Table) -> bool:
    """Return whether a group holds binned counts in place of units."""
    return table.kind == "BinnedAlignedSpikes" or "bin_width_in_milliseconds" in table.group.attrs


def read_binned(session: Session, onset: np.ndarray) -> tuple[Units, np.ndarray]:
    """Return the units that were counted, and their counts (unit, presentation) in the window.

    Raises
    ------
    TableError
        If the counts do not have the shape (unit, event, bin), an attribute is missing, or the
        window does not lie on edges of bins, because a bin's spikes cannot be told apart.
    ClockError
        If presentations and events do not match.
    """
    table, window = session.units_table, session.request.window
    if window == "auto":
        msg = f"{table.path}: window='auto' needs spike times, and these are counts; give a window"
        raise TableError(msg)
    data = table.dataset("data")
    if not isinstance(data, h5py.Dataset) or len(data.shape) != 3:
        msg = f"{table.path}/data must be counts of (unit, event, bin); write the file again"
        raise TableError(msg)
    width = float(table.group.attrs.get("bin_width_in_milliseconds", np.nan)) / 1000
    first = float(table.group.attrs.get("milliseconds_from_event_to_first_bin", 0.0)) / 1000
    if not width > 0:
        msg = f"{table.path} does not say bin_width_in_milliseconds; write the file again"
        raise TableError(msg)
    counts = np.asarray(read_dataset(data, f"{table.path}/data"), dtype=np.float64)
    edges = np.round(first + width * np.arange(counts.shape[2] + 1), 9)
    event = _event_of_each(table, counts.shape[1], onset)
    within = _bins_within(table, edges, (float(window[0]), float(window[1])))
    counts = counts[:, event, within].sum(axis=2)
    units, of_counts = _units(session, len(counts))
    return units, counts[of_counts]


def _event_of_each(table: Table, n_events: int, onset: np.ndarray) -> np.ndarray:
    name = "event_timestamps" if "event_timestamps" in table.group else "timestamps"
    dataset = table.dataset(name)
    if not isinstance(dataset, h5py.Dataset) or dataset.shape != (n_events,):
        msg = f"{table.path}/event_timestamps must hold {n_events} times; write the file again"
        raise TableError(msg)
    events = np.asarray(read_dataset(dataset, f"{table.path}/{name}"), dtype=np.float64)
    order = np.argsort(events, kind="stable")
    at = np.clip(np.searchsorted(events[order], onset - SAME_MOMENT), 0, len(events) - 1)
    event = order[at]
    missed = np.abs(events[event] - onset) > SAME_MOMENT
    if missed.any():
        msg = (
            f"{table.path}: {int(missed.sum())} of {len(missed)} presentations are not among the "
            f"{len(events)} events its counts are aligned to; map the onsets that they were, or "
            "select rows with trials_where"
        )
        raise ClockError(msg)
    return np.asarray(event)


def _bins_within(table: Table, edges: np.ndarray, window: tuple[float, float]) -> slice:
    at = [int(np.argmin(np.abs(edges - moment))) for moment in window]
    off = [abs(edges[i] - moment) for i, moment in zip(at, window, strict=True)]
    if max(off) > 1e-9 + 1e-6 * float(edges[1] - edges[0]):
        msg = (
            f"{table.path}: window {window[0]:g} to {window[1]:g} s does not lie on bins of "
            f"{edges[1] - edges[0]:g} s from {edges[0]:g} to {edges[-1]:g}; the nearest that does "
            f"is {edges[at[0]]:g} to {edges[at[1]]:g}"
        )
        raise TableError(msg)
    return slice(*at)


def _units(session: Session, n_counted: int) -> tuple[Units, np.ndarray]:
    """Return units by their region of the units table, if there is one, and the rows of counts."""
    table, units_table = session.units_table, session.table_at(UNITS)
    names = ("units_region", "units")
    region = next((n for n in names if isinstance(table.group.get(n), h5py.Dataset)), None)
    every = np.arange(n_counted)
    if region is None or units_table is None:
        if session.request.units_where is not None:
            msg = f"{table.path} does not say which units it counts; read it without units_where"
            raise TableError(msg)
        area = session.layout.area or ""
        areas = np.full(n_counted, area[1:] if area.startswith("=") else UNKNOWN)
        return Units(labelled(every), {"area": areas}, every), every
    place = f"{table.path}/{region}"
    rows = read_dataset(table.group[region], place).astype(np.int64)
    within = rows.min() >= 0 and rows.max() < units_table.n_rows
    if len(rows) != n_counted or len(set(rows.tolist())) != n_counted or not within:
        msg = (
            f"{place} must name a row of {UNITS} for each of {n_counted} units; write the file "
            "again"
        )
        raise TableError(msg)
    units = read_units(session, units_table)
    of_counts = np.flatnonzero(np.isin(rows, units.row))
    if len(of_counts) == 0:
        msg = f"{table.path}: none of its {n_counted} units meets units_where; loosen it"
        raise TableError(msg)
    return units[np.searchsorted(units.row, rows[of_counts])], of_counts
