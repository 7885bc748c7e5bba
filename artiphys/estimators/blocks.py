"""Some units at a time: working arrays that stay small, beside responses of whatever size."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from artiphys.cores import in_threads

__all__ = ["in_blocks", "some_units"]

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
    blocks = list(some_units(len(arrays[0]), arrays[0].size))
    if len(blocks) < 2:
        return list(work(*arrays, **more))

    def of_block(units: slice) -> Sequence[np.ndarray]:
        return work(*(array[units] for array in arrays), **more)

    parts = in_threads(of_block, iter(blocks), numbers=AT_ONCE)  # not a list: the data stay here
    return [np.concatenate(of) for of in zip(*parts, strict=True)]


def some_units(n_unit: int, size: int, at_once: int = AT_ONCE) -> Iterator[slice]:
    """Yield all units in turn, some at a time, that have about `at_once` of all `size` numbers."""
    step = max(1, at_once * n_unit // max(size, 1))
    for start in range(0, n_unit, step):
        yield slice(start, min(start + step, n_unit))
