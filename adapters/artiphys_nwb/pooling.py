"""Sessions into one array: their units side by side, over the images and positions they share."""

import dataclasses
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from artiphys.responses.array import response_array
from artiphys.responses.presentations import repeat_numbers
from artiphys.responses.provenance import dropped
from artiphys_nwb.errors import (
    LayoutError,
    PoolingError,
    PositionsDoubtful,
    RecordingWarning,
    SessionsDiffer,
)
from artiphys_nwb.labels import in_order, number_or_text, one_label, pair_in, without_jitter
from artiphys_nwb.same_sessions import session_names
from artiphys_nwb.sessions.counts import Counts
from artiphys_nwb.sessions.units import UNKNOWN

__all__ = [
    "Join",
    "check_one_unit_of_length",
    "check_places",
    "check_reference",
    "grid",
    "pooled",
    "without_rounding",
]

Join = Literal["exact", "outer"]
SAME_PLACE = 1e-3  # of a displacement, or of 1 where that is smaller


def check_reference(
    sessions: list[Counts], positions: list[str], reference: Any
) -> list[tuple[type[RecordingWarning], str]]:
    """Return the doubt about a reference that was not named, where no position is at (0, 0)."""
    places = _all_places(sessions)
    known = [label for label in positions if np.isfinite(places[label]).all()]
    if reference is not None or len(known) < 2 or any(places[label] == (0, 0) for label in known):
        return []
    told = (
        f"{sessions[0].file}: no position is at 0,0; the reference is {positions[0]!r}, the first "
        f"of {len(positions)}; set reference in the layout to the one that shifts are measured from"
    )
    return [(PositionsDoubtful, told)]


def check_one_unit_of_length(sessions: list[Counts]) -> None:
    """Raise a PoolingError if positions are in pixels in one session, in degrees in another."""
    with_places = [one for one in sessions if np.isfinite(list(one.shown.places.values())).any()]
    for session in with_places[1:]:
        one, other = (s.shown.displacement_units for s in (session, with_places[0]))
        if one != other:
            msg = (
                f"{session.file}: its positions are in {one}, those of {with_places[0].file} in "
                f"{other}; bring them to one unit, or read them apart"
            )
            raise PoolingError(msg)


def check_places(sessions: list[Counts]) -> None:
    """Raise a PoolingError if a position of one label is at other places in other sessions."""
    places = _all_places(sessions)
    for session in sessions:
        for label in in_order(set(session.shown.places)):
            place = session.shown.places[label]
            apart = np.abs(np.subtract(place, places[label])).max()
            if apart > SAME_PLACE * max(1.0, np.abs(place).max()):
                msg = (
                    f"{session.file}: position {label} is at {place}, in another session at "
                    f"{places[label]}; map x and y alone as position, or read them apart"
                )
                raise PoolingError(msg)


def without_rounding(
    sessions: list[Counts],
) -> tuple[list[Counts], list[tuple[type[RecordingWarning], str]]]:
    """Return sessions in which positions that differ by rounding only are one, and the doubt."""
    places = _all_places(sessions)
    labels = [label for label, place in places.items() if pair_in(label) == place]
    if not labels:
        return sessions, []
    columns = [
        without_jitter(np.array(axis)) for axis in zip(*map(places.get, labels), strict=True)
    ]
    new = {
        label: f"{one_label(x)},{one_label(y)}"
        for label, x, y in zip(labels, *columns, strict=True)
        if (x, y) != places[label]
    }
    if not new:
        return sessions, []
    told = (
        f"{len(labels)} positions differ between sessions by rounding only and are taken for "
        f"{len({new.get(label, label) for label in labels})}"
    )
    return [_renamed(session, new) for session in sessions], [(PositionsDoubtful, told)]


def _renamed(session: Counts, new: dict[str, str]) -> Counts:
    shown = session.shown
    position = np.array([new.get(one, one) for one in shown.position.tolist()], dtype=object)
    places = {}
    for label, (x, y) in shown.places.items():
        named = new.get(label)
        if named is not None:
            x, y = map(float, named.split(","))
        places[named or label] = (x, y)
    shown = dataclasses.replace(shown, position=position, places=places)
    return dataclasses.replace(session, shown=shown)


def _all_places(sessions: list[Counts]) -> dict[str, tuple[float, float]]:
    """Return where each position is, by the first session that says it."""
    places: dict[str, tuple[float, float]] = {}
    for session in sessions:
        for label, place in session.shown.places.items():
            if not np.isfinite(places.get(label, np.nan)).all():
                places[label] = place
    return places


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
    names, sources = session_names(sessions)
    numbers = number_or_text(positions)
    coords = _unit_coords(sessions)
    return response_array(
        _side_by_side(blocks),
        unit=_unit_names(names, sessions),
        image=images,
        position=numbers,
        x=x.tolist(),
        y=y.tolist(),
        displacement_units=sessions[0].shown.displacement_units,
        area=coords.pop("area").tolist(),
        source=np.repeat(sources, n_units).tolist(),
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
    n_cells = len(images) * len(positions)
    cell = (image * len(positions) + position)[used]
    values = session.values if used.all() else session.values[:, used]
    trial = repeat_numbers(cell.astype(np.min_scalar_type(n_cells)))  # small ones are sorted faster
    n_trials = int(trial.max(initial=0)) + 1
    block = np.full((len(values), n_cells * n_trials), np.nan)
    block[:, cell * n_trials + trial] = values
    if rate:
        block /= np.atleast_2d(session.window[..., 1] - session.window[..., 0]).T
    return block.reshape(len(values), len(images), len(positions), n_trials)


def _numbers(labels: np.ndarray, among: list[str]) -> np.ndarray:
    """Return where each label is in a list; -1 if it is not."""
    at = {label: i for i, label in enumerate(among)}
    codes, different = pd.factorize(labels)
    return np.array([at.get(label, -1) for label in different.tolist()])[codes]


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


def _unit_names(names: list[str], sessions: list[Counts]) -> list[str]:
    """Names of units, ``session/id``; an id that comes again, on another probe, gets a number."""
    units = [
        f"{name}/{unit}"
        for name, session in zip(names, sessions, strict=True)
        for unit in session.units.name.tolist()
    ]
    again = repeat_numbers(np.array(units)).tolist()
    return [f"{unit}~{n + 1}" if n else unit for unit, n in zip(units, again, strict=True)]


def _places(
    sessions: list[Counts], positions: list[str], reference: Any
) -> tuple[str, np.ndarray, np.ndarray]:
    """Return the reference position, and x and y of each position from there."""
    places = _all_places(sessions)
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
