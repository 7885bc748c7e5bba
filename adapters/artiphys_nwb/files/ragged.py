"""Which values of a ragged column belong to which row: its index, checked and as bounds.

An index holds where each row ends. It may have any integer type, too small ones and starts in the
place of ends among them, and would then give every row the values of another.
"""

from typing import Any

import numpy as np

from artiphys_nwb.errors import TableError
from artiphys_nwb.files.datasets import Column, read_dataset

__all__ = ["row_bounds", "row_ends"]

REWRITE_INDEX = (
    "the index is damaged (its integer type too small when it was written?); write it again"
)


def row_ends(index: Any, place: str) -> np.ndarray:
    """Return the numbers of an index as the file has them, one a row.

    Raises
    ------
    TableError
        If they are no row of numbers.
    """
    raw = read_dataset(index, place)
    if isinstance(raw, np.ndarray) and raw.ndim == 2 and 1 in raw.shape:
        raw = raw.ravel()
    if isinstance(raw, Column) or raw.ndim != 1 or raw.dtype.kind not in "iuf":
        msg = f"{place} must be a row of integers; {REWRITE_INDEX}"
        raise TableError(msg)
    return np.asarray(raw)


def row_bounds(raw: np.ndarray, place: str, n_values: int) -> np.ndarray:
    """Return the bounds of the rows of a ragged column, from its index: rows + 1 numbers from 0.

    The index may have any integer type; it is never subtracted before it is signed.

    Raises
    ------
    TableError
        If it goes down or beyond the values, or says where rows start.
    """
    remedy = REWRITE_INDEX
    if raw.dtype.kind == "f" and not (np.isfinite(raw).all() and (raw == np.floor(raw)).all()):
        msg = f"{place} must hold whole numbers; {remedy}"
        raise TableError(msg)
    if len(raw) and (raw.min() < 0 or raw.max() > n_values):
        worst = raw.min() if raw.min() < 0 else raw.max()
        msg = f"{place} points to value {int(worst)} of {n_values}; {remedy}"
        raise TableError(msg)
    bounds = np.concatenate(([0], raw.astype(np.int64)))
    down = np.flatnonzero(np.diff(bounds) < 0)
    if len(down):
        row = int(down[0])
        msg = f"{place} goes down at row {row} ({bounds[row]} to {bounds[row + 1]}); {remedy}"
        raise TableError(msg)
    _require_ends(bounds, place, n_values)
    left_over = n_values - int(bounds[-1])
    wraps_at = 2 ** (8 * raw.dtype.itemsize) if raw.dtype.kind == "u" else 0
    if left_over and wraps_at and left_over % wraps_at == 0:
        msg = (
            f"{place} ends at {bounds[-1]} of {n_values} values, as {raw.dtype} overflows; {remedy}"
        )
        raise TableError(msg)
    return bounds


def _require_ends(bounds: np.ndarray, place: str, n_values: int) -> None:
    """Raise a TableError if an index says where rows start: each would get the values of another.

    From 0, or from 1 as MATLAB counts, where rows have more than a few values; the last row's
    values are then left over.
    """
    left_over = n_values - int(bounds[-1])
    from_1 = len(bounds) > 2 and bounds[1] == 1 and n_values > 5 * len(bounds)
    if left_over and len(bounds) > 2 and (bounds[1] == 0 or from_1):
        msg = (
            f"{place} begins with {bounds[1]} and leaves {left_over} of {n_values} values over: it "
            "says where rows start, and must say where they end; write it again"
        )
        raise TableError(msg)
