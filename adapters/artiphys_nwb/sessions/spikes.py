"""Counts of spikes in half-open windows [start, stop), which may overlap and need no order.

A count is the number of spikes before `stop` less the number before `start`: a spike at `start`
counts, one at `stop` does not, so that a spike on the edge of two windows that meet is in one of
them.
"""

import numpy as np

__all__ = ["count_spikes", "mended"]

MANY = 8  # spikes an edge, from where a search is faster than a sweep
ONE = np.uint64(1)


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
