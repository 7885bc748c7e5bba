"""Sessions into one array: their units side by side, over the images and positions they share."""

from typing import Any, Literal

import numpy as np
import xarray as xr

from artiphys.responses.array import response_array
from artiphys.responses.presentations import repeat_numbers
from artiphys.responses.provenance import dropped
from artiphys_nwb.errors import LayoutError, PoolingError, RecordingWarning, SessionsDiffer
from artiphys_nwb.labels import in_order, number_or_text, one_label
from artiphys_nwb.sessions.counts import Counts
from artiphys_nwb.sessions.units import UNKNOWN

__all__ = ["Join", "check_different", "grid", "pooled"]

Join = Literal["exact", "outer"]


def check_different(sessions: list[Counts]) -> list[tuple[type[RecordingWarning], str]]:
    """Return the doubts about sessions of one name; two of the same recording are an error.

    Raises
    ------
    PoolingError
        If a session is there twice, by its spikes or by its identifier and name.
    """
    doubts: list[tuple[type[RecordingWarning], str]] = []
    for session, other in ((a, b) for i, a in enumerate(sessions) for b in sessions[:i]):
        shared = len(session.trains & other.trains)
        same_name = session.name == other.name
        same_identifier = session.identifier and session.identifier == other.identifier
        if shared or session.digest == other.digest or (same_name and same_identifier):
            why = (
                f"{shared} units have the very same spikes"
                if shared
                else f"both are {session.identifier or session.name!r}"
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


def grid(
    sessions: list[Counts], join: Join
) -> tuple[list[str], list[str], list[dict[str, Any]], list[tuple[type[RecordingWarning], str]]]:
    """Return images and positions of the pooled array, what falls out of it, and doubts.

    Raises
    ------
    PoolingError
        If there is no image or no position that all sessions share, to be joined exactly.
    """
    left_out: list[dict[str, Any]] = []
    doubts: list[tuple[type[RecordingWarning], str]] = []
    kept = []
    for what in ("image", "position"):
        of_each = [set(getattr(session.shown, what).tolist()) for session in sessions]
        common, union = set.intersection(*of_each), set.union(*of_each)
        if not common:
            words = _nothing_shared(sessions, of_each, what)
            if join == "exact":
                msg = f"{words}; read them apart, or join='outer'"
                raise PoolingError(msg)
            doubts.append((SessionsDiffer, f"{words}; the array is NaN where a session has none"))
        chosen = common if join == "exact" else union
        kept.append(in_order(chosen))
        for session, here in zip(sessions, of_each, strict=True):
            extra = here - chosen
            if extra:
                left_out.append(
                    dropped(
                        what,
                        "not common to all sessions",
                        len(extra),
                        session=session.name,
                        labels=in_order(extra),
                    )
                )
    return kept[0], kept[1], left_out, doubts


def pooled(
    sessions: list[Counts],
    images: list[str],
    positions: list[str],
    *,
    rate: bool,
    reference: Any,
    provenance: str,
) -> xr.DataArray:
    """Return the response array of sessions over given images and positions.

    Raises
    ------
    LayoutError
        If `reference` is not among the positions.
    """
    blocks = [_block(session, images, positions, rate) for session in sessions]
    n_units = [len(block) for block in blocks]
    origin, x, y = _places(sessions, positions, reference)
    names = _session_names(sessions)
    numbers = number_or_text(positions)
    coords = _unit_coords(sessions)
    return response_array(
        _side_by_side(blocks),
        unit=[
            f"{name}/{unit}"
            for name, session in zip(names, sessions, strict=True)
            for unit in session.units.name.tolist()
        ],
        image=images,
        position=numbers,
        x=x.tolist(),
        y=y.tolist(),
        displacement_units=sessions[0].shown.displacement_units,
        area=coords.pop("area").tolist(),
        source=np.repeat(names, n_units).tolist(),
        units="spikes/s" if rate else "spikes",
        reference=numbers[positions.index(origin)],
        provenance=provenance,
        unit_coords=coords,
    )


def _nothing_shared(sessions: list[Counts], of_each: list[set[str]], what: str) -> str:
    """Names a pair that shares nothing; where each pair does but not all, the whole list."""
    for i, here in enumerate(of_each):
        for j, there in enumerate(of_each[:i]):
            if not here & there:
                return (
                    f"{sessions[i].file} and {sessions[j].file} share no {what}: {_some_of(there)} "
                    f"against {_some_of(here)}"
                )
    files = ", ".join(session.file for session in sessions)
    return f"{files}: no {what} was shown in all {len(sessions)} sessions"


def _some_of(labels: set[str]) -> str:
    first = in_order(labels)
    return ", ".join(first[:3]) + (f" ... {first[-1]}" if len(first) > 3 else "")


def _block(session: Counts, images: list[str], positions: list[str], rate: bool) -> np.ndarray:
    """Return responses (unit, image, position, trial); the trial is the number of the repeat."""
    image, position = (
        _numbers(session.shown.image, images),
        _numbers(session.shown.position, positions),
    )
    used = (image >= 0) & (position >= 0)
    cell = (image * len(positions) + position)[used]
    values = session.values if used.all() else session.values[:, used]
    trial = repeat_numbers(cell)
    n_trials = int(trial.max(initial=0)) + 1
    block = np.full((len(values), len(images) * len(positions) * n_trials), np.nan)
    if rate:
        values = values / np.atleast_2d(session.window[..., 1] - session.window[..., 0]).T
    block[:, cell * n_trials + trial] = values
    return block.reshape(len(values), len(images), len(positions), n_trials)


def _numbers(labels: np.ndarray, among: list[str]) -> np.ndarray:
    """Return where each label is in a list; -1 if it is not."""
    at = {label: i for i, label in enumerate(among)}
    return np.array([at.get(label, -1) for label in labels.tolist()])


def _side_by_side(blocks: list[np.ndarray]) -> np.ndarray:
    """Return blocks as one along unit, with NaN for the repeats that a session has less."""
    if len(blocks) == 1:
        return blocks[0]
    n_trials = max(block.shape[3] for block in blocks)
    values = np.full((sum(map(len, blocks)), *blocks[0].shape[1:3], n_trials), np.nan)
    at = 0
    for block in blocks:
        values[at : at + len(block), :, :, : block.shape[3]] = block
        at += len(block)
    return values


def _session_names(sessions: list[Counts]) -> list[str]:
    """Names of sessions; one that comes again gets a number."""
    names = [session.name for session in sessions]
    again = repeat_numbers(np.array(names)).tolist()
    return [f"{name}~{n + 1}" if n else name for name, n in zip(names, again, strict=True)]


def _places(
    sessions: list[Counts], positions: list[str], reference: Any
) -> tuple[str, np.ndarray, np.ndarray]:
    """Return the reference position, and x and y of each position from there."""
    places: dict[str, tuple[float, float]] = {}
    for session in sessions:
        places |= session.shown.places
    x, y = np.array([places[label] for label in positions]).T
    if reference is None:
        at_origin = [label for label in positions if places[label] == (0.0, 0.0)]
        origin = at_origin[0] if at_origin else positions[0]
    else:
        several = isinstance(reference, tuple)
        origin = ",".join(map(one_label, reference)) if several else one_label(reference)
    if origin not in positions:
        msg = (
            f"{sessions[0].file}: the layout's reference {reference!r} is not among the positions; "
            f"they are {', '.join(positions)}"
        )
        raise LayoutError(msg)
    at = positions.index(origin)
    return origin, x - x[at], y - y[at]


def _unit_coords(sessions: list[Counts]) -> dict[str, np.ndarray]:
    """Coordinates along unit; a session that lacks one has NaN, or no text, there."""
    coords = {}
    for name in dict.fromkeys(name for session in sessions for name in session.units.coords):
        parts = [session.units.coords.get(name) for session in sessions]
        is_text = any(part is not None and part.dtype.kind not in "fiu" for part in parts)
        missing: Any = UNKNOWN if is_text else np.nan
        coords[name] = np.concatenate(
            [
                (np.full(len(session.units.name), missing) if part is None else part).astype(
                    str if is_text else np.float64
                )
                for session, part in zip(sessions, parts, strict=True)
            ]
        )
    return coords
