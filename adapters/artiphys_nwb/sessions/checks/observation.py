"""What was observed, and whether anything was counted there."""

import numpy as np

from artiphys_nwb.errors import ClockError, DoubtfulSpikes, NotObserved
from artiphys_nwb.sessions.session import Session

__all__ = [
    "check_not_silent",
    "check_observed",
]

ENOUGH_SPIKES = 20
# Fewer spikes a second than this in windows: the array is all but zero.
ALL_BUT_SILENT = 0.02


def check_observed(session: Session, counts: np.ndarray) -> None:
    """Drop what was not observed, and doubt units that never were.

    Raises
    ------
    ClockError
        If no unit was observed in any presentation.
    """
    missing = np.isnan(counts)
    if not missing.any():
        return
    if missing.all():
        msg = (
            "no unit was observed in any presentation, by obs_intervals and invalid_times against "
            "the onsets; bring them to one clock, or map another onset column"
        )
        raise ClockError(msg)
    for_all = int(missing.all(axis=0).sum())
    session.drop("trial", "no unit observed: NaN", for_all)
    session.drop("response", "unit not observed: NaN", int(missing.sum()) - for_all * len(counts))
    never = int(missing.all(axis=1).sum())
    if never:
        session.doubt(
            NotObserved,
            f"{never} of {len(counts)} units were observed in no presentation, by their "
            "obs_intervals; they are NaN throughout",
        )


def check_not_silent(session: Session, counts: np.ndarray, seconds: float, n_spikes: int) -> None:
    """Doubt counts that are all but zero, in units that do fire."""
    known = ~np.isnan(counts)
    n_known, n_counted = int(np.count_nonzero(known)), int(counts.sum(where=known))
    if n_spikes >= ENOUGH_SPIKES and n_counted < ALL_BUT_SILENT * seconds * n_known:
        session.doubt(
            DoubtfulSpikes,
            f"{n_counted} spikes in {n_known} windows: the array is all but "
            "zero; see that spikes and onsets are in seconds on one clock",
        )
