"""When a unit begins to answer: where its answers become reproducible from one half to the other.

A window that starts before a unit's latency counts spikes that say nothing of the image, and one
that starts after it misses some that do. The latency must not be found on the trials that are then
analysed, or the window would be fitted to their noise.
"""

from typing import NamedTuple

import numpy as np

from artiphys_nwb.account import Account
from artiphys_nwb.counting import count_spikes
from artiphys_nwb.errors import TableError, UnitsDoubtful

__all__ = ["WIDTH", "Latencies", "latencies", "trials_for_latency"]

WIDTH = 0.2  # seconds of the window that begins at the latency, as in the default window
BIN = 0.01
SLIDING = 5  # bins: reliability is measured in windows of 50 ms
LATEST = 0.25
FALLBACK = 0.05
# Reliability counts where it exceeds so many of the standard errors that it has when it is 0.
STANDARD_ERRORS = 3.0


class Latencies(NamedTuple):
    """Latency in seconds and peak split-half reliability of each unit."""

    latency: np.ndarray
    reliability: np.ndarray


def trials_for_latency(cell: np.ndarray, repeat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which presentations find the latency, and the half (0 or 1) that each of them is in.

    Of n repeats of a cell, every other one, but two of three; none of fewer, since two halves need
    two and one must be left to be returned.
    """
    repeats = np.bincount(cell)[cell]
    chosen = (repeat % 2 == 1) & (repeats > 3) | (repeat < 2) & (repeats == 3)
    half = np.where(repeats == 3, repeat, repeat // 2) % 2
    return chosen, half


def latencies(
    times: np.ndarray,
    bounds: np.ndarray,
    onset: np.ndarray,
    cell: np.ndarray,
    half: np.ndarray,
    observed: np.ndarray | None,
    place: str,
    account: Account,
) -> Latencies:
    r"""Return the latency of each unit from the split-half reliability of its responses.

    For a sliding window of 50 ms around each moment t, the mean counts of two halves of the
    repeats are correlated across cells (image × position):

    .. math:: R(t) = \frac{2 r(t)}{1 + r(t)}, \quad r(t) = \mathrm{corr}(A_t, B_t)

    The latency is where R last rises through half of its peak before the peak. Units whose peak is
    not clear of chance (r < 3/√cells) get the median latency of the others, and a warning says so.

    Parameters
    ----------
    times, bounds : ndarray
        Spikes as in :func:`artiphys_nwb.counting.count_spikes`.
    onset, cell, half : ndarray, (presentation)
        Of the presentations set aside for this.
    observed : ndarray of bool, (unit, presentation), optional
    place : str
        How messages begin.
    account : Account

    Raises
    ------
    TableError
        If fewer than three cells have both halves.

    Notes
    -----
    Spearman-Brown: Brown 1910, doi:10.1111/j.2044-8295.1910.tb00207.x.
    """
    cells = np.intersect1d(cell[half == 0], cell[half == 1])
    if len(cells) < 3:
        msg = (
            f"{place}: window='auto' needs three images or positions shown three times or more; "
            f"{len(cells)} are; give a window, e.g. (0.05, 0.25)"
        )
        raise TableError(msg)
    first = -SLIDING * BIN / 2
    n_bins = SLIDING + round(LATEST / BIN)
    counts = np.stack(
        [
            count_spikes(times, bounds, onset + first + i * BIN, onset + first + (i + 1) * BIN)
            for i in range(n_bins)
        ]
    ).astype(np.float64)
    sliding = np.stack([counts[i : i + SLIDING].sum(0) for i in range(n_bins - SLIDING + 1)])
    if observed is not None:
        sliding[:, ~observed] = np.nan
    means = [_cell_means(sliding, cell, half == which, cells) for which in (0, 1)]
    correlation = _correlation(*means)  # (moment, unit)
    moments = np.arange(len(sliding)) * BIN
    found = [_rise(moments, correlation[:, unit], len(cells)) for unit in range(len(bounds) - 1)]
    latency = np.array(found)
    n_unclear = int(np.isnan(latency).sum())
    if n_unclear:
        instead = float(np.nanmedian(latency)) if n_unclear < len(latency) else FALLBACK
        latency[np.isnan(latency)] = instead
        account.doubt(
            UnitsDoubtful,
            f"{place}: {n_unclear} of {len(latency)} units do not answer reliably enough to show a "
            f"latency; {instead * 1000:.0f} ms is taken, "
            + ("the median of the others" if n_unclear < len(found) else "since no unit does"),
        )
    peak = np.nanmax(np.where(np.isnan(correlation), -1.0, correlation), axis=0)
    return Latencies(latency, 2 * peak / (1 + np.maximum(peak, -0.999)))


def _cell_means(
    counts: np.ndarray, cell: np.ndarray, rows: np.ndarray, cells: np.ndarray
) -> np.ndarray:
    """Means over the rows of each cell: (moment, unit, row) to (moment, unit, cell)."""
    member = (cell[rows][:, None] == cells).astype(np.float64)
    taken = counts[:, :, rows]
    known = ~np.isnan(taken)
    with np.errstate(invalid="ignore"):
        return np.asarray((np.where(known, taken, 0.0) @ member) / (known @ member))


def _correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    known = ~np.isnan(one) & ~np.isnan(other)
    n = known.sum(-1, keepdims=True)
    one, other = np.where(known, one, 0.0), np.where(known, other, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        one = np.where(known, one - one.sum(-1, keepdims=True) / n, 0.0)
        other = np.where(known, other - other.sum(-1, keepdims=True) / n, 0.0)
        return np.asarray((one * other).sum(-1) / np.sqrt((one**2).sum(-1) * (other**2).sum(-1)))


def _rise(moments: np.ndarray, correlation: np.ndarray, n_cells: int) -> float:
    """Return the moment at which the correlation last rises through half its peak, or NaN."""
    if np.isnan(correlation).all():
        return np.nan
    known = np.nan_to_num(correlation, nan=0.0)
    peak = int(np.argmax(known))
    half = known[peak] / 2
    if known[peak] < STANDARD_ERRORS / np.sqrt(n_cells):
        return np.nan
    below = np.flatnonzero(known[:peak] < half)
    if len(below) == 0:
        return float(moments[0])
    at = int(below[-1])
    share = (half - known[at]) / (known[at + 1] - known[at])
    return float(moments[at] + share * (moments[at + 1] - moments[at]))
