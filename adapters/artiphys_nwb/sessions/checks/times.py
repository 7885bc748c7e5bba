"""Times of spikes and onsets: kept exactly enough, in order, each the spike of a unit."""

import numpy as np

from artiphys_nwb.errors import ClockError, DoubtfulSpikes, PresentationsDoubtful, TableError
from artiphys_nwb.sessions.session import Session

__all__ = [
    "check_index_of_ends",
    "check_onset_precision",
    "check_precision",
    "check_spikes_finite",
    "check_spikes_in_order",
    "check_spikes_not_twice",
    "check_spikes_not_whole",
    "check_spikes_of_units",
    "check_spikes_on_clock",
]

# Seconds between neighbouring floats of few bits, from where counts go wrong: beyond 4096 s.
COARSE = 0.0004
ENOUGH_SPIKES = 20
# Samples a second of amplifiers; half as many, a third and so on, and milliseconds, are on them.
RATES = (30000, 50000, 48828.125, 40000, 32000)
MANY_SPIKES = 500  # by which a clock is known, if nearly all are on its ticks
ON_TICK, FEW_OFF = 0.999, 1e-3
OFF_TICK = 0.05  # of a tick
MOST_TWICE = 0.25  # of spikes; times in milliseconds, of many neurons at once, come twice as well


def check_precision(session: Session, times: np.ndarray) -> None:
    """Doubt spike times that are kept in too few bits."""
    if _coarse(times):
        session.doubt(
            DoubtfulSpikes,
            f"{session.units_table.path}/spike_times are {8 * times.dtype.itemsize}-bit floats up "
            f"to {np.nanmax(np.abs(times)):g}, where they are more than half a millisecond apart; "
            "counts may be off at the edges of windows",
        )


def check_onset_precision(session: Session, onset: np.ndarray) -> None:
    """Doubt onsets that are kept in too few bits."""
    if _coarse(onset):
        session.doubt(
            PresentationsDoubtful,
            f"{session.shown_table.path}/{session.layout.onset} holds {8 * onset.dtype.itemsize}-"
            f"bit floats up to {np.nanmax(np.abs(onset)):g}, where they are more than half a "
            "millisecond apart; counts may be off at the edges of windows; write them in 64 bits",
        )


def _coarse(times: np.ndarray) -> bool:
    """Return whether neighbouring floats of few bits are further apart than spikes allow."""
    if times.dtype.kind != "f" or times.dtype.itemsize >= 8 or times.size == 0:
        return False
    known = times[np.isfinite(times)]
    return known.size > 0 and float(np.spacing(np.abs(known).max())) > COARSE


def check_spikes_of_units(session: Session, n_times: int, n_owned: int) -> None:
    """Drop and doubt spike times beyond the index."""
    if n_times > n_owned:
        session.drop("spike", "belongs to no unit", n_times - n_owned)
        session.doubt(
            DoubtfulSpikes,
            f"{session.units_table.path}: {n_times - n_owned} of {n_times} spike times lie beyond "
            "the index and belong to no unit; they are left out",
        )


def check_index_of_ends(session: Session, times: np.ndarray, bounds: np.ndarray) -> None:
    """Raise a TableError if each unit begins with the last spike of the one before.

    The index names then the last spike of a unit, not the one after it, and one is left over.
    """
    begins = bounds[1:-1][np.diff(bounds)[1:] > 1]
    if len(times) - int(bounds[-1]) != 1 or len(begins) == 0:
        return
    late = times[begins] > times[begins + 1]
    if late.mean() > 0.5:
        msg = (
            f"{session.units_table.path}/spike_times_index names the last spike of each unit: "
            f"{int(late.sum())} of {len(late)} units begin with a spike of the one before; it must "
            "name the one after the last; write it again"
        )
        raise TableError(msg)


def check_spikes_in_order(session: Session, n_unordered: int) -> None:
    """Doubt spike times that had to be sorted."""
    if n_unordered:
        session.doubt(
            DoubtfulSpikes,
            f"{session.units_table.path}: the spike times of {n_unordered} of "
            f"{session.units_table.n_rows} units were out of order; they were sorted before "
            "counting",
        )


def check_spikes_finite(session: Session, n_missing: int) -> None:
    """Drop and doubt spike times that are no number."""
    if n_missing:
        session.drop("spike", "time is NaN or infinite", n_missing)
        session.doubt(
            DoubtfulSpikes,
            f"{session.units_table.path}: {n_missing} spike times are NaN or infinite; they are "
            "not counted",
        )


def check_spikes_not_twice(session: Session, times: np.ndarray) -> None:
    """Doubt spike times of which many are there twice: no neuron fires twice in a moment."""
    n_again = int(np.count_nonzero(times[1:] == times[:-1]))
    if n_again > MOST_TWICE * len(times):
        session.doubt(
            DoubtfulSpikes,
            f"{session.units_table.path}: {n_again} of {len(times)} spikes come at the very moment "
            "of the one before, and both are counted; see that spikes were not written twice",
        )


def check_spikes_not_whole(session: Session, times: np.ndarray) -> None:
    """Raise a ClockError if all spike times are whole numbers: no clock in seconds is so coarse."""
    few, given = len(times) < ENOUGH_SPIKES, session.layout.spike_scale is not None
    if few or given or not (times[:ENOUGH_SPIKES] == np.floor(times[:ENOUGH_SPIKES])).all():
        return
    if (times == np.floor(times)).all():
        msg = (
            f"{session.units_table.path}: all {len(times)} spike times are whole numbers: samples "
            "or milliseconds; bring both to seconds on one clock, e.g. by spike_scale = 0.001 for "
            "milliseconds in the layout"
        )
        raise ClockError(msg)


def check_spikes_on_clock(session: Session, times: np.ndarray) -> None:
    """Doubt a few spike times that are between the samples on which all the others are.

    A bit that has changed moves a spike by a power of two, which is no number of samples.
    """
    rate, phase = _clock(times)
    if not rate:
        return
    ticks = times * rate
    ticks -= phase
    ticks -= np.rint(ticks)
    off = int(np.count_nonzero(np.abs(ticks) > OFF_TICK))
    if 0 < off <= max(1, FEW_OFF * len(times)):
        session.doubt(
            DoubtfulSpikes,
            f"{session.units_table.path}: {off} of {len(times)} spike times are not on the samples "
            f"of {rate:g} Hz that all the others are on; the file is damaged; fetch it again",
        )


def _clock(times: np.ndarray) -> tuple[float, float]:
    """Return the sampling rate of spike times, and the part of a sample they are off; 0 if none."""
    some = times[:: max(1, len(times) // MANY_SPIKES)]
    if len(some) < MANY_SPIKES or times.dtype.itemsize < 8 or not np.isfinite(some).all():
        return 0.0, 0.0
    for rate in RATES:
        mean = np.exp(2j * np.pi * (some * rate % 1.0)).mean()
        if abs(mean) > ON_TICK - 2 / len(some):  # which one spike off can make of 1
            return float(rate), float(np.angle(mean) / (2 * np.pi))
    return 0.0, 0.0
