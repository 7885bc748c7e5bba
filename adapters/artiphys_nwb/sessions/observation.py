"""When units were observed: outside, a count is not zero but unknown.

A window counts as observed where it lies within one of the unit's ``obs_intervals`` and meets none
of the recording's ``invalid_times``.
"""

import numpy as np

from artiphys_nwb.errors import TableError
from artiphys_nwb.sessions.session import Session

__all__ = ["Observation", "meets_any", "within_any"]

INVALID_TIMES = "/intervals/invalid_times"


class Observation:
    """The intervals (interval, 2) in which each unit was observed, and the recording invalid.

    Raises
    ------
    TableError
        If they are not pairs of times, or do not fit the units.
    """

    def __init__(self, session: Session, rows: np.ndarray, *, of_units: bool = True) -> None:
        self.n_units = len(rows)
        self.of_units = _observed_intervals(session, rows) if of_units else None
        self.invalid = _invalid_intervals(session)

    def of(self, starts: np.ndarray, stops: np.ndarray) -> np.ndarray | None:
        """Return which windows (unit, window) were observed; None where nothing is said of it."""
        if self.of_units is None and len(self.invalid) == 0:
            return None
        shape = (self.n_units, starts.shape[-1])
        starts, stops = np.broadcast_to(starts, shape), np.broadcast_to(stops, shape)
        mask = ~meets_any(self.invalid, starts, stops)
        for unit, intervals in enumerate(self.of_units or []):
            mask[unit] &= within_any(intervals, starts[unit], stops[unit])
        return mask


def within_any(intervals: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Return which windows lie wholly within one of the intervals, which are merged and in order.

    Examples
    --------
    >>> import numpy as np
    >>> intervals = np.array([[0.0, 1.0], [2.0, 3.0]])
    >>> within_any(intervals, np.array([0.5, 0.9, 2.0]), np.array([1.0, 1.1, 3.0])).tolist()
    [True, False, True]
    """
    if len(intervals) == 0:
        return np.zeros(starts.shape, dtype=bool)
    at = np.searchsorted(intervals[:, 0], starts, side="right") - 1
    return np.asarray((at >= 0) & (stops <= intervals[np.maximum(at, 0), 1]))


def meets_any(intervals: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Return which windows share a moment with one of the intervals.

    Examples
    --------
    >>> import numpy as np
    >>> intervals = np.array([[1.0, 2.0]])
    >>> meets_any(intervals, np.array([0.5, 0.9, 2.0]), np.array([1.0, 1.1, 3.0])).tolist()
    [False, True, False]
    """
    if len(intervals) == 0:
        return np.zeros(starts.shape, dtype=bool)
    before = np.searchsorted(intervals[:, 0], stops, side="left")
    return np.asarray((before > 0) & (intervals[np.maximum(before - 1, 0), 1] > starts))


def _observed_intervals(session: Session, rows: np.ndarray) -> list[np.ndarray] | None:
    table = session.units_table
    if table.dataset("obs_intervals") is None:
        return None
    place, n_units = f"{table.path}/obs_intervals", table.n_rows
    column = table.read("obs_intervals")
    values = column.values
    if values.size and values.shape[1:] != (2,):
        msg = f"{place} must hold pairs of a start and a stop; write the file again"
        raise TableError(msg)
    if column.bounds is None and len(values) != n_units:
        msg = f"{place} has no index that says which intervals are whose; write the file again"
        raise TableError(msg)
    bounds = np.arange(len(values) + 1) if column.bounds is None else column.bounds
    if len(bounds) - 1 != n_units:
        msg = f"{place}_index has {len(bounds) - 1} rows for {n_units} units; it is damaged"
        raise TableError(msg)
    values = values.reshape(-1, 2).astype(np.float64) * (session.layout.spike_scale or 1.0)
    return [_merged(values[bounds[row] : bounds[row + 1]], place) for row in rows.tolist()]


def _invalid_intervals(session: Session) -> np.ndarray:
    table = session.table_at(INVALID_TIMES)
    if table is None or table.n_rows == 0:
        return np.empty((0, 2))
    columns = [table.read_plain(column) for column in ("start_time", "stop_time")]
    values = np.stack(columns, axis=1).astype(np.float64) * (session.layout.spike_scale or 1.0)
    return _merged(values, table.path)


def _merged(intervals: np.ndarray, place: str) -> np.ndarray:
    """Intervals in order; those that meet or overlap are one."""
    if np.isnan(intervals).any() or (intervals[:, 1] < intervals[:, 0]).any():
        msg = f"{place}: an interval must stop after it starts, and neither be NaN; mend the file"
        raise TableError(msg)
    merged: list[list[float]] = []
    for start, stop in sorted(intervals.tolist()):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], stop)
        else:
            merged.append([start, stop])
    return np.array(merged).reshape(-1, 2)
