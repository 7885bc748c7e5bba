"""One session of a recording, read: a count for every unit and presentation."""

import dataclasses
import hashlib
import itertools
import re
from collections.abc import Iterator
from typing import Literal

import h5py
import numpy as np

from artiphys.responses.provenance import digest_array
from artiphys_nwb.errors import ClockError, FewRepeats, NotObserved, SessionsDiffer, TableError
from artiphys_nwb.files.tables import (
    Column,
    Table,
    column_names,
    find,
    n_rows,
    open_table,
    read_dataset,
    read_plain,
)
from artiphys_nwb.labels import labelled, one_label
from artiphys_nwb.layout import Layout
from artiphys_nwb.sessions.account import Account
from artiphys_nwb.sessions.bins import is_binned, read_bins
from artiphys_nwb.sessions.checks import check_clock
from artiphys_nwb.sessions.conditions import Condition
from artiphys_nwb.sessions.latency import EDGES, WIDTH, latencies, trials_for_latency
from artiphys_nwb.sessions.observation import (
    invalid_intervals,
    meets_any,
    observed_intervals,
    within_any,
)
from artiphys_nwb.sessions.presentations import Presentations, read_presentations
from artiphys_nwb.sessions.spikes import count_spikes
from artiphys_nwb.sessions.units import Spikes, Units, read_spikes, read_units

__all__ = ["Session", "Window", "layouts_in", "numbered", "read_session", "session_name"]

Window = tuple[float, float] | Literal["auto"]
UNITS = "/units"
# A train of so many spikes does not come about twice.
TELLING_SPIKES = 20


@dataclasses.dataclass(frozen=True)
class Session:
    """Counts (unit, presentation), NaN where a unit was not observed, and what they belong to.

    `window` is (start, stop) or, one row a unit, where latencies were found; `trains` holds a
    digest of each unit's spikes, to recognise a session under another name.
    """

    file: str
    name: str
    identifier: str
    counts: np.ndarray
    shown: Presentations
    units: Units
    window: np.ndarray
    account: Account
    digest: str
    trains: frozenset[bytes]
    summary: str


def layouts_in(file: h5py.File, name: str, layout: Layout) -> Iterator[Layout]:
    """Yield the layout of each session in a file: one, or as many as its ``*`` matches.

    Raises
    ------
    TableError
        If a ``*`` matches nothing that is in both `table` and `units`.
    """
    if "*" not in layout.table:
        yield layout
        return
    matches = _star_matches(file, layout.table) & _star_matches(file, layout.units)
    if not matches:
        msg = (
            f"{name}: nothing is at both {layout.table} and {layout.units}; name paths that are in "
            "the file in the layout"
        )
        raise TableError(msg)
    for match in sorted(matches):
        yield dataclasses.replace(
            layout,
            table=layout.table.replace("*", match),
            units=layout.units.replace("*", match),
        )


def read_session(
    file: h5py.File,
    name: str,
    layout: Layout,
    *,
    window: Window,
    units_where: Condition | None = None,
    trials_where: Condition | None = None,
    keep_trains: bool = False,
) -> Session:
    """Return one session as a layout says.

    Parameters
    ----------
    file : h5py.File
    name : str
        What messages call it.
    layout : Layout
        Without ``*`` in its paths.
    window : (float, float) or "auto"
        Half-open, in seconds from the onset.
    units_where, trials_where : Condition, optional
    keep_trains : bool
        Keep digests of the spike trains.

    Raises
    ------
    RecordingError
        If the file does not hold what the layout says, or contradicts itself.
    """
    session = session_name(file, name, layout)
    account = Account(session)
    table = open_table(file, name, layout.table, what="presentations")
    units_table = open_table(file, name, layout.units, what="units")
    shown = read_presentations(table, layout, account, trials_where=trials_where)
    _warn_of_several_sessions(table, units_table, shown, account)
    n_shown = len(shown.onset)
    if is_binned(units_table):
        units, counts, windows = _binned(
            file, units_table, layout, shown, window, units_where, account
        )
        spikes = Spikes(counts.ravel(), np.zeros(1, dtype=np.int64))
    else:
        units = read_units(units_table, file, account, area=layout.area, units_where=units_where)
        spikes = read_spikes(units_table, units, account)
        shown, units, counts, windows = _counted(
            file, units_table, shown, units, spikes, window, account
        )
    if np.isnan(counts).all():
        msg = (
            f"{name}: no unit was observed in any presentation, by obs_intervals and invalid_times "
            "against the onsets; bring them to one clock, or map another onset column"
        )
        raise ClockError(msg)
    _account_for_the_unobserved(counts, name, account)
    _warn_of_few_repeats(shown, table, account)
    return Session(
        file=name,
        name=session,
        identifier=_text(file, "identifier"),
        counts=counts,
        shown=shown,
        units=units,
        window=windows,
        account=account,
        digest=_digest(spikes, shown),
        trains=_trains(spikes) if keep_trains else frozenset(),
        summary=(
            f"{session}: {n_shown} of {shown.n_rows} rows, {len(units.name)} units; "
            f"{account.in_words()}"
        ),
    )


