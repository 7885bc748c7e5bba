"""Working arrays that are used again: the system clears the memory of each new one, page by page.

At a megabyte each that would take half of the time of what is done in them.
"""

import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["WorkingArrays", "working_arrays"]

KEPT = 2**26  # bytes: what is larger is given back to the system


class WorkingArrays:
    """Arrays by their names, each as large as it was ever asked for."""

    def __init__(self) -> None:
        self._held: dict[Any, np.ndarray] = {}

    def __call__(self, name: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Return an array with nothing of meaning in it, the same for the same name."""
        n_bytes = np.dtype(dtype).itemsize * math.prod(shape)
        held = self._held.get(name)
        if held is None or held.size < n_bytes:
            held = self._held[name] = np.empty(n_bytes, np.uint8)
        return held[:n_bytes].view(dtype).reshape(shape)

    @property
    def size(self) -> int:
        """Bytes, of all of them."""
        return sum(held.size for held in self._held.values())


_FREE: deque[WorkingArrays] = deque()  # of those that no thread uses at the moment


@contextmanager
def working_arrays() -> Iterator[WorkingArrays]:
    """Lend the working arrays that were used last, for as long as the context."""
    try:
        arrays = _FREE.pop()
    except IndexError:
        arrays = WorkingArrays()
    try:
        yield arrays
    finally:
        if arrays.size <= KEPT:
            _FREE.append(arrays)
