"""Spikes of all units, one unit after the other, and their counts in half-open windows.

A count is the number of spikes before `stop` less the number before `start`: a spike at `start`
counts, one at `stop` does not, so that a spike on the edge of two windows that meet is in one of
them. Windows may overlap and need no order.
"""

import dataclasses
import hashlib
import itertools

import numpy as np

from artiphys_nwb.errors import TableError
from artiphys_nwb.files.datasets import Column
from artiphys_nwb.sessions.checks.times import (
    check_index_of_ends,
    check_precision,
    check_spikes_finite,
    check_spikes_in_order,
    check_spikes_not_twice,
    check_spikes_not_whole,
    check_spikes_of_units,
    check_spikes_on_clock,
)
from artiphys_nwb.sessions.checks.units import check_units_different
from artiphys_nwb.sessions.session import Session

__all__ = ["Spikes", "count_spikes", "mended", "read_spikes"]

# A train of so many spikes does not come about twice.
TELLING_SPIKES = 20

MANY = 8  # spikes an edge, from where a search is faster than a sweep
ONE = np.uint64(1)


@dataclasses.dataclass(frozen=True)
class Spikes:
    """Spike times of all units, one after the other: unit i has times[bounds[i]:bounds[i+1]]."""

    times: np.ndarray
    bounds: np.ndarray

    def counts(self, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """Return :func:`count_spikes` in windows."""
        return count_spikes(self.times, self.bounds, starts, stops)

    def trains(self) -> frozenset[bytes]:
        """Return a digest of each unit's spikes, to know a session again under another name."""
        return frozenset(
            hashlib.blake2b(self.times[start:stop].tobytes(), digest_size=16).digest()
            for start, stop in itertools.pairwise(self.bounds.tolist())
            if stop - start >= TELLING_SPIKES
        )


def read_spikes(session: Session, rows: np.ndarray) -> Spikes:
    """Return the spikes of the units in `rows`, in order within each, read in one piece.

    Raises
    ------
    TableError
        If there are no spike times, or their index does not fit them or the units.
    """
    times, bounds = _flat_spike_times(session)
    check_precision(session, times)
    check_spikes_not_whole(session, times)
    check_spikes_on_clock(session, times)
    check_index_of_ends(session, times, bounds)
    times = times.astype(np.float64, copy=False)
    if session.layout.spike_scale is not None:
        times = times * session.layout.spike_scale
    check_spikes_of_units(session, len(times), int(bounds[-1]))
    times, bounds, unordered, n_missing = mended(times[: bounds[-1]], bounds)
    check_spikes_in_order(session, len(unordered))
    check_spikes_not_twice(session, times)
    check_units_different(session, times, bounds)
    check_spikes_finite(session, n_missing)
    if len(rows) == len(bounds) - 1:
        return Spikes(times, bounds)
    starts, stops = bounds[rows], bounds[rows + 1]
    parts = [times[start:stop] for start, stop in zip(starts, stops, strict=True)]
    return Spikes(np.concatenate(parts), np.concatenate(([0], np.cumsum(stops - starts))))


def count_spikes(
    times: np.ndarray, bounds: np.ndarray, starts: np.ndarray, stops: np.ndarray
) -> np.ndarray:
    """Return how many spikes of each unit lie in each window.

    Parameters
    ----------
    times : ndarray, (spike)
        Spike times of all units, one unit after the other, in order within each.
    bounds : ndarray of int, (unit + 1)
        Unit i has ``times[bounds[i]:bounds[i + 1]]``.
    starts, stops : ndarray, (window) or (unit, window)
        Windows, the same for all units or one row for each; fastest where they are in order.

    Returns
    -------
    ndarray of int64, (unit, window)

    Examples
    --------
    >>> import numpy as np
    >>> times = np.array([0.1, 0.2, 0.3, 0.2])
    >>> starts, stops = np.array([0.1, 0.2]), np.array([0.2, 0.4])
    >>> count_spikes(times, np.array([0, 3, 4]), starts, stops).tolist()
    [[1, 2], [0, 1]]
    """
    n_units = len(bounds) - 1
    shape = (n_units, np.shape(starts)[-1])
    alike = np.ndim(starts) == 1
    starts, stops = np.broadcast_to(starts, shape), np.broadcast_to(stops, shape)
    first = times[bounds[:-1][np.diff(bounds) > 0]]
    sweep = min(first.min(initial=0), starts.min(initial=0), stops.min(initial=0)) >= 0
    room = np.empty(2 * shape[1] * (MANY + 1), dtype=np.uint64)
    counts = np.empty(shape, dtype=np.int64)
    for unit in range(n_units):
        if unit == 0 or not alike:
            edges, at_start, at_stop = _in_order(starts[unit], stops[unit])
        spikes = times[bounds[unit] : bounds[unit + 1]]
        few = len(spikes) <= MANY * len(edges)
        before = _n_before(spikes, edges, room) if sweep and few else np.searchsorted(spikes, edges)
        np.subtract(before[at_stop], before[at_start], out=counts[unit])
    return counts


def mended(times: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return spike times in order within each unit and without those that are no number.

    Returns
    -------
    times, bounds : ndarray
        As they came where nothing is to be mended.
    units : ndarray of int
        Units whose spikes were out of order.
    n_missing : int
        Number of times that are NaN or infinite, and left out.
    """
    finite = np.isfinite(times)
    n_missing = len(times) - int(np.count_nonzero(finite))
    if n_missing:
        bounds = np.concatenate(([0], np.cumsum(finite)))[bounds]
        times = times[finite]
    down = times[1:] < times[:-1]
    first = bounds[1:-1]
    down[first[(first > 0) & (first < len(times))] - 1] = False  # from one unit to the next
    units = np.unique(np.searchsorted(bounds, np.flatnonzero(down), side="right") - 1)
    if len(units):
        times = times.copy()
        for unit in units.tolist():
            times[bounds[unit] : bounds[unit + 1]].sort()
    return times, bounds, units, n_missing


def _flat_spike_times(session: Session) -> tuple[np.ndarray, np.ndarray]:
    table = session.units_table
    rows, place = table.n_rows, f"{table.path}/spike_times"
    dataset = table.dataset("spike_times")
    if dataset is None:
        msg = (
            f"{table.path} has no spike_times; its columns are {', '.join(table.columns)}; where a "
            "file has counts only, name its BinnedAlignedSpikes as units in the layout"
        )
        raise TableError(msg)
    column: Column = table.read("spike_times")
    if column.values.ndim != 1:
        msg = f"{place} must be one row of numbers with an index; write the file again"
        raise TableError(msg)
    if column.bounds is None and rows != 1:
        msg = (
            f"{table.path} has {rows} units and no spike_times_index that says which spikes are "
            "whose; write the file again"
        )
        raise TableError(msg)
    times = column.values
    bounds = np.array([0, len(times)]) if column.bounds is None else column.bounds
    if times.dtype.kind not in "iuf":
        msg = f"{place} must hold numbers, in seconds; got {times.dtype}; write the file again"
        raise TableError(msg)
    if len(bounds) - 1 != rows:
        msg = (
            f"{place}_index has {len(bounds) - 1} rows where the table has {rows} units; the table "
            "is damaged; write it again"
        )
        raise TableError(msg)
    return times, bounds


def _in_order(starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the edges of windows in order, and where in them each start and each stop stands."""
    edges = np.concatenate((starts, stops))
    order = np.argsort(edges, kind="stable")
    at = np.empty(len(order), dtype=np.int64)
    at[order] = np.arange(len(order))
    return edges[order], at[: len(starts)], at[len(starts) :]


def _n_before(spikes: np.ndarray, edges: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Return how many spikes come before each edge; both in order and none negative.

    ``np.searchsorted(spikes, edges)``, in one sweep along both: a stable sort of two runs in order
    is a merge. The bits of floats from 0 up, read as integers, are in the floats' order, and leave
    one bit free to tell a spike from an edge; an edge comes before a spike at the same moment.
    """
    n_edges = len(edges)
    merged = room[: n_edges + len(spikes)]  # memory that is new each time is slower to write
    np.left_shift(edges.view(np.uint64), ONE, out=merged[:n_edges])
    np.left_shift(spikes.view(np.uint64), ONE, out=merged[n_edges:])
    merged[n_edges:] |= ONE
    merged.sort(kind="stable")
    return np.flatnonzero(merged.astype(np.uint8) & 1 == 0) - np.arange(n_edges)
