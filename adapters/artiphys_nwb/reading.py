"""Recordings into the response array, in one call."""

import dataclasses
import functools
import json
import logging
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from tqdm import tqdm

from artiphys.cores import n_cores
from artiphys.errors import InputError
from artiphys.processes import in_processes
from artiphys.progress import bars, tracked
from artiphys.responses.provenance import provenance
from artiphys_nwb.errors import FilesLeftOut, PoolingError, RecordingError
from artiphys_nwb.files.opening import Source, opened, sources
from artiphys_nwb.layout import Layout, load_layout
from artiphys_nwb.pooling import (
    Join,
    check_one_unit_of_length,
    check_places,
    check_reference,
    grid,
    pooled,
    without_rounding,
)
from artiphys_nwb.same_sessions import check_different
from artiphys_nwb.sessions.conditions import Condition, described
from artiphys_nwb.sessions.counts import Counts, count_session
from artiphys_nwb.sessions.session import Request, Window, checked_window, layouts_in

__all__ = ["read_nwb"]

LOG = logging.getLogger("artiphys_nwb")
MOST_LISTED = 10
Progress = bool | Callable[[str], Any] | None


def read_nwb(
    source: Any,
    layout: Layout | str | Path | Mapping[str, Any],
    *,
    window: Window = (0.05, 0.25),
    rate: bool = True,
    units_where: Condition | None = None,
    trials_where: Condition | None = None,
    join: Join = "exact",
    progress: Progress = None,
) -> xr.DataArray:
    r"""Return the responses recorded in NWB files, unit × image × position × trial.

    .. math:: n_{uj} = \#\{\,\text{spikes } t \text{ of unit } u :\
        o_j + \text{start} \le t < o_j + \text{stop}\,\}

    with :math:`o_j` the onset of presentation j. The j-th repeat of an image at a position is its
    j-th presentation in time, whatever the order of the rows.

    Parameters
    ----------
    source : path, URL, name in DANDI, open file, ``NWBFile``, or iterable of these
        HDF5 or Zarr (extra ``zarr``). A folder stands for its recordings, a pattern for those it
        matches, ``dandi:001357/sub-SP`` for what the archive has there (extra ``dandi``). URLs
        are read by range requests (extra ``stream``). An open file is an ``h5py.File``, a file
        object, or what pynwb or hdmf-zarr opened; it stays open.
    layout : Layout, str, Path or mapping
        Where things are in the file: a :class:`Layout`, a name in `LAYOUTS`, or a TOML file.
    window : (float, float) or "auto"
        Half-open window [start, stop) in seconds from the onset; windows may overlap. ``"auto"``
        begins 0.2 s at each unit's latency, found on trials that are not returned
        (:mod:`artiphys_nwb.sessions.latency`).
    rate : bool
        Spikes/s, or else counts.
    units_where, trials_where : mapping, str or callable, optional
        Which rows of the units and of the presentations to keep: a mapping from columns to a value
        or several, ``{"is_sua": 1}``; an expression, ``"is_sua == 1"``; or a function of the
        table as a DataFrame. ``area``, ``quality`` and ``depth`` are columns of the units too.
    join : {"exact", "outer"}
        Of many sessions, keep the images and positions common to all, or all with NaN.
    progress : bool or callable, optional
        Show a bar and a line for each session; by default on a terminal only. A callable gets
        the lines. They also go to the logger ``artiphys_nwb``. Where many files take long, they
        are read on all cores.

    Returns
    -------
    xarray.DataArray, (unit, image, position, trial)
        Units are named ``session/id``; ``area``, ``source``, ``quality``, ``depth`` and
        ``electrode`` lie along ``unit`` where the file says them. NaN where there was no such
        repeat, or the unit was not observed (``obs_intervals``, ``invalid_times``); 0 where an
        observed unit was silent. The provenance counts every row, trial and unit left out.

    Raises
    ------
    RecordingError
        A file that cannot be read, a layout that does not fit it, clocks that do not match,
        sessions that share nothing or are the same. Of many files, those that cannot be read are
        left out with the warning ``FilesLeftOut``, and it is an error only if none is left.

    Warns
    -----
    RecordingWarning
        Each kind of doubt is a category of its own, in :mod:`artiphys_nwb.errors`; the provenance
        has the same line under ``warnings``.

    Examples
    --------
    >>> responses = read_nwb("sub-SP_ses-20210412SP_ecephys.nwb", "v4_position")  # doctest: +SKIP
    """
    layout = load_layout(layout)
    request = Request(
        window=checked_window(window), units_where=units_where, trials_where=trials_where
    )
    if join not in ("exact", "outer"):
        msg = f"join must be 'exact' or 'outer'; got {join!r}"
        raise InputError(msg)
    tell = _Teller(progress)
    found = sources(source)
    with bars(None if callable(progress) else progress):
        sessions, refused = _count_all(found, layout, request, tell)
    doubts = [doubt for session in sessions for doubt in session.doubts]
    if refused:
        told = f"{len(refused)} of {len(found)} files left out: {_listed(refused)}"
        doubts.append((FilesLeftOut, told))
    doubts += check_different(sessions)
    check_one_unit_of_length(sessions)
    check_places(sessions)
    sessions, rounded = without_rounding(sessions)
    images, positions, not_common, differing = grid(sessions, join)
    doubts += [*rounded, *differing, *check_reference(sessions, positions, layout.reference)]
    for item in not_common:
        tell(
            f"{item['session']}: {item['count']} {item['what']}s left out, {item['reason']}: "
            f"{', '.join(item['labels'])}"
        )
    record = provenance(
        "artiphys_nwb.read_nwb",
        arguments={
            "layout": json.loads(json.dumps(vars(layout), default=str)),
            "window": request.window,
            "rate": rate,
            "units_where": described(units_where),
            "trials_where": described(trials_where),
            "join": join,
        },
        inputs=[
            {
                "name": session.file,
                "session": session.name,
                "sha256": session.digest,
                "sha256_of": "spike times, onsets, images and positions as read",
            }
            for session in sessions
        ],
        dropped=[
            *(item for session in sessions for item in session.left_out),
            *not_common,
            *(
                {"what": "file", "reason": reason, "count": 1, "name": name}
                for name, reason in refused
            ),
        ],
        packages=("pynwb", "hdmf", "h5py"),
        warnings=[message for _, message in doubts],
        summary=[session.summary for session in sessions],
    )
    responses = pooled(
        sessions, images, positions, rate=rate, reference=layout.reference, provenance=record
    )
    for category, message in doubts:
        warnings.warn(message, category, stacklevel=2)
    return responses


