"""The extent of a probing: how many responses there will be, in what portions, how long it takes.

Known from one black photograph, before any work.
"""

import shutil
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from artiphys.errors import ArtiphysWarning
from artiphys_torch.probing.plan import Plan

__all__ = ["Extent", "extent", "say_if_long"]

CHUNK = 64  # photographs whose responses are written together
CHUNK_BYTES = 2**26  # that these take at most, if they are more than one
LARGE = 2**31  # bytes worth a word
LONG = 300  # seconds, likewise
TIME_UNITS = ((86400, "days"), (3600, "h"), (60, "min"))


class Extent(NamedTuple):
    """How many responses there will be."""

    n_units: dict[str, int]
    """By layer."""
    shape: tuple[int, int, int]
    """Of the responses, (unit, image, position)."""
    dtype: np.dtype
    seconds: float
    """That one photograph took; the first, so that it is too many rather than too few."""

    @property
    def n_bytes(self) -> int:
        """That the responses take."""
        n_units, n_images, n_positions = self.shape
        return n_units * n_images * n_positions * self.dtype.itemsize

    @property
    def chunks(self) -> list[range]:
        """Images in the portions that are written together."""
        n_units, n_images, n_positions = self.shape
        fit = CHUNK_BYTES // (n_units * n_positions * self.dtype.itemsize)
        each = max(1, min(CHUNK, fit, n_images))
        return [range(i, min(i + each, n_images)) for i in range(0, n_images, each)]


def extent(plan: Plan) -> Extent:
    """Return the extent of a probing, for which one photograph is run."""
    start = time.perf_counter()
    found = {
        layer: values
        for each in plan.passes
        for layer, values in each(plan.blank(each.size)).items()
    }
    n_units = {layer: found[layer].shape[1] for layer in plan.areas}
    computed = {values.dtype for values in found.values()}
    dtype = np.result_type(*(np.float64 if d is torch.float64 else np.float32 for d in computed))
    shape = (sum(n_units.values()), len(plan.photographs), len(plan.stimulus.shifts))
    return Extent(n_units, shape, dtype, time.perf_counter() - start)


def say_if_long(plan: Plan, size: Extent) -> None:
    """Warn of responses that take much memory or room on the disk, or long to compute."""
    seconds = 0.0
    if size.shape[1] * size.seconds > LONG:
        seconds = size.shape[1] * _seconds(plan)
    if size.n_bytes <= LARGE and seconds <= LONG:
        return
    n_units, n_images, n_positions = size.shape
    what = f"{n_units} units × {n_images} images × {n_positions} positions"
    if plan.run.out is None:
        room = f"take {size.n_bytes / 1e9:.2g} GB of memory, and next to none if out is a path"
    else:
        out = Path(plan.run.out)
        free = shutil.disk_usage(out.parent).free
        room = (
            f"take up to {size.n_bytes / 1e9:.2g} GB in {out.name}, where {free / 1e9:.3g} GB are"
            " free"
        )
    long = f"; about {_told(seconds)} on {plan.run.device}" if seconds else ""
    warnings.warn(f"the responses of {what} {room}{long}", ArtiphysWarning, stacklevel=3)


def _seconds(plan: Plan) -> float:
    """Return the seconds that a photograph takes, from a batch of black ones."""
    n_photographs = max(1, plan.run.batch_size // len(plan.stimulus.shifts))
    start = time.perf_counter()
    for each in plan.passes:
        blank = plan.blank(each.size)
        for values in each(blank.repeat(n_photographs, 1, 1, 1)).values():
            values[0, 0].item()  # an accelerator's passes are done when their values are there
    passes = (time.perf_counter() - start) / n_photographs
    start = time.perf_counter()
    plan.photographs[0].read()
    return passes + time.perf_counter() - start


def _told(seconds: float) -> str:
    for size, unit in TIME_UNITS:
        if seconds >= 2 * size or unit == "min":
            return f"{seconds / size:.2g} {unit}"
    raise AssertionError
