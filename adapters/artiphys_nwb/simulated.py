"""Counts that were simulated as spike trains, in files from which the same counts are read."""

import datetime
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import generator
from artiphys.errors import InputError
from artiphys_nwb.writing import write_nwb

__all__ = ["session_paths", "spike_trains", "write_simulated"]

LATENCY = 0.05  # s from an onset to the window, as where recordings are read by default
PAUSE = 0.3  # s from the end of a window to the next onset
BEFORE = 1.0  # s of recording before the first onset, and after the last window
SHOWN_FOR = 0.2  # s
# Spikes/s outside the windows: a recording without any looks like one on a wrong clock.
SPONTANEOUS = 2.0
MARGIN = 1e-3  # of a window, at its ends: rounding must carry no spike over an edge
LONGEST = 9.0  # s; reading takes longer windows for milliseconds
SUBJECT = {
    "subject_id": "simulated",  # with which sessions' names begin, so that it is not said twice
    "species": "http://purl.obolibrary.org/obo/NCBITaxon_32630",  # synthetic construct
    "description": "a population of neurons that was never alive",
}
HEADER = {
    "experimenter": "artiphys",
    "institution": "none",
    "experiment_description": "simulated responses to images, their truth known",
    "keywords": ["simulated", "translation invariance", "dynamic range"],
}
RESOLUTION = 1e-9  # s; the times are of no sampling rate
# A day on which nothing was recorded. The same each time, so that a seed gives the same recording.
MIDNIGHT = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


def session_paths(path: Path, n_sessions: int) -> list[Path]:
    """Return the files of a recording: `path`, or numbered ones where there are many sessions.

    A file of NWB holds one session.

    Examples
    --------
    >>> [str(one) for one in session_paths(Path("lab/v4.nwb"), 2)]
    ['lab/v4_0.nwb', 'lab/v4_1.nwb']
    """
    if n_sessions == 1:
        return [path]
    return [path.with_name(f"{path.stem}_{n}{path.suffix}") for n in range(n_sessions)]


def write_simulated(session: xr.DataArray, path: Path, *, window: float, rng: Any = None) -> None:
    """Write one session of simulated responses as NWB.

    Read with the window from 0.05 s to 0.05 s + `window`, the file gives the responses, the trials
    of each cell in their order.

    Parameters
    ----------
    session : xarray.DataArray, (unit, image, position, trial)
        Spikes/s in `window`; units named ``session/number``, as
        :func:`artiphys.simulate_responses` names them.
    path : Path
    window : float
        In which the spikes were counted, in seconds.
    rng : seed or numpy.random.Generator
        Of the order of the presentations and of when in the window each spike is.

    Raises
    ------
    InputError
        If `window` is longer than recordings are read with.
    """
    if window > LONGEST:
        msg = f"a recording is read with windows of at most {LONGEST:g} s; got {window:g}"
        raise InputError(msg)
    rng = generator(rng)
    counts = np.rint(session.transpose("unit", "image", "position", "trial").values * window)
    image, position, trial = _order(rng, ~np.isnan(counts[0]))
    start = BEFORE + (LATENCY + window + PAUSE) * np.arange(len(image))
    of_each = counts[:, image, position, trial].astype(np.int64)
    names = [str(name).rsplit("/", 1) for name in session["unit"].values]
    write_nwb(
        path,
        spike_trains(rng, of_each, start + LATENCY, window),
        image=session["image"].values[image],
        position=session["position"].values[position],
        displacement=np.stack([session[axis].values[position] for axis in "xy"], axis=1),
        start=start,
        stop=start + SHOWN_FOR,
        unit=[int(number) for _, number in names],
        area=session["area"].values.tolist(),
        session_id=names[0][0],
        subject=SUBJECT,
        resolution=RESOLUTION,
        header=HEADER,
        session_start_time=MIDNIGHT,
        identifier=hashlib.sha256(counts.tobytes()).hexdigest()[:32],
        session_description="simulated by artiphys; nothing was recorded",
    )


def spike_trains(
    rng: np.random.Generator, counts: np.ndarray, starts: np.ndarray, window: float
) -> list[np.ndarray]:
    """Return spike trains with given counts in windows that do not meet, and a few spikes between.

    Parameters
    ----------
    rng : numpy.random.Generator
    counts : ndarray of int, (unit, window)
    starts : ndarray, (window)
        In order, in seconds.
    window : float
        Length of each window, in seconds.

    Returns
    -------
    list of ndarray
        Spike times of each unit, in order.
    """
    ends = np.append(starts[1:], starts[-1] + window + BEFORE)
    gaps = np.column_stack([starts + window, ends])
    gaps = np.vstack([[max(starts[0] - BEFORE, 0.0), starts[0]], gaps])
    lengths = gaps[:, 1] - gaps[:, 0]
    trains = []
    for of_unit in counts:
        between = rng.poisson(SPONTANEOUS * lengths)
        times = [_within(rng, starts, window, of_unit), _within(rng, gaps[:, 0], lengths, between)]
        trains.append(np.sort(np.concatenate(times)))
    return trains


def _within(rng: np.random.Generator, starts: Any, lengths: Any, counts: np.ndarray) -> np.ndarray:
    """Return as many times in each stretch as `counts` says, none at its ends."""
    share = rng.uniform(MARGIN, 1 - MARGIN, int(counts.sum()))
    lengths = np.broadcast_to(lengths, np.shape(starts))
    return np.asarray(np.repeat(starts, counts) + share * np.repeat(lengths, counts))


def _order(rng: np.random.Generator, shown: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return image, position and trial of each presentation, in blocks of one repeat of each cell.

    Within a block the order is random; the trials of a cell come one after the other.
    """
    cells = np.argwhere(shown)
    cells = cells[rng.permutation(len(cells))]
    return tuple(cells[np.argsort(cells[:, 2], kind="stable")].T)
