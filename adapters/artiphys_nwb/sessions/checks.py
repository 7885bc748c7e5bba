"""Whether spikes and presentations lie on one clock: seconds, from the same zero.

Counts on two clocks are all but zero and look like a silent population. What is tested is what no
recording shows: spikes that all miss the presentations, or spread over a span of another unit.
"""

import numpy as np

from artiphys_nwb.errors import ClockError, DoubtfulSpikes
from artiphys_nwb.sessions.account import Account
from artiphys_nwb.sessions.units import Spikes

__all__ = ["check_clock"]

ENOUGH_SPIKES = 5
# A stretch without a spike is doubtful where at least so many were expected by the mean rate.
EXPECTED_SPIKES = 20
# Slower than any sorted neuron, and spread wider than any session: the times have another unit.
SLOWEST_RATE = 0.05
WIDEST_SPAN = 50.0
# The last spike over the end of the presentations, in milliseconds, samples, and microseconds, for
# which a rate that many neurons have is suspect too.
OTHER_UNITS = ((700.0, 1600.0), (15e3, 70e3), (7e5, 1.6e6))
SUSPECT_RATE = 1.0


def check_clock(
    spikes: Spikes, starts: np.ndarray, stops: np.ndarray, place: str, account: Account
) -> None:
    """Raise or note a doubt if the spikes cannot be on the clock of the windows.

    Raises
    ------
    ClockError
        If most presentations lie where no unit has a spike, or the spikes spread over a span so
        wide and at a rate so low that they must be in milliseconds or samples.
    """
    if len(starts) == 0:
        return
    times, bounds = spikes.times, spikes.bounds
    if len(times) == 0:
        account.doubt(DoubtfulSpikes, f"{place}: no unit has a spike; all counts are 0")
        return
    some = np.flatnonzero(np.diff(bounds))
    first, last = float(times[bounds[some]].min()), float(times[bounds[some + 1] - 1].max())
    begin, end = float(starts.min()), float(stops.max())
    outside = int(((stops <= first) | (starts > last)).sum())
    n_rows, n_units = len(starts), len(bounds) - 1
    where = (
        f"spikes run from {first:.6g} to {last:.6g}, presentations from {begin:.6g} to {end:.6g}"
    )
    remedy = "bring both to seconds on one clock, or map another onset column"
    if len(times) >= ENOUGH_SPIKES and outside > n_rows / 2:
        msg = (
            f"{place}: {outside} of {n_rows} presentations lie where no unit has a spike: {where}; "
        )
        raise ClockError(msg + remedy)
    rate = len(times) / (last - first) / n_units if last > first else np.inf
    too_wide = last - first > WIDEST_SPAN * (end - begin) and rate < SLOWEST_RATE
    in_other_units = rate < SUSPECT_RATE and any(
        low * end < last < high * end for low, high in OTHER_UNITS if end > 0
    )
    if len(times) >= ENOUGH_SPIKES and (too_wide or in_other_units):
        within = int(((times >= begin) & (times < end)).sum())
        msg = (
            f"{place}: only {within} of {len(times)} spikes fall between the presentations: "
            f"{where}; are the spikes in milliseconds or samples? {remedy}"
        )
        raise ClockError(msg)
    silent = max(first - begin, 0.0) + max(end - last, 0.0)
    if outside and silent * rate * n_units > EXPECTED_SPIKES:
        account.doubt(
            DoubtfulSpikes,
            f"{place}: {outside} of {n_rows} presentations lie before the first or after the last "
            "spike of all units and count as 0; if the recording did not cover them, leave them "
            "out by trials_where",
        )