def session_name(file: h5py.File, name: str, layout: Layout) -> str:
    """Return the name of a session: ``subject_session``, and the module where it holds several.

    The subject is not said twice: session ``20210412SP`` of subject ``SP`` is ``SP_20210412``.
    Without a session id the file's name stands for it.
    """
    subject = _text(file, "general/subject/subject_id")
    session = _text(file, "general/session_id") or re.split(r"[/\\]", name)[-1].removesuffix(".nwb")
    if subject and session.startswith(subject):
        session = session[len(subject) :].lstrip("_- ")
    elif subject and session.endswith(subject):
        session = session[: -len(subject)].rstrip("_- ")
    whole = "_".join(part for part in (subject, session) if part)
    parts = [part for part in layout.units.strip("/").split("/") if part not in ("processing", "")]
    module = "/".join(parts[:-1] if parts[-1].lower() == "units" else parts)
    return whole if layout.units.strip("/") == "units" or not module else f"{whole}/{module}"


def numbered(labels: np.ndarray) -> np.ndarray:
    """Return how many times each label has come before: the number of the repeat.

    Examples
    --------
    >>> import numpy as np
    >>> numbered(np.array([7, 3, 7, 7, 3])).tolist()
    [0, 0, 1, 2, 1]
    """
    order = np.argsort(labels, kind="stable")
    in_order = labels[order]
    is_first = np.r_[True, in_order[1:] != in_order[:-1]]
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(labels)), 0))
    number = np.empty(len(labels), dtype=np.int64)
    number[order] = np.arange(len(labels)) - first
    return number


def _star_matches(file: h5py.File, path: str) -> set[str]:
    before, _, after = path.strip("/").partition("*")
    parent, _, prefix = before.rpartition("/")
    ending, slash, below = after.partition("/")
    group = find(file, "", parent) if parent else file
    if not isinstance(group, h5py.Group):
        return set()
    found = set()
    for key in group:
        if len(key) <= len(prefix) + len(ending):
            continue
        if not key.startswith(prefix) or not key.endswith(ending):
            continue
        if not slash or find(group, "", f"{key}/{below}") is not None:
            found.add(key[len(prefix) : len(key) - len(ending)])
    return found


