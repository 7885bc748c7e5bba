"""Counts of spikes in half-open windows [start, stop), which may overlap and need no order.

Two binary searches a window and unit: a spike at `start` counts, one at `stop` does not, so that a
spike on the edge of two windows that meet is in one of them.
"""

import numpy as np

__all__ = ["count_spikes", "mended"]


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
    starts, stops = np.broadcast_to(starts, shape), np.broadcast_to(stops, shape)
    counts = np.empty(shape, dtype=np.int64)
    for unit in range(n_units):
        spikes = times[bounds[unit] : bounds[unit + 1]]
        np.subtract(
            np.searchsorted(spikes, stops[unit], side="left"),
            np.searchsorted(spikes, starts[unit], side="left"),
            out=counts[unit],
        )
    return counts


def mended(times: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return spike times in order within each unit, which units were not, and the number of NaN.

    A NaN goes to the end of its unit, where no window finds it.
    """
    n_missing = int(np.isnan(times).sum())
    down = times[1:] < times[:-1]
    at_start = bounds[1:-1]
    down[at_start[(at_start > 0) & (at_start < len(times))] - 1] = False
    behind = np.flatnonzero(down) if not n_missing else np.flatnonzero(down | np.isnan(times[:-1]))
    units = np.unique(np.searchsorted(bounds, behind, side="right") - 1)
    if len(units) == 0:
        return times, units, n_missing
    times = times.copy()
    unordered = []
    for unit in units.tolist():
        part = slice(int(bounds[unit]), int(bounds[unit + 1]))
        spikes = times[part]
        known = spikes[~np.isnan(spikes)]
        if (np.diff(known) < 0).any():
            unordered.append(unit)
        times[part] = np.sort(spikes)
    return times, np.array(unordered, dtype=np.int64), n_missing
