"""Some units at a time: working arrays that stay small, beside responses of whatever size."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["in_blocks"]

AT_ONCE = 2**18  # numbers, so that the arrays made of them stay in cache


def in_blocks(
    work: Callable[..., Sequence[np.ndarray]], *arrays: np.ndarray, **more: Any
) -> list[np.ndarray]:
    """Return what `work` makes of arrays (unit, ...), each of its results (unit, ...).

    Parameters
    ----------
    work : callable
        Of the same arrays for some units, and `more`; what it makes of a unit hangs on no other.
    *arrays : numpy.ndarray, (unit, ...)
    **more
        Passed on as it is.
    """
    n_unit = len(arrays[0])
    step = max(1, AT_ONCE * n_unit // max(arrays[0].size, 1))
    parts = [
        work(*(array[start : start + step] for array in arrays), **more)
        for start in range(0, max(n_unit, 1), step)
    ]
    if len(parts) == 1:
        return list(parts[0])
    return [np.concatenate(of) for of in zip(*parts, strict=True)]
