"""One clock in seconds for spikes and presentations, by what no recording shows.

Spikes that all miss the presentations, or spread over a span of another unit. Counts on two clocks
are all but zero and look like a silent population.
"""

from typing import NamedTuple

import numpy as np

from artiphys_nwb.errors import ClockError, DoubtfulSpikes
from artiphys_nwb.sessions.session import Session

__all__ = [
    "Spans",
    "check_both_in_seconds",
    "check_recorded_throughout",
    "check_seconds",
    "check_some_spikes",
    "check_spread",
    "check_within_spikes",
    "require_one_clock",
]

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
# No session is so slow and its units so silent, both at once (seconds from one presentation to the
# next, spikes/s); nor does a session last so long.
TOO_SLOW = ((45.0, 0.5), (10.0, 0.1))
LONGEST_SESSION = 30 * 86400.0
# Presentations so many and dense in so few seconds of a recording so much longer are of one trial.
MANY_SHOWN, SHORT_SPAN, DENSE, MUCH_LONGER = 20, 3.0, 50.0, 20.0
REMEDY = (
    "bring both to seconds on one clock, by scale and spike_scale in the layout, or map another "
    "onset column"
)


class Spans(NamedTuple):
    """When spikes and presentations were: what their clocks are known by."""

    n_spikes: int
    first: float  # spike
    last: float
    rate: float  # of a unit, on average, in spikes/s
    n_units: int
    begin: float  # of the presentations
    end: float
    n_outside: int  # presentations before the first or after the last spike
    n_shown: int
    gap: float  # between one presentation and the next, in the middle

    @classmethod
    def of(
        cls, times: np.ndarray, bounds: np.ndarray, starts: np.ndarray, stops: np.ndarray
    ) -> "Spans":
        """Return the spans of spikes, of which there is at least one, and windows."""
        some = np.flatnonzero(np.diff(bounds))
        first, last = float(times[bounds[some]].min()), float(times[bounds[some + 1] - 1].max())
        n_units = len(bounds) - 1
        return cls(
            n_spikes=len(times),
            first=first,
            last=last,
            rate=len(times) / (last - first) / n_units if last > first else np.inf,
            n_units=n_units,
            begin=float(starts.min()),
            end=float(stops.max()),
            n_outside=int(((stops <= first) | (starts > last)).sum()),
            n_shown=len(starts),
            gap=float(np.median(np.diff(np.unique(starts)))) if np.ptp(starts) > 0 else 0.0,
        )

    def __str__(self) -> str:
        return (
            f"spikes run from {self.first:.6g} to {self.last:.6g}, presentations from "
            f"{self.begin:.6g} to {self.end:.6g}"
        )


def require_one_clock(
    session: Session, times: np.ndarray, bounds: np.ndarray, starts: np.ndarray, stops: np.ndarray
) -> None:
    """Raise or doubt unless spikes and windows are on one clock, in seconds.

    Parameters
    ----------
    session : Session
    times, bounds : ndarray
        Spike times; unit i has ``times[bounds[i]:bounds[i + 1]]``.
    starts, stops : ndarray, (presentation)
        Windows in which some unit was observed: silence where nobody looked says nothing of clocks.

    Raises
    ------
    ClockError
        If they are not.
    """
    if not len(starts):
        return
    check_some_spikes(session, times)
    if not len(times):
        return
    spans = Spans.of(times, bounds, starts, stops)
    check_within_spikes(session, spans)
    check_seconds(session, spans, times)
    check_both_in_seconds(session, spans)
    check_spread(session, spans)
    check_recorded_throughout(session, spans)


def check_some_spikes(session: Session, times: np.ndarray) -> None:
    """Doubt a recording in which no unit has a spike."""
    if len(times) == 0:
        session.doubt(DoubtfulSpikes, "no unit has a spike; all counts are 0")


def check_within_spikes(session: Session, spans: Spans) -> None:
    """Raise a ClockError if most presentations lie where no unit has a spike."""
    if spans.n_spikes >= ENOUGH_SPIKES and spans.n_outside > spans.n_shown / 2:
        msg = (
            f"{spans.n_outside} of {spans.n_shown} presentations lie where no unit has a spike: "
            f"{spans}; {REMEDY}"
        )
        raise ClockError(msg)


def check_seconds(session: Session, spans: Spans, times: np.ndarray) -> None:
    """Raise a ClockError if spikes spread so wide and thin that they must be in other units."""
    too_wide = (
        spans.last - spans.first > WIDEST_SPAN * (spans.end - spans.begin)
        and spans.rate < SLOWEST_RATE
    )
    in_other_units = spans.rate < SUSPECT_RATE and any(
        low * spans.end < spans.last < high * spans.end
        for low, high in OTHER_UNITS
        if spans.end > 0
    )
    if spans.n_spikes >= ENOUGH_SPIKES and (too_wide or in_other_units):
        within = int(((times >= spans.begin) & (times < spans.end)).sum())
        msg = (
            f"only {within} of {len(times)} spikes fall between the presentations: {spans}; are "
            f"the spikes in milliseconds or samples? {REMEDY}"
        )
        raise ClockError(msg)


def check_both_in_seconds(session: Session, spans: Spans) -> None:
    """Raise a ClockError if both spikes and presentations are too slow to be in seconds.

    Not if the layout says the scales of both, which may be 1.
    """
    if None not in (session.layout.scale, session.layout.spike_scale):
        return
    slow = any(spans.gap > gap and spans.rate < rate for gap, rate in TOO_SLOW)
    long = max(spans.end - spans.begin, spans.last - spans.first) > LONGEST_SESSION
    if min(spans.n_spikes, spans.n_shown) >= ENOUGH_SPIKES and (slow or long):
        msg = (
            f"units fire {spans.rate:.2g} times a second and presentations are {spans.gap:.4g} s "
            f"apart: {spans}; are both in milliseconds, microseconds or samples? then set scale "
            "and spike_scale in the layout, both 0.001 for milliseconds, to bring both to seconds "
            "on one clock; both 1 if they are in seconds"
        )
        raise ClockError(msg)


def check_spread(session: Session, spans: Spans) -> None:
    """Raise a ClockError if all presentations crowd in a moment of a much longer recording."""
    shown = max(spans.end - spans.begin, 1e-9)
    crowded = spans.n_shown >= MANY_SHOWN and spans.n_shown > DENSE * shown
    if crowded and shown < SHORT_SPAN and spans.last - spans.first > MUCH_LONGER * shown:
        msg = (
            f"all {spans.n_shown} presentations lie within {shown:.3g} s: {spans}; if "
            f"{session.layout.onset} counts from the start of the trial, set offset in the layout "
            '(offset = "start_time"), or map another onset column'
        )
        raise ClockError(msg)


def check_recorded_throughout(session: Session, spans: Spans) -> None:
    """Doubt presentations before the first or after the last spike of units that fire enough."""
    silent = max(spans.first - spans.begin, 0.0) + max(spans.end - spans.last, 0.0)
    if spans.n_outside and silent * spans.rate * spans.n_units > EXPECTED_SPIKES:
        session.doubt(
            DoubtfulSpikes,
            f"{spans.n_outside} of {spans.n_shown} presentations lie before the first or after "
            "the last spike of all units and count as 0; if the recording did not cover them, "
            "leave them out by trials_where",
        )
