"""What tells units apart, and what is said of them."""

import itertools

import numpy as np

from artiphys_nwb.errors import RecordingError, UnitsDoubtful
from artiphys_nwb.labels import MISSING
from artiphys_nwb.sessions.session import Session

__all__ = [
    "check_different_ids",
    "check_electrodes_exist",
    "check_optional_column",
    "check_units_different",
]

ENOUGH_SPIKES = 20  # by which a train is known: so many do not come about twice


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


def check_optional_column(session: Session, place: str, error: RecordingError) -> None:
    """Doubt a column that cannot be used and that the array can do without; it is left out.

    Raises
    ------
    FileError
        If it is the connection that failed, and not the column.
    """
    if "connection" in str(error):
        raise error
    session.drop("column", f"{place} cannot be used", 1)
    session.doubt(UnitsDoubtful, f"{error}; the column is left out, the units are read")


def check_electrodes_exist(session: Session, place: str, wrong: np.ndarray, n_rows: int) -> None:
    """Doubt the areas of units whose electrodes are no row of the electrodes' table."""
    if wrong.any():
        session.doubt(
            UnitsDoubtful,
            f"{place}: {int(wrong.sum())} of {len(wrong)} do not point to one of the {n_rows} "
            "electrodes; the areas of those units are unknown",
        )


def check_units_different(session: Session, times: np.ndarray, bounds: np.ndarray) -> None:
    """Doubt units that have the very same spikes: one neuron would count as two."""
    known: dict[tuple[float, ...], int] = {}
    same = []
    for unit, (start, stop) in enumerate(itertools.pairwise(bounds.tolist())):
        if stop - start >= ENOUGH_SPIKES:
            some = times[start : stop : max(1, (stop - start) // ENOUGH_SPIKES)]
            other = known.setdefault((stop - start, *some.tolist()), unit)
            if other != unit and np.array_equal(times[start:stop], _train(times, bounds, other)):
                same.append((other, unit))
    if same:
        session.doubt(
            UnitsDoubtful,
            f"{session.units_table.path}: {len(same)} of {len(bounds) - 1} units have the very "
            f"same spikes as another, e.g. rows {same[0][0]} and {same[0][1]}; one neuron counts "
            "twice; keep one by units_where",
        )


def _train(times: np.ndarray, bounds: np.ndarray, unit: int) -> np.ndarray:
    return times[bounds[unit] : bounds[unit + 1]]
