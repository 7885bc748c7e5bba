"""When a unit begins to answer: where its answers become reproducible from one half to the other.

A window that starts before a unit's latency counts spikes that say nothing of the image, and one
that starts after it misses some that do. The latency must not be found on the trials that are then
analysed, or the window would be fitted to their noise.
"""

from typing import NamedTuple

import numpy as np

from artiphys_nwb.errors import TableError, UnitsDoubtful
from artiphys_nwb.sessions.observation import Observation
from artiphys_nwb.sessions.session import Session
from artiphys_nwb.sessions.spikes import Spikes

__all__ = ["WIDTH", "Latencies", "latencies", "trials_for_latency"]

WIDTH = 0.2  # seconds of the window that begins at the latency, as in the default window
BIN = 0.005
EDGES = np.arange(71) * BIN  # 0 to 350 ms
WHOLE = slice(10, 50)  # bins of the default window, 50 to 250 ms
EARLIEST, LATEST = 0.02, 0.2
SHORTEST = 6  # bins, 30 ms: a response shorter than this is noise
FALLBACK = 0.05
# Reliability counts where it exceeds so many of the standard errors that it has when it is 0.
STANDARD_ERRORS = 3.0


class Latencies(NamedTuple):
    """Latency in seconds, and split-half reliability from 50 to 250 ms, of each unit.

    `found` says which units show a latency of their own.
    """

    latency: np.ndarray
    reliability: np.ndarray
    found: np.ndarray


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
    session: Session,
    spikes: Spikes,
    observation: Observation,
    onset: np.ndarray,
    cell: np.ndarray,
    half: np.ndarray,
) -> Latencies:
    r"""Return the latency of each unit from the split-half reliability of its responses.

    With :math:`A_c(t), B_c(t)` the mean counts of two halves of the repeats of cell c (image ×
    position) in bins of 5 ms, and :math:`\bar A_c, \bar B_c` those from 50 to 250 ms, what is
    reproducible at t is

    .. math:: C(t) = \mathrm{cov}_c(A_c(t), \bar B_c) + \mathrm{cov}_c(B_c(t), \bar A_c)

    which is 0 on average before the response. The latency is the start of the stretch
    :math:`[t_0, t_1)` that fits it best, the one with the largest
    :math:`\sum C(t) / \sqrt{t_1 - t_0}`; :math:`t_0` from 20 to 200 ms. Units whose
    :math:`\mathrm{corr}(\bar A, \bar B)` is not clear of chance (below 3/√cells) get the median
    latency of the others, or what the request says where there are none, and a warning says so.

    Parameters
    ----------
    session : Session
    spikes : Spikes
    observation : Observation
    onset, cell, half : ndarray, (presentation)
        Of the presentations set aside for this.

    Returns
    -------
    Latencies
        Latency (to 5 ms) and reliability :math:`2r / (1 + r)`.

    Raises
    ------
    TableError
        If fewer than three cells have both halves.

    References
    ----------
    Spearman-Brown: Brown 1910, doi:10.1111/j.2044-8295.1910.tb00207.x.
    """
    cells = np.intersect1d(cell[half == 0], cell[half == 1])
    if len(cells) < 3:
        msg = (
            "window='auto' needs three images or positions shown three times or more; "
            f"{len(cells)} are; give a window, e.g. (0.05, 0.25)"
        )
        raise TableError(msg)
    counts = np.stack(
        [spikes.counts(onset + edge, onset + edge + BIN) for edge in EDGES[:-1]]
    ).astype(np.float64)
    observed = observation.of(onset, onset + EDGES[-1])
    if observed is not None:
        counts[:, ~observed] = np.nan
    one, other = (_deviations(counts, cell, half == which, cells) for which in (0, 1))
    whole_one, whole_other = one[WHOLE].sum(0), other[WHOLE].sum(0)
    reproducible = (one * whole_other).sum(-1) + (other * whole_one).sum(-1)  # (bin, unit)
    scale = np.sqrt((whole_one**2).sum(-1) * (whole_other**2).sum(-1))
    r = (whole_one * whole_other).sum(-1) / np.where(scale > 0, scale, np.inf)
    clear = r > STANDARD_ERRORS / np.sqrt(len(cells))
    latency = np.array([_start(reproducible[:, unit]) for unit in range(len(clear))])
    if not clear.all():
        of_others = session.request.latency
        instead = FALLBACK if of_others is None else of_others
        whose = "since no unit does" if of_others is None else "the median of the other sessions"
        if clear.any():
            instead, whose = float(np.median(latency[clear])), "the median of the others"
        latency[~clear] = instead
        session.doubt(
            UnitsDoubtful,
            f"{int((~clear).sum())} of {len(clear)} units do not answer reliably enough to show a "
            f"latency; {instead * 1000:.0f} ms is taken, {whose}",
        )
    return Latencies(latency, 2 * r / np.maximum(1 + r, np.finfo(float).tiny), clear)


def _deviations(
    counts: np.ndarray, cell: np.ndarray, rows: np.ndarray, cells: np.ndarray
) -> np.ndarray:
    """Return cells' means, from (bin, unit, row) to (bin, unit, cell), less the mean of all cells.

    A cell in which the unit was not observed is 0, and so counts for nothing.
    """
    member = (cell[rows][:, None] == cells).astype(np.float64)
    taken = counts[:, :, rows]
    known = ~np.isnan(taken)
    n = known @ member
    means = (np.where(known, taken, 0.0) @ member) / np.maximum(n, 1)
    n_cells = np.maximum((n > 0).sum(-1, keepdims=True), 1)
    return np.asarray(np.where(n > 0, means - means.sum(-1, keepdims=True) / n_cells, 0.0))


def _start(reproducible: np.ndarray) -> float:
    """Return the start of the stretch of bins whose mean stands out most, for its length."""
    total = np.concatenate(([0.0], np.cumsum(reproducible)))
    first, last = np.meshgrid(np.arange(len(total)), np.arange(len(total)), indexing="ij")
    possible = last - first >= SHORTEST
    possible &= (EDGES[first] >= EARLIEST - BIN / 2) & (EDGES[first] <= LATEST + BIN / 2)
    score = (total[last] - total[first]) / np.sqrt(np.maximum(last - first, 1))
    best = int(np.argmax(np.where(possible, score, -np.inf)))
    return float(EDGES[best // len(total)])
