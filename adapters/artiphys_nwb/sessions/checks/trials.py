"""The times of a trial against one another: its start, its stop, and the onset in it."""

import numpy as np

from artiphys_nwb.errors import ClockError, PresentationsDoubtful
from artiphys_nwb.sessions.session import Session

__all__ = [
    "START",
    "STOP",
    "check_durations",
    "check_onsets_in_trials",
    "check_stops",
    "check_time_to_show",
]

START, STOP = "start_time", "stop_time"
# A presentation may begin so much before its trial or after it: half of the trial, within bounds.
SLACK = (0.05, 0.25)
# A stop so long before its start, in seconds, is on another clock.
LONGEST_LAG = 45.0
ENOUGH_ROWS = 5
# Durations are the same to so many seconds; of so many rows a few are odd.
SAME_DURATION, MANY_ROWS, FEW_ODD = 1e-3, 40, 2
# Onsets and starts that correlate so are of the same trials, on two clocks.
TOGETHER = 0.99
# Milliseconds, microseconds, and samples at usual rates.
SCALES_OF_TIME = (1e-3, 1e-6, 1 / 30000, 1 / 25000, 1 / 24414.0625, 1 / 20000, 1e-4)
# More than any display shows, of things at different moments, and of things at the same moments.
MOST_MOMENTS_A_SECOND, MOST_A_SECOND = 250.0, 2000.0


def check_stops(session: Session, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return rows to be left out because they stop before they start, and doubt them.

    Raises
    ------
    ClockError
        If most do, and the onset is one of the two: the columns are exchanged.
    """
    wrong, path = stop < start, session.shown_table.path
    n_known = int((np.isfinite(start) & np.isfinite(stop)).sum())
    mostly = wrong.sum() > n_known / 2
    if not wrong.any() or (mostly and _say_nothing(start[wrong], stop[wrong])):
        return np.zeros(len(wrong), dtype=bool)
    told = f"{path}: {int(wrong.sum())} of {n_known} presentations stop before they start"
    is_onset = session.layout.onset in (START, STOP)
    if is_onset and mostly:
        msg = f"{told}; are {START} and {STOP} exchanged? map the other as onset"
        raise ClockError(msg)
    what = "they are left out" if is_onset else f"their onset in {session.layout.onset} is taken"
    session.doubt(PresentationsDoubtful, f"{told}; {what}; mend {START} and {STOP}")
    return wrong if is_onset else np.zeros(len(wrong), dtype=bool)


def _say_nothing(start: np.ndarray, stop: np.ndarray) -> bool:
    """Return whether stops are one number for all, or of another clock altogether."""
    return len(np.unique(stop)) == 1 or float(np.median(start - stop)) > LONGEST_LAG


def check_durations(session: Session, start: np.ndarray, stop: np.ndarray) -> None:
    """Doubt one or two presentations that last another time than all others do."""
    lasts = stop - start
    lasts = lasts[lasts > 0]
    if len(lasts) < MANY_ROWS:
        return
    usual = float(np.median(lasts))
    odd = lasts[np.abs(lasts - usual) > SAME_DURATION]
    if 0 < len(odd) <= FEW_ODD:
        session.doubt(
            PresentationsDoubtful,
            f"{session.shown_table.path}: {len(odd)} of {len(lasts)} presentations last "
            f"{odd[0]:.4g} s where all others last {usual:.4g}; was it broken off, or is its time "
            "wrong? then leave it out by trials_where",
        )


def check_onsets_in_trials(
    session: Session, onset: np.ndarray, start: np.ndarray, stop: np.ndarray, raw: np.ndarray
) -> np.ndarray:
    """Return rows to be left out because their onset is not in their trial, and doubt them.

    A column that is wholly on another clock, or a row off, is doubted and kept.

    Raises
    ------
    ClockError
        If most are outside, with no common delay: onsets count from the start of their trial.
    """
    known = np.isfinite(onset) & np.isfinite(start) & (stop > start)
    none = np.zeros(len(onset), dtype=bool)
    if not known.any():
        return none
    slack = np.clip(np.median((stop - start)[known]) / 2, *SLACK)
    outside = known & ((onset < start - slack) | (onset > stop + slack))
    n_outside, n_known = int(outside.sum()), int(known.sum())
    if n_outside == 0:
        return none
    name = session.layout.onset
    told = (
        f"{session.shown_table.path}: {n_outside} of {n_known} onsets in {name} lie outside their "
        f"trials, {START} to {STOP}"
    )
    if n_outside <= n_known / 2:
        session.doubt(PresentationsDoubtful, f"{told}; they are left out; mend {name}")
        return outside
    remedy = _remedy_by_layout(start, stop + slack, raw, known)
    if n_known >= ENOUGH_ROWS and _together(onset[known], start[known]) and "offset" in remedy:
        session.doubt(
            PresentationsDoubtful,
            f"{told}, by {np.median((onset - start)[known]):.4g} s; they are taken as they are; "
            f"see that {name} is on the clock of the spikes, and not a row off",
        )
        return none
    msg = f"{told}; {remedy}"
    raise ClockError(msg)


def _together(onset: np.ndarray, start: np.ndarray) -> bool:
    """Return whether onsets go with starts, as on two clocks, whatever their zero and unit."""
    if np.ptp(onset) == 0 or np.ptp(start) == 0:
        return False
    return float(np.corrcoef(onset, start)[0, 1]) > TOGETHER


def _remedy_by_layout(
    start: np.ndarray, stop: np.ndarray, raw: np.ndarray, known: np.ndarray
) -> str:
    """Return what the layout would have to say for most onsets to be in their trials."""
    for scale in (1.0, *SCALES_OF_TIME):
        for offset, said in ((0.0, ""), (start, f'offset = "{START}"')):
            moment = raw * scale + offset
            if ((moment >= start) & (moment <= stop))[known].mean() > 0.5:
                scaled = f"scale = {scale:g}" if scale != 1 else ""
                fields = " and ".join(part for part in (said, scaled) if part)
                kind = "count from the start of their trial" if said else "have another unit"
                return f"do they {kind}? then set {fields} in the layout"
    return "map another onset column, or set offset and scale in the layout"


def check_time_to_show(session: Session, onset: np.ndarray) -> None:
    """Raise a ClockError if far more presentations fall in a span than could be shown."""
    span = float(np.ptp(onset)) if len(onset) else 0.0
    n_moments = len(np.unique(np.round(onset, 4)))
    if len(onset) < ENOUGH_ROWS:
        return
    if len(onset) > MOST_A_SECOND * span or n_moments - 1 > MOST_MOMENTS_A_SECOND * span:
        msg = (
            f"{session.shown_table.path}: {len(onset)} presentations within {span:.4g} s by "
            f"{session.layout.onset}, more than could be shown; if they count from the start of "
            f'their trial, set offset = "{START}" in the layout; if they are in other units than '
            "seconds, set scale"
        )
        raise ClockError(msg)
