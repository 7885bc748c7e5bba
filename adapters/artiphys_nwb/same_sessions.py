"""Which files are one session: by what they say of themselves, what was shown, and their spikes.

The neurons of a session that is there twice would count twice; two probes of one session are two
files, and one session all the same.
"""

import numpy as np

from artiphys_nwb.errors import PoolingError, RecordingWarning, SessionsDiffer
from artiphys_nwb.sessions.counts import Counts

__all__ = ["check_different", "session_names"]

# Two files of so many of the same presentations are one session, unless it was sorted again: then
# the counts of a neuron correlate as those of no two neurons do.
SAME_SHOWN, SAME_NEURON, MANY_TRIALS = 0.5, 0.9, 10


def check_different(sessions: list[Counts]) -> list[tuple[type[RecordingWarning], str]]:
    """Return the doubts about sessions of one name; two of the same recording are an error.

    Two probes of one session, in two files, have the same presentations and other neurons, and the
    same name, or subject and moment of beginning: their units stand side by side.

    Raises
    ------
    PoolingError
        If a session is there twice, by its spikes, its counts, or by its identifier and name.
    """
    doubts: list[tuple[type[RecordingWarning], str]] = []
    for session, other in ((a, b) for i, a in enumerate(sessions) for b in sessions[:i]):
        shared = len(session.trains & other.trains)
        same_name = session.name == other.name
        same_identifier = session.identifier and session.identifier == other.identifier
        if not shared and _parts_of_one(session, other):
            doubts.append(
                (
                    SessionsDiffer,
                    f"{session.file}: the same presentations as in {other.file} and other units: "
                    f"taken for two probes of the one session {other.name!r}; if its spikes were "
                    "only sorted again, give one of the files",
                )
            )
            continue
        sorted_again = _same_presentations(session, other)  # for they are no two probes
        same = session.digest == other.digest or (same_name and same_identifier)
        if shared or sorted_again or same:
            why = (
                f"{shared} units have the very same spikes"
                if shared
                else f"both are {session.identifier or session.name!r}"
                if same
                else "their units count alike, trial for trial"
            )
            msg = (
                f"{session.file}: the same session as {other.file} ({why}); its units would count "
                "twice; give each session once"
            )
            raise PoolingError(msg)
        if same_name:
            doubts.append(
                (
                    SessionsDiffer,
                    f"{session.file}: named {session.name!r} like {other.file}, with other "
                    "spikes; unit names tell them apart by a number; see that no neuron is in both",
                )
            )
    return doubts


def session_names(sessions: list[Counts]) -> tuple[list[str], list[str]]:
    """Return what the units of each file are named after, and the session that they are of.

    Another session of a name gets a number; a probe more of one keeps the file's own name.
    """
    names: list[str] = []
    sources: list[str] = []
    n_of_name: dict[str, int] = {}
    for i, session in enumerate(sessions):
        first = next((j for j in range(i) if _parts_of_one(session, sessions[j])), None)
        if first is not None:
            same_name = session.name == sessions[first].name
            names.append(names[first] if same_name else session.name)
            sources.append(sources[first])
            continue
        n = n_of_name[session.name] = n_of_name.get(session.name, 0) + 1
        names.append(f"{session.name}~{n}" if n > 1 else session.name)
        sources.append(names[-1])
    return names, sources


def _parts_of_one(session: Counts, other: Counts) -> bool:
    """Return whether two files are one session: its presentations in both, other neurons."""
    return _same_presentations(session, other) and not _same_neurons(session, other)


def _same_presentations(session: Counts, other: Counts) -> bool:
    """Return whether two files are of one session, by what they say of it and what was shown."""
    began_together = (
        session.began and session.began == other.began and session.subject == other.subject
    )
    if session.file == other.file or not (session.name == other.name or began_together):
        return False
    here, there = (_moments(one) for one in (session, other))
    return len(here & there) > SAME_SHOWN * min(len(here), len(there))


def _moments(session: Counts) -> set[tuple[float, str, str]]:
    shown = session.shown
    columns = (shown.onset.tolist(), shown.image.tolist(), shown.position.tolist())
    return set(zip(*columns, strict=True))


def _same_neurons(session: Counts, other: Counts) -> bool:
    """Return whether half of the units count alike in both, trial for trial: sorted again."""
    same, at = np.intersect1d(session.shown.onset, other.shown.onset, return_indices=True)[1:]
    one, two = _standard(session.values[:, same]), _standard(other.values[:, at])
    if one.shape[1] < MANY_TRIALS:
        return False
    alike = (one @ two.T / one.shape[1] > SAME_NEURON).any(axis=int(len(one) <= len(two)))
    return bool(alike.mean() > 0.5)


def _standard(counts: np.ndarray) -> np.ndarray:
    counts = np.nan_to_num(counts)
    counts = counts - counts.mean(axis=1, keepdims=True)
    return np.asarray(counts / np.maximum(counts.std(axis=1, keepdims=True), 1e-12))
