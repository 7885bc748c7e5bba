"""A session of a recording while it is read: where it is, what is asked of it, what was left out.

Every function of this package takes the session, and tells it what it drops and what it doubts.
"""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, Literal

import h5py
import numpy as np

from artiphys.errors import InputError
from artiphys.responses.provenance import dropped
from artiphys_nwb.errors import RecordingWarning, TableError
from artiphys_nwb.files.datasets import Column, find, read_dataset
from artiphys_nwb.files.opening import Recording
from artiphys_nwb.files.tables import Table, open_table
from artiphys_nwb.labels import one_label
from artiphys_nwb.layout import Layout
from artiphys_nwb.sessions.conditions import Condition

__all__ = [
    "Request",
    "Session",
    "Window",
    "checked_window",
    "header_text",
    "layouts_in",
    "session_name",
]

Window = tuple[float, float] | Literal["auto"]
LONGEST = 10.0  # s; nobody waits so long for a response


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of every session: the window, and which units and presentations to keep.

    `latency` is that of other sessions, for a session none of whose units shows one.
    """

    window: Window
    latency: float | None = None
    units_where: Condition | None = None
    trials_where: Condition | None = None


class Session:
    """One session of an open recording, as a layout without ``*`` says.

    `shown_table` and `units_table` are its tables; `left_out` and `doubts` say with counts what is
    not in the array, and what the user will be warned of.

    Raises
    ------
    RecordingError
        If there is no such table.
    """

    def __init__(self, recording: Recording, layout: Layout, request: Request) -> None:
        self.recording, self.layout, self.request = recording, layout, request
        self.name = session_name(recording, layout)
        self.left_out: list[dict[str, Any]] = []
        self.doubts: list[tuple[type[RecordingWarning], str]] = []
        self.shown_table = open_table(recording, layout.table, what="presentations")
        self.units_table = open_table(recording, layout.units, what="units")

    def drop(self, what: str, reason: str, count: int) -> None:
        """Add a number of things left out for one reason; none is not worth a line."""
        if count:
            self.left_out.append(dropped(what, reason, count, session=self.name))

    def doubt(self, category: type[RecordingWarning], message: str) -> None:
        """Add what the user will be warned of."""
        self.doubts.append((category, f"{self.recording.name}: {message}"))

    def table_at(self, path: str) -> Table | None:
        """Return another table of the recording; None if there is none."""
        group = find(self.recording.file, path)
        return Table(self.recording, path, group) if isinstance(group, h5py.Group) else None

    def losses(self) -> str:
        """Return what was left out as one phrase."""
        words = [f"{item['count']} {item['what']}s ({item['reason']})" for item in self.left_out]
        return "left out: " + ", ".join(words) if words else "nothing left out"


def checked_window(window: Any) -> Window:
    """Return a window as two numbers, or ``"auto"``.

    Raises
    ------
    InputError
        If it is neither, does not start before it stops, or cannot be in seconds.
    """
    if isinstance(window, str) and window == "auto":
        return "auto"
    try:
        start, stop = (float(value) for value in window)
    except (TypeError, ValueError) as error:
        msg = f"window must be 'auto', or a start and a stop in seconds; got {window!r}"
        raise InputError(msg) from error
    if not (np.isfinite(start) and np.isfinite(stop) and start < stop):
        msg = f"window must start before it stops; got {start:g} to {stop:g}"
        raise InputError(msg)
    if max(abs(start), abs(stop)) > LONGEST:
        msg = f"window is in seconds from the onset; got {start:g} to {stop:g}; milliseconds?"
        raise InputError(msg)
    return start, stop


def layouts_in(recording: Recording, layout: Layout) -> Iterator[Layout]:
    """Yield the layout of each session in a recording: one, or as many as its ``*`` matches.

    Raises
    ------
    TableError
        If a ``*`` matches nothing that is in both `table` and `units`.
    """
    if "*" not in layout.table:
        yield layout
        return
    matches = _star_matches(recording, layout.table) & _star_matches(recording, layout.units)
    if not matches:
        msg = (
            f"nothing is at both {layout.table} and {layout.units}; name paths that are in the "
            "file in the layout"
        )
        raise TableError(msg)
    for match in sorted(matches):
        paths = {name: getattr(layout, name).replace("*", match) for name in ("table", "units")}
        yield dataclasses.replace(layout, **paths)


def session_name(recording: Recording, layout: Layout) -> str:
    """Return the name of a session: ``subject_session``, and the module where it holds several.

    The subject is not said twice: session ``20210412SP`` of subject ``SP`` is ``SP_20210412``, but
    session 41 of subject 4 is ``4_41``. A subject has no ``_`` there, as in the names of DANDI's
    files, so that 4 in session ``1_2`` and ``4_1`` in session 2 are not one. Without a session id
    the file's name stands for it.
    """
    subject = header_text(recording, "general/subject/subject_id")
    session = header_text(recording, "general/session_id")
    session = session or re.split(r"[/\\]", recording.name)[-1].removesuffix(".nwb")
    session = _without_subject(session, subject)
    whole = "_".join(part for part in (subject.replace("_", "-"), session) if part)
    parts = [part for part in layout.units.strip("/").split("/") if part not in ("processing", "")]
    module = "/".join(parts[:-1] if parts[-1].lower() == "units" else parts)
    return whole if layout.units.strip("/") == "units" or not module else f"{whole}/{module}"


def header_text(recording: Recording, path: str) -> str:
    """Return a text of the file's header; empty where there is none that can be read."""
    found = find(recording.file, path)
    if not isinstance(found, h5py.Dataset):
        return ""
    texts = read_dataset(found, path)
    return "" if isinstance(texts, Column) or texts.size == 0 else one_label(texts.ravel()[0])


def _without_subject(session: str, subject: str) -> str:
    """Return a session's name without its subject at either end, if that is a word of its own."""
    if not subject:
        return session
    if session.startswith(subject):
        rest = session[len(subject) :]
        if not rest or not _one_word(subject[-1], rest[0]):
            return rest.lstrip("_- ")
    if session.endswith(subject):
        rest = session[: -len(subject)]
        if not rest or not _one_word(rest[-1], subject[0]):
            return rest.rstrip("_- ")
    return session


def _one_word(left: str, right: str) -> bool:
    """Return whether two characters that meet belong together: two digits, or two letters."""
    return (left.isdigit() and right.isdigit()) or (left.isalpha() and right.isalpha())


def _star_matches(recording: Recording, path: str) -> set[str]:
    before, _, after = path.strip("/").partition("*")
    parent, _, prefix = before.rpartition("/")
    ending, slash, below = after.partition("/")
    group = find(recording.file, parent) if parent else recording.file
    if not isinstance(group, h5py.Group):
        return set()
    return {
        key[len(prefix) : len(key) - len(ending)]
        for key in group
        if len(key) > len(prefix) + len(ending)
        and key.startswith(prefix)
        and key.endswith(ending)
        and (not slash or find(group, f"{key}/{below}") is not None)
    }