class _Teller:
    """Lines for the user: to the log always, to the terminal or a callable as `progress` says."""

    def __init__(self, progress: Progress) -> None:
        self._to = progress if callable(progress) else None
        self.shown = sys.stderr.isatty() if progress is None else progress is True

    def __call__(self, line: str) -> None:
        LOG.info(line)
        if self._to is not None:
            self._to(line)
        elif self.shown:
            tqdm.write(line, file=sys.stderr)


class _Read(NamedTuple):
    """What was counted in a file, by which layout, and why it could not be read on."""

    counted: list[tuple[Counts, Layout]]
    refusal: RecordingError | None


def _count_all(
    found: list[Source], layout: Layout, request: Request, tell: _Teller
) -> tuple[list[Counts], list[tuple[str, str]]]:
    """Return the sessions counted, and the names of the files that could not be, with the reason.

    A mistake in the arguments is the same in every file, so it is raised at once from the first.
    """
    sessions: list[Counts] = []
    read_by: list[tuple[Source, Layout]] = []
    refused: list[tuple[str, str]] = []
    error: RecordingError | None = None
    work = functools.partial(_read, layout=layout, request=request, many=len(found) > 1)
    # What is open is open in this process alone.
    jobs = min(n_cores(), len(found)) if all(isinstance(s.target, str) for s in found) else 1
    each = tracked(in_processes(work, found, jobs=jobs), total=len(found), unit="file")
    for source, read in zip(found, each, strict=True):
        for counts, one in read.counted:
            sessions.append(counts)
            read_by.append((source, one))
            tell(counts.summary)
        if read.refusal is not None:
            error = read.refusal
            refused.append((source.name, str(error)))
    if sessions or error is None:
        return _with_latencies_of_others(sessions, read_by, request), refused
    if len(found) == 1:
        raise error
    msg = f"none of {len(found)} files can be read: {_listed(refused)}"
    raise PoolingError(msg) from error


def _read(source: Source, *, layout: Layout, request: Request, many: bool) -> _Read:
    """Return the sessions of one file, counted, and the error that ended the reading of it."""
    counted: list[tuple[Counts, Layout]] = []
    try:
        with opened(source) as recording:
            for one in layouts_in(recording, layout):
                keep = many or one is not layout
                counted.append((count_session(recording, one, request, keep_trains=keep), one))
    except RecordingError as refusal:
        return _Read(counted, refusal)
    return _Read(counted, None)


def _with_latencies_of_others(
    sessions: list[Counts], read_by: list[tuple[Source, Layout]], request: Request
) -> list[Counts]:
    """Return sessions; one in which no unit shows a latency is read again by that of the others."""
    found = [session.found for session in sessions if session.found is not None]
    known = np.concatenate(found) if found else np.empty(0)
    if not known.size:
        return sessions
    request = dataclasses.replace(request, latency=float(np.median(known)))
    counted = []
    for session, (source, layout) in zip(sessions, read_by, strict=True):
        if session.found is None or session.found.size:
            counted.append(session)
            continue
        with opened(source) as recording:
            counted.append(count_session(recording, layout, request, keep_trains=True))
    return counted


def _listed(refused: list[tuple[str, str]]) -> str:
    reasons = [reason for _, reason in refused[:MOST_LISTED]]
    if len(refused) > MOST_LISTED:
        reasons.append(f"and {len(refused) - MOST_LISTED} more, listed in the provenance")
    return "; ".join(reasons)
