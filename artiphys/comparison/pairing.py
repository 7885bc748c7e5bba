"""Which position of a network goes with which position of a recording."""

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.errors import InputError

__all__ = ["PositionPairs", "pair_positions"]

SAME_SHIFT = 1e-6


class PositionPairs(NamedTuple):
    """Positions that go together, the references left out, and what goes with nothing."""

    model: list[Any]
    brain: list[Any]
    unpaired: str  # one line, empty if there are none


def pair_positions(
    model: xr.DataArray,
    brain: xr.DataArray,
    references: tuple[Hashable, Hashable],
    positions: Mapping[Any, Any] | None = None,
) -> PositionPairs:
    """Return the pairs: as `positions` says, else by equal shift, else by equal label.

    Parameters
    ----------
    model, brain : xarray.DataArray
        With the coordinate ``position``, and ``shift`` along it where it is known.
    references : (label, label)
        The reference positions, which go together.
    positions : mapping, optional
        From labels of the model's positions to labels of the recording's.

    Raises
    ------
    InputError
        If there is no pair, or `positions` names what is not there, or one label twice.
    """
    shifts = [array["shift"].values.tolist() for array in (model, brain) if "shift" in array.coords]
    labels = [array["position"].values.tolist() for array in (model, brain)]
    if positions is not None:
        pairs = _named_pairs(positions, labels, references)
    elif len(shifts) == 2 and all(np.isfinite(s).sum() > 1 for s in shifts):
        pairs = [
            (m, b)
            for m, at_m in zip(labels[0], shifts[0], strict=True)
            for b, at_b in zip(labels[1], shifts[1], strict=True)
            if abs(at_m - at_b) < SAME_SHIFT
        ]
    else:
        pairs = [(m, b) for m in labels[0] for b in labels[1] if _equal(m, b)]
    pairs = [(m, b) for m, b in pairs if m != references[0] and b != references[1]]
    away = [
        [label for label in of if label != reference]
        for of, reference in zip(labels, references, strict=True)
    ]
    if not pairs:
        raise InputError(_why_no_pair(away, positions))
    paired = [list(side) for side in zip(*pairs, strict=True)]
    return PositionPairs(paired[0], paired[1], _left_over(away, paired))


def _why_no_pair(away: list[list[Any]], positions: Mapping[Any, Any] | None) -> str:
    for labels, whose in zip(away, ("network", "recording"), strict=True):
        if not labels:
            return f"the {whose} must have a position beside the reference; it has none"
    if positions is not None:
        return "positions must name a pair beside the references, or be left out; got none"
    return (
        f"no position of the network {away[0]} goes with one of the recording {away[1]} by equal "
        f"shift or label; say which do, as positions={{{away[0][0]!r}: {away[1][0]!r}}}"
    )


def _named_pairs(
    positions: Mapping[Any, Any], labels: list[list[Any]], references: tuple[Hashable, Hashable]
) -> list[tuple[Any, Any]]:
    if not isinstance(positions, Mapping):
        msg = f"positions must be a mapping, as {{0.125: 'left'}}; got {positions!r}"
        raise InputError(msg)
    pairs = list(positions.items())
    sides = list(zip(*pairs, strict=True)) if pairs else [(), ()]
    for side, known, whose in zip(sides, labels, ("network", "recording"), strict=True):
        absent = [label for label in side if label not in known]
        if absent:
            msg = f"positions: {absent} are not among the {whose}'s positions {known}"
            raise InputError(msg)
        if len(set(side)) < len(side):
            msg = f"positions: each position of the {whose} may be named once; got {list(side)}"
            raise InputError(msg)
    crossed = [(m, b) for m, b in pairs if (m == references[0]) != (b == references[1])]
    if crossed:
        msg = f"positions: the references {references} go together; got {dict(crossed)}"
        raise InputError(msg)
    return pairs


def _equal(one: Any, other: Any) -> bool:
    """Return whether two labels are the same; a number may have been stored as text."""
    return one == other or str(one) == str(other)


def _left_over(away: list[list[Any]], paired: list[list[Any]]) -> str:
    parts = []
    for all_labels, taken, whose in zip(away, paired, ("network", "recording"), strict=True):
        rest = [str(label) for label in all_labels if label not in taken]
        if rest:
            parts.append(f"{', '.join(rest)} of the {whose}")
    return f"positions that go with none: {'; '.join(parts)}" if parts else ""
