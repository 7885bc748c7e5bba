"""Names in the file that are one letter off what is looked for: a damaged file, not one without.

What is optional is passed over in silence where it is not there, and so would be what a changed
letter hides: when units were observed, where they were recorded, whose session it is.
"""

from artiphys_nwb.errors import UnitsDoubtful
from artiphys_nwb.sessions.session import Session

__all__ = ["check_names_undamaged"]

ELECTRODES = "general/extracellular_ephys/electrodes"
OPTIONAL = {
    "general": ("session_id", "subject", "extracellular_ephys"),
    "general/subject": ("subject_id",),
    "general/extracellular_ephys": ("electrodes",),
    ELECTRODES: ("location",),
    "intervals": ("invalid_times",),
}
OF_UNITS = ("obs_intervals", "electrodes", "electrode_group", "peak_channel_id", "quality")


def check_names_undamaged(session: Session) -> None:
    """Doubt what has the name of something optional but for one letter."""
    for place, names in {**OPTIONAL, session.layout.units: OF_UNITS}.items():
        table = session.table_at(place)
        there = () if table is None else tuple(table.group)
        for name in names:
            almost = [one for one in there if _one_letter_off(one, name)]
            if almost and name not in there:
                session.doubt(
                    UnitsDoubtful,
                    f"/{place.strip('/')} has no {name}, but {almost[0]!r}: one letter is wrong, "
                    f"and what it says is not read; rename it to {name}, or fetch the file again",
                )


def _one_letter_off(name: str, other: str) -> bool:
    return len(name) == len(other) and sum(a != b for a, b in zip(name, other, strict=True)) == 1
