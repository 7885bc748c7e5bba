"""Checks of a recording: each one function, which raises, or tells the session a doubt.

Whether spikes and presentations lie on one clock (seconds, from the same zero) is tested by what no
recording shows: spikes that all miss the presentations, or spread over a span of another unit.
Counts on two clocks are all but zero and look like a silent population.
"""

from typing import NamedTuple

import numpy as np

from artiphys_nwb.errors import (
    ClockError,
    DoubtfulSpikes,
    FewRepeats,
    HeldOutImages,
    NotObserved,
    OnsetsMissing,
    SessionsDiffer,
    TableError,
    UnitsDoubtful,
)
from artiphys_nwb.files.tables import Column
from artiphys_nwb.labels import MISSING, labelled
from artiphys_nwb.sessions.session import Session

__all__ = [
    "Spans",
    "check_different_ids",
    "check_electrodes_exist",
    "check_every_value_has_a_row",
    "check_images_held_out",
    "check_observed",
    "check_one_session",
    "check_onsets",
    "check_precision",
    "check_recorded_throughout",
    "check_repeats",
    "check_seconds",
    "check_some_spikes",
    "check_spikes_finite",
    "check_spikes_in_order",
    "check_spikes_of_units",
    "check_within_spikes",
]

# Below this share, missing onsets are told but not warned of: photodiodes miss a few frames.
FEW_ONSETS_MISSING = 0.05
# Beyond this, neighbouring 32-bit floats are more than a millisecond apart.
FLOAT32_LIMIT = 8192.0
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
REMEDY = "bring both to seconds on one clock, or map another onset column"


# ---- presentations


def check_every_value_has_a_row(place: str, column: Column) -> None:
    """Raise a TableError if a ragged column of presentations has values beyond its index."""
    left_over = 0 if column.bounds is None else len(column.values) - int(column.bounds[-1])
    if left_over:
        msg = (
            f"{place}: {left_over} of {len(column.values)} values lie beyond the index and belong "
            "to no row; the table is damaged; write it again"
        )
        raise TableError(msg)


def check_onsets(session: Session, n_missing: int, n_images: int) -> None:
    """Doubt presentations of images of which more than a few have no onset."""
    if n_missing > FEW_ONSETS_MISSING * n_images:
        onset = session.layout.onset
        session.doubt(
            OnsetsMissing,
            f"{session.shown_table.path}: {n_missing} of {n_images} presentations left out, their "
            f"onset in {onset} is NaN; map another onset column if these are wanted",
        )


def check_images_held_out(session: Session, n_rows: int) -> None:
    """Doubt rows whose image is -1, where the layout does not say what that is."""
    if n_rows:
        image = session.layout.image
        columns = image if isinstance(image, str) else " or ".join(image)
        session.doubt(
            HeldOutImages,
            f"{session.shown_table.path}: {n_rows} rows left out, their image in {columns} is -1, "
            "neither an image nor said to be a blank; set blank in the layout to [-1] if it is "
            "one, or to [] if it is an image",
        )


def check_one_session(session: Session, rows: np.ndarray) -> None:
    """Doubt zeros where a column says that both tables hold several sessions, in `rows` as well."""
    table, units = session.shown_table, session.units_table
    for name in sorted(set(table.columns) & set(units.columns)):
        if not name.lower().startswith("ses"):
            continue
        try:
            of_rows, of_units = labelled(table.read_plain(name)), labelled(units.read_plain(name))
        except TableError:
            continue
        different = set(of_rows[rows].tolist()) & set(of_units.tolist())
        if len(different) > 1:
            session.doubt(
                SessionsDiffer,
                f"{table.path}: {name} names {len(different)} sessions, here and in the units; a "
                "unit counts 0 in another's presentations; read one at a time, by trials_where "
                "and units_where",
            )


def check_repeats(session: Session, repeat: np.ndarray) -> None:
    """Doubt that noise can be told from signal where no image was shown twice at a position."""
    if len(repeat) and repeat.max() == 0:
        session.doubt(
            FewRepeats,
            f"{session.shown_table.path}: each image was shown once at a position; there is no "
            "split half and no noise correction without repeats",
        )


# ---- units


def check_different_ids(session: Session, place: str, ids: np.ndarray) -> bool:
    """Return whether ids tell units apart, and doubt them if not: rows name the units then."""
    n_different = len(set(ids.tolist()))
    if n_different == len(ids) and MISSING not in ids:
        return True
    session.doubt(
        UnitsDoubtful,
        f"{place}: {len(ids)} units have {n_different} different ids; they are named by their "
        "rows instead",
    )
    return False


def check_electrodes_exist(session: Session, place: str, wrong: np.ndarray, n_rows: int) -> None:
    """Doubt the areas of units whose electrodes are no row of the electrodes' table."""
    if wrong.any():
        session.doubt(
            UnitsDoubtful,
            f"{place}: {int(wrong.sum())} of {len(wrong)} do not point to one of the {n_rows} "
            "electrodes; the areas of those units are unknown",
        )


# ---- spikes


def check_precision(session: Session, times: np.ndarray) -> None:
    """Doubt spike times that are kept in too few bits."""
    if times.dtype == np.float32 and times.size and np.nanmax(np.abs(times)) > FLOAT32_LIMIT:
        session.doubt(
            DoubtfulSpikes,
            f"{session.units_table.path}/spike_times are 32-bit floats beyond {FLOAT32_LIMIT:g} "
            "s, where they are more than a millisecond apart; counts may be off at the edges of "
            "windows",
        )


def check_spikes_of_units(session: Session, n_times: int, n_owned: int) -> None:
    """Drop and doubt spike times beyond the index."""
    if n_times > n_owned:
        session.drop("spike", "belongs to no unit", n_times - n_owned)
        session.doubt(
            DoubtfulSpikes,
            f"{session.units_table.path}: {n_times - n_owned} of {n_times} spike times lie beyond "
            "the index and belong to no unit; they are left out",
        )


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


# ---- one clock


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
        )

    def __str__(self) -> str:
        return (
            f"spikes run from {self.first:.6g} to {self.last:.6g}, presentations from "
            f"{self.begin:.6g} to {self.end:.6g}"
        )


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


# ---- observation


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
