"""Counts from a file that has no spike times, only ``BinnedAlignedSpikes``: counts in bins.

Bins cannot be cut: a window must begin and end on their edges.
"""

import dataclasses

import h5py
import numpy as np

from artiphys_nwb.errors import ClockError, TableError
from artiphys_nwb.files.tables import Table, attribute_text, find, read_dataset
from artiphys_nwb.sessions.presentations import Presentations

__all__ = ["Bins", "is_binned", "read_bins"]

# Onsets are matched to the events that the bins were aligned to within this many seconds.
SAME_MOMENT = 1e-4


@dataclasses.dataclass(frozen=True)
class Bins:
    """Counts (unit, presentation, bin) and the edges of the bins in seconds from the onset."""

    counts: np.ndarray
    edges: np.ndarray
    place: str

    def within(self, window: tuple[float, float]) -> np.ndarray:
        """Return the counts (unit, presentation) in a window that lies on edges of bins.

        Raises
        ------
        TableError
            If it does not, because a bin's spikes cannot be told apart.
        """
        at = [int(np.argmin(np.abs(self.edges - moment))) for moment in window]
        off = [abs(self.edges[i] - moment) for i, moment in zip(at, window, strict=True)]
        if max(off) > 1e-9 + 1e-6 * float(self.edges[1] - self.edges[0]):
            edges = self.edges
            msg = (
                f"{self.place}: window {window[0]:g} to {window[1]:g} s does not lie on bins of "
                f"{edges[1] - edges[0]:g} s from {edges[0]:g} to {edges[-1]:g}; the nearest that "
                f"does is {edges[at[0]]:g} to {edges[at[1]]:g}"
            )
            raise TableError(msg)
        return np.asarray(self.counts[:, :, at[0] : at[1]].sum(axis=2))


def is_binned(table: Table) -> bool:
    """Return whether a group holds binned counts in place of units."""
    is_type = attribute_text(table.group, "neurodata_type") == "BinnedAlignedSpikes"
    return is_type or "bin_width_in_milliseconds" in table.group.attrs


def read_bins(table: Table, shown: Presentations) -> Bins:
    """Return binned counts, one row of events for each presentation.

    Raises
    ------
    TableError
        If the counts do not have the shape (unit, event, bin), or an attribute is missing.
    ClockError
        If presentations and events do not match.
    """
    data = find(table.group, table.file, "data")
    if not isinstance(data, h5py.Dataset) or len(data.shape) != 3:
        msg = f"{table.place}/data must be counts of (unit, event, bin); write the file again"
        raise TableError(msg)
    width = float(table.group.attrs.get("bin_width_in_milliseconds", np.nan)) / 1000
    first = float(table.group.attrs.get("milliseconds_from_event_to_first_bin", 0.0)) / 1000
    if not width > 0:
        msg = f"{table.place} does not say bin_width_in_milliseconds; write the file again"
        raise TableError(msg)
    counts = np.asarray(read_dataset(data, f"{table.place}/data"), dtype=np.float64)
    events = _events(table, counts.shape[1])
    edges = np.round(first + width * np.arange(counts.shape[2] + 1), 9)
    return Bins(counts[:, _event_of_each(events, shown, table)], edges, table.place)


def _events(table: Table, n_events: int) -> np.ndarray:
    name = "event_timestamps" if "event_timestamps" in table.group else "timestamps"
    dataset = find(table.group, table.file, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.shape != (n_events,):
        msg = f"{table.place}/event_timestamps must hold {n_events} times; write the file again"
        raise TableError(msg)
    return np.asarray(read_dataset(dataset, f"{table.place}/{name}"), dtype=np.float64)


def _event_of_each(events: np.ndarray, shown: Presentations, table: Table) -> np.ndarray:
    order = np.argsort(events, kind="stable")
    at = np.clip(np.searchsorted(events[order], shown.onset - SAME_MOMENT), 0, len(events) - 1)
    event = order[at]
    missed = np.abs(events[event] - shown.onset) > SAME_MOMENT
    if missed.any():
        msg = (
            f"{table.place}: {int(missed.sum())} of {len(missed)} presentations are not among the "
            f"{len(events)} events its counts are aligned to; map the onsets that they were, or "
            "select rows with trials_where"
        )
        raise ClockError(msg)
    return np.asarray(event)