def _counted(
    file: h5py.File,
    table: Table,
    shown: Presentations,
    units: Units,
    spikes: Spikes,
    window: Window,
    account: Account,
) -> tuple[Presentations, Units, np.ndarray, np.ndarray]:
    observed = observed_intervals(table, units.row)
    invalid = invalid_intervals(file, table.file)
    if window == "auto":
        chosen, shown, half = _set_aside(shown, account)
        found = latencies(
            spikes.times,
            spikes.bounds,
            chosen.onset,
            _cells(chosen),
            half,
            _observed(observed, invalid, chosen.onset, chosen.onset + EDGES[-1], len(units.name)),
            table.file,
            account,
        )
        windows = np.stack([found.latency, found.latency + WIDTH], axis=1)
        more = {"latency": found.latency, "reliability": found.reliability}
        units = dataclasses.replace(units, coords={**units.coords, **more})
        starts, stops = (shown.onset + windows[:, [i]] for i in (0, 1))
    else:
        windows = np.asarray(window, dtype=np.float64)
        starts, stops = shown.onset + windows[0], shown.onset + windows[1]
    counts = count_spikes(spikes.times, spikes.bounds, starts, stops).astype(np.float64)
    begin, end = np.atleast_2d(starts).min(0), np.atleast_2d(stops).max(0)
    was_observed = _observed(observed, invalid, starts, stops, len(units.name))
    if was_observed is not None:
        counts[~was_observed] = np.nan
        by_any = was_observed.any(axis=0)  # silence where nobody looked says nothing of clocks
        begin, end = begin[by_any], end[by_any]
    check_clock(spikes, begin, end, table.file, account)
    return shown, units, counts, windows


def _observed(
    observed: list[np.ndarray] | None,
    invalid: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    n_units: int,
) -> np.ndarray | None:
    """Which windows (unit, presentation) were observed; None where the file says nothing of it."""
    if observed is None and len(invalid) == 0:
        return None
    shape = (n_units, starts.shape[-1])
    starts, stops = np.broadcast_to(starts, shape), np.broadcast_to(stops, shape)
    mask = ~meets_any(invalid, starts, stops)
    for unit, intervals in enumerate(observed or []):
        mask[unit] &= within_any(intervals, starts[unit], stops[unit])
    return mask


def _set_aside(
    shown: Presentations, account: Account
) -> tuple[Presentations, Presentations, np.ndarray]:
    """Return the presentations that find latencies, those returned, and halves of the former."""
    cell = _cells(shown)
    chosen, half = trials_for_latency(cell, numbered(cell))
    account.drop("trial", "used to find latencies", int(chosen.sum()))
    return _some(shown, chosen), _some(shown, ~chosen), half[chosen]


def _some(shown: Presentations, rows: np.ndarray) -> Presentations:
    return dataclasses.replace(
        shown,
        onset=shown.onset[rows],
        image=shown.image[rows],
        position=shown.position[rows],
        row=shown.row[rows],
    )


def _cells(shown: Presentations) -> np.ndarray:
    """Return a number for each pair of image and position."""
    image = np.unique(shown.image.astype(str), return_inverse=True)[1]
    position = np.unique(shown.position.astype(str), return_inverse=True)[1]
    return np.unique(image * (position.max(initial=0) + 1) + position, return_inverse=True)[1]


def _binned(
    file: h5py.File,
    table: Table,
    layout: Layout,
    shown: Presentations,
    window: Window,
    units_where: Condition | None,
    account: Account,
) -> tuple[Units, np.ndarray, np.ndarray]:
    if window == "auto":
        msg = f"{table.place}: window='auto' needs spike times, and these are counts; give a window"
        raise TableError(msg)
    bins = read_bins(table, shown)
    counts = bins.within((float(window[0]), float(window[1])))
    units, of_counts = _units_of_bins(file, table, len(counts), layout, units_where, account)
    counts = counts[of_counts]
    windows = np.asarray(window, dtype=np.float64)
    invalid = invalid_intervals(file, table.file)
    counts[:, meets_any(invalid, shown.onset + windows[0], shown.onset + windows[1])] = np.nan
    return units, counts, windows


