"""When units were observed: outside, a count is not zero but unknown.

A window counts as observed where it lies within one of the unit's ``obs_intervals`` and meets none
of the recording's ``invalid_times``.
"""

import h5py
import numpy as np

from artiphys_nwb.errors import TableError
from artiphys_nwb.files.tables import (
    Column,
    Table,
    find,
    n_rows,
    read_bounds,
    read_dataset,
    read_plain,
)

__all__ = ["invalid_intervals", "meets_any", "observed_intervals", "within_any"]

INVALID_TIMES = "/intervals/invalid_times"


def observed_intervals(table: Table, rows: np.ndarray) -> list[np.ndarray] | None:
    """Return the observed intervals (interval, 2) of the units in `rows`; None if nothing is said.

    Raises
    ------
    TableError
        If they are not pairs of times, or do not fit the units.
    """
    dataset = find(table.group, table.file, "obs_intervals")
    if dataset is None:
        return None
    place = f"{table.place}/obs_intervals"
    values = read_dataset(dataset, place) if isinstance(dataset, h5py.Dataset) else None
    if values is None or isinstance(values, Column) or values.shape[1:] not in ((2,), (0,)):
        if values is None or isinstance(values, Column) or values.size:
            msg = f"{place} must hold pairs of a start and a stop; write the file again"
            raise TableError(msg)
        values = np.empty((0, 2))
    if find(table.group, table.file, "obs_intervals_index") is not None:
        bounds = read_bounds(table, "obs_intervals", len(values))
    elif len(values) == n_rows(table):
        bounds = np.arange(len(values) + 1)
    else:
        msg = f"{place} has no index that says which intervals are whose; write the file again"
        raise TableError(msg)
    if len(bounds) - 1 != n_rows(table):
        msg = f"{place}_index has {len(bounds) - 1} rows for {n_rows(table)} units; it is damaged"
        raise TableError(msg)
    values = values.reshape(-1, 2).astype(np.float64)
    return [_merged(values[bounds[row] : bounds[row + 1]], place) for row in rows.tolist()]


def invalid_intervals(file: h5py.File, name: str) -> np.ndarray:
    """Return the intervals (interval, 2) in which the recording is invalid; maybe none."""
    group = find(file, name, INVALID_TIMES)
    if not isinstance(group, h5py.Group):
        return np.empty((0, 2))
    table = Table(name, INVALID_TIMES, group)
    rows = n_rows(table)
    if rows == 0:
        return np.empty((0, 2))
    columns = [read_plain(table, column, rows) for column in ("start_time", "stop_time")]
    return _merged(np.stack(columns, axis=1).astype(np.float64), table.place)


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
