"""Counts of spikes in half-open windows [start, stop), which may overlap and need no order.

A count is the number of spikes before `stop` less the number before `start`: a spike at `start`
counts, one at `stop` does not, so that a spike on the edge of two windows that meet is in one of
them.
"""

import numpy as np

__all__ = ["count_spikes", "mended"]

MANY = 8  # spikes an edge, from where a search is faster than a sweep


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
    times, starts, stops = _as_integers(times, starts, stops)
    counts = np.empty(shape, dtype=np.int64)
    for unit in range(n_units):
        if unit == 0 or not alike:
            edges, at_start, at_stop = _in_order(starts[unit], stops[unit])
        before = _n_before(times[bounds[unit] : bounds[unit + 1]], edges)
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


def _as_integers(*times: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return times as the integers that their bits spell, if none is negative.

    Floats from 0 up are in the order of these integers, which are faster to compare.
    """
    integers = [np.asarray(array, dtype=np.float64).view(np.int64) for array in times]
    some_negative = any(array.min(initial=0) < 0 for array in integers)
    return times if some_negative else tuple(integers)


def _in_order(starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the edges of windows in order, and where in them each start and each stop stands."""
    edges = np.concatenate((starts, stops))
    order = np.argsort(edges, kind="stable")
    at = np.empty(len(order), dtype=np.int64)
    at[order] = np.arange(len(order))
    return edges[order], at[: len(starts)], at[len(starts) :]


def _n_before(spikes: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return how many spikes come before each edge, both in order.

    A stable sort of the two runs is one sweep along both, an edge before a spike at the same
    moment; where edges are few among the spikes, a binary search for each is faster.
    """
    if len(spikes) > MANY * len(edges):
        return np.searchsorted(spikes, edges, side="left")
    order = np.argsort(np.concatenate((edges, spikes)), kind="stable")
    return np.flatnonzero(order < len(edges)) - np.arange(len(edges))