def _units_of_bins(
    file: h5py.File,
    table: Table,
    n_counted: int,
    layout: Layout,
    units_where: Condition | None,
    account: Account,
) -> tuple[Units, np.ndarray]:
    """Units by the region of the units table, where the counts have one; else by their rows."""
    region = next(
        (
            name
            for name in ("units_region", "units")
            if isinstance(table.group.get(name), h5py.Dataset)
        ),
        None,
    )
    group = find(file, table.file, UNITS)
    if region is None or not isinstance(group, h5py.Group):
        if units_where is not None:
            msg = f"{table.place} does not say which units it counts; read it without units_where"
            raise TableError(msg)
        given = layout.area is not None and layout.area.startswith("=")
        area = np.full(n_counted, str(layout.area)[1:] if given else "unknown")
        return Units(labelled(np.arange(n_counted)), {"area": area}, np.arange(n_counted)), (
            np.arange(n_counted)
        )
    rows = read_dataset(table.group[region], f"{table.place}/{region}").astype(np.int64)
    units_table = Table(table.file, UNITS, group)
    if (
        len(rows) != n_counted
        or len(set(rows.tolist())) != n_counted
        or (rows.min() < 0 or rows.max() >= n_rows(units_table))
    ):
        msg = (
            f"{table.place}/{region} must name a row of {UNITS} for each of {n_counted} units; "
            "write the file again"
        )
        raise TableError(msg)
    units = read_units(units_table, file, account, area=layout.area, units_where=units_where)
    at = {row: i for i, row in enumerate(units.row.tolist())}
    of_counts = np.array([i for i, row in enumerate(rows.tolist()) if row in at], dtype=np.int64)
    kept = np.array([at[row] for row in rows.tolist() if row in at], dtype=np.int64)
    if len(kept) == 0:
        msg = f"{table.place}: none of its {n_counted} units meets units_where; loosen it"
        raise TableError(msg)
    coords = {name: values[kept] for name, values in units.coords.items()}
    return Units(units.name[kept], coords, units.row[kept]), of_counts


def _warn_of_several_sessions(
    table: Table, units: Table, shown: Presentations, account: Account
) -> None:
    """Doubt zeros where a column says that both tables hold several sessions."""
    both = set(column_names(table)) & set(column_names(units))
    for name in sorted(column for column in both if column.lower().startswith(("ses", "session"))):
        try:
            of_rows = labelled(read_plain(table, name, n_rows(table)))[shown.row]
            of_units = labelled(read_plain(units, name, n_rows(units)))
        except TableError:
            continue
        different = set(of_rows.tolist()) & set(of_units.tolist())
        if len(different) > 1:
            account.doubt(
                SessionsDiffer,
                f"{table.place}: {name} names {len(different)} sessions, here and in the units; a "
                "unit counts 0 in another's presentations; read one at a time, by trials_where and "
                "units_where",
            )


def _account_for_the_unobserved(counts: np.ndarray, name: str, account: Account) -> None:
    missing = np.isnan(counts)
    if not missing.any():
        return
    for_all = int(missing.all(axis=0).sum())
    account.drop("trial", "no unit observed: NaN", for_all)
    account.drop("response", "unit not observed: NaN", int(missing.sum()) - for_all * len(counts))
    never = int(missing.all(axis=1).sum())
    if never:
        account.doubt(
            NotObserved,
            f"{name}: {never} of {len(counts)} units were observed in no presentation, by their "
            "obs_intervals; they are NaN throughout",
        )


def _warn_of_few_repeats(shown: Presentations, table: Table, account: Account) -> None:
    if len(shown.onset) and numbered(_cells(shown)).max() == 0:
        account.doubt(
            FewRepeats,
            f"{table.place}: each image was shown once at a position; there is no split half "
            "and no noise correction without repeats",
        )


def _digest(spikes: Spikes, shown: Presentations) -> str:
    names = "\n".join([*shown.image.tolist(), *shown.position.tolist()]).encode()
    return digest_array(
        spikes.times, spikes.bounds, shown.onset, np.frombuffer(names, dtype=np.uint8)
    )


def _trains(spikes: Spikes) -> frozenset[bytes]:
    bounds = spikes.bounds.tolist()
    return frozenset(
        hashlib.blake2b(spikes.times[start:stop].tobytes(), digest_size=16).digest()
        for start, stop in itertools.pairwise(bounds)
        if stop - start >= TELLING_SPIKES
    )


def _text(file: h5py.File, path: str) -> str:
    """Return a text of the file's header; empty where there is none that can be read."""
    value = find(file, file.filename, path)
    if not isinstance(value, h5py.Dataset):
        return ""
    texts = read_dataset(value, f"{file.filename}: {path}")
    return "" if isinstance(texts, Column) or texts.size == 0 else one_label(texts.ravel()[0])
