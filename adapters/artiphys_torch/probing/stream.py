"""The stream of a probing: photographs are read ahead, laid on canvases and answered to in turn.

What is held at any time is some photographs that were read ahead and one chunk of responses, so
that memory does not hang on how many images there are. On an accelerator nothing waits: patches and
responses are copied from and to pinned memory while it computes.
"""

import itertools
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch

from artiphys.errors import InputError
from artiphys_torch.probing.chains import ChainPass
from artiphys_torch.probing.frames import FramePass
from artiphys_torch.probing.plan import Plan
from artiphys_torch.stimuli.canvas import patch

__all__ = ["Canvases", "Portion", "answers", "portions", "require_finite"]

AHEAD = 64  # photographs that may be read before it is their turn
MOST_READERS = 16  # threads
LATE = {"cuda": 1}  # portions that a device computes before the responses to one are awaited


class Portion(NamedTuple):
    """Photographs that go through the network together."""

    images: range
    patches: dict[int, torch.Tensor]
    """By receptive field, (image, row, column, channel) of uint8."""


def answers(
    plan: Plan, chunks: Sequence[range], n_units: int, bar: Any
) -> Iterator[tuple[range, np.ndarray]]:
    """Yield chunks of images and the responses to them, (unit, image, position).

    Units are in the order of the plan's layers.

    Raises
    ------
    InputError
        If a photograph cannot be read, or a response is not finite.
    """
    n_positions = len(plan.stimulus.shifts)
    begun = iter(chunks)
    chunk, values = range(0), np.empty(0)
    for images, columns in _arrived(plan, chunks, bar):
        if images.start not in chunk:
            chunk = next(begun)
            values = np.empty((n_units, len(chunk), n_positions), columns.numpy().dtype)
        at = images.start - chunk.start
        by_unit = columns.unflatten(0, (-1, n_positions)).permute(2, 0, 1)
        values[:, at : at + len(images)] = by_unit.numpy()
        if images.stop == chunk.stop:
            require_finite(plan, values, chunk)
            yield chunk, values


def portions(plan: Plan, chunks: Sequence[range]) -> Iterator[Portion]:
    """Yield the photographs of some chunks, as many as fill a batch at once.

    Each is read once for all layers, and what is kept of it is small. Others are read beside the
    passes over those before, where these leave a core free for it.
    """
    few = max(1, plan.run.batch_size // len(plan.stimulus.shifts))
    together = [chunk[i : i + few] for chunk in chunks for i in range(0, len(chunk), few)]
    sides = {each.size: plan.stimulus.geometry(each.size).patch for each in plan.passes}
    pinned = plan.run.device.type == "cuda"

    def cut(index: int) -> list[np.ndarray]:
        picture = plan.photographs[index].read()
        return [patch(picture, side) for side in sides.values()]

    def stacked(column: Sequence[np.ndarray]) -> torch.Tensor:
        patches = torch.from_numpy(np.stack(column))
        return patches.pin_memory() if pinned else patches

    n_readers, beside = _readers(plan.run.device)
    to_read = itertools.chain.from_iterable(together)
    reading: deque[Future[list[np.ndarray]]] = deque()
    pool = ThreadPoolExecutor(n_readers)
    try:
        for images in together:
            n_wanted = len(images) + (AHEAD if beside else 0) - len(reading)
            following = itertools.islice(to_read, max(0, n_wanted))
            reading.extend(pool.submit(cut, index) for index in following)
            cuts = [reading.popleft().result() for _ in images]
            columns = map(stacked, zip(*cuts, strict=True))
            yield Portion(images, dict(zip(sides, columns, strict=True)))
    finally:
        pool.shutdown(cancel_futures=True)


class Canvases:
    """Lays portions of photographs on canvases, always in the same memory.

    Most of a canvas is background, which thus is laid once.
    """

    def __init__(self, plan: Plan, bar: Any) -> None:
        self._plan, self._bar = plan, bar
        self._laid: dict[int, torch.Tensor] = {}

    def __call__(self, each: ChainPass | FramePass, portion: Portion) -> Iterator[torch.Tensor]:
        """Yield the canvases of a portion for one pass, at most `batch_size` at once."""
        stimulus, run = self._plan.stimulus, self._plan.run
        patches = portion.patches[each.size].to(run.device, non_blocking=True)
        over = self._laid.get(each.size)
        if over is not None and len(over) < len(patches) * len(stimulus.shifts):
            over = None
        laid = stimulus.canvases(patches, each.size, over=over)
        if over is None:
            self._laid[each.size] = laid
        for batch in laid.split(run.batch_size):
            yield batch
            self._bar.update(len(batch))


def require_finite(plan: Plan, values: np.ndarray, chunk: range) -> None:
    """Raise if a response, (unit, image, position), to a chunk of images is none."""
    bad = ~np.isfinite(values)
    if bad.any():
        image = plan.photographs[chunk[int(bad.any(axis=(0, 2)).argmax())]].name
        msg = (
            f"{int(bad.any(axis=(1, 2)).sum())} of {len(values)} units answer NaN or infinity,"
            f" first to {image}: {plan.why_not_finite()}"
        )
        raise InputError(msg)


def _arrived(plan: Plan, chunks: Sequence[range], bar: Any) -> Iterator[tuple[range, torch.Tensor]]:
    """Yield the images of portions and the responses to them, (canvas, unit), in memory.

    From an accelerator they arrive while the next portion is computed.
    """
    lay = Canvases(plan, bar)
    under_way: deque[tuple[range, torch.Tensor, Any]] = deque()
    late = LATE.get(plan.run.device.type, 0)
    for portion in portions(plan, chunks):
        by_layer: dict[str, list[torch.Tensor]] = {layer: [] for layer in plan.areas}
        for each in plan.passes:
            for batch in lay(each, portion):
                for layer, values in each(batch).items():
                    by_layer[layer].append(values)
        columns = torch.cat([torch.cat(parts) for parts in by_layer.values()], dim=1)
        under_way.append((portion.images, *_sent(columns)))
        if len(under_way) > late:
            yield _received(*under_way.popleft())
    while under_way:
        yield _received(*under_way.popleft())


def _sent(columns: torch.Tensor) -> tuple[torch.Tensor, Any]:
    """Return a copy in memory that is under way, and what tells when it is there."""
    if columns.device.type != "cuda":
        return columns.to("cpu"), None
    host = torch.empty(columns.shape, dtype=columns.dtype, pin_memory=True)
    host.copy_(columns, non_blocking=True)
    there = torch.cuda.Event()
    there.record(torch.cuda.current_stream(columns.device))
    return host, there


def _received(images: range, columns: torch.Tensor, there: Any) -> tuple[range, torch.Tensor]:
    if there is not None:
        there.synchronize()
    return images, columns.to(torch.promote_types(columns.dtype, torch.float32))


def _readers(device: torch.device) -> tuple[int, bool]:
    """Return how many threads read photographs, and whether they do so beside the passes.

    Passes on all the cores are not read beside: they would wait for the very cores that the reading
    takes from them, one for another.
    """
    n_cores = _n_cores()
    taken = torch.get_num_threads() if device.type == "cpu" else 1
    beside = taken < n_cores
    return min(MOST_READERS, n_cores - taken if beside else n_cores), beside


def _n_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
