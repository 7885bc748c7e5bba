"""Probing of Table 1 against whole frames through torchvision's feature extractor, and a floor.

The photographs × positions × layers of the paper's Table 1 on one AlexNet, several ways in one
process:

- ``probe``, from the files to the labelled array;
- frames of 224 pixels, the canvas laid on the field of a unit near the centre, run through
  ``torchvision.models.feature_extraction.create_feature_extractor``, a pass for each layer;
- the bare forward passes of the same canvases, already in memory as torch lays out tensors, through
  the modules up to the layer without padding;
- the same, weights and canvases with their channels last in memory, which is the fastest that torch
  does it: what no probing can do without.

The values of all are compared before anything is timed, and rounds are interleaved. All passes run
on the same cores, by default all but one. Reading the photographs and resizing them, which only
``probe`` does, takes the core that is left, or where all of them run passes, its share of these.
With one thread for the passes the processor time of that thread is what counts: on a machine that
does nothing else it is the clock's.

    python benchmarks/probing.py [PHOTOGRAPHS] [--n-images 500] [--rounds 3] [--threads N]
    python benchmarks/probing.py --no-frames       # without what takes the longest
"""

import argparse
import copy
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from artiphys_torch import as_photographs, load_alexnet, probe, receptive_field
from artiphys_torch.networks.loading import ALEXNET_AREAS
from artiphys_torch.probing.plan import BATCH_SIZE
from artiphys_torch.stimuli.canvas import SHIFTS, Stimulus, patch

FRAME = 224


def main(
    images: Any = None,
    n_images: int = 500,
    n_rounds: int = 3,
    n_threads: int | None = None,
    *,
    with_frames: bool = True,
) -> tuple[float, float, float]:
    """Print and return: times faster than whole frames, and times the time of either floor.

    By the clock, or where the passes have one thread, by the processor time of that.
    """
    threads_before = torch.get_num_threads()
    torch.set_num_threads(n_threads or max(1, len(os.sched_getaffinity(0)) - 1))
    try:
        return _compared(images, n_images, n_rounds, with_frames)
    finally:
        torch.set_num_threads(threads_before)


def _compared(
    images: Any, n_images: int, n_rounds: int, with_frames: bool
) -> tuple[float, float, float]:
    model = load_alexnet()
    photographs = as_photographs(images, n_images=n_images)
    by_layer = {layer: _canvases(model, layer, photographs) for layer in ALEXNET_AREAS.values()}
    extractors = {layer: create_feature_extractor(model, [layer]).eval() for layer in by_layer}
    floors = {
        memory_format: (
            {layer: _bare(model, layer, memory_format) for layer in by_layer},
            {
                layer: laid.contiguous(memory_format=memory_format)
                for layer, laid in by_layer.items()
            },
        )
        for memory_format in (torch.contiguous_format, torch.channels_last)
    }

    def frames() -> list[torch.Tensor]:
        return [_in_frames(model, e, layer, by_layer[layer]) for layer, e in extractors.items()]

    def floor(memory_format: torch.memory_format) -> list[torch.Tensor]:
        networks, laid = floors[memory_format]
        return [_in_batches(networks[layer], laid[layer]) for layer in laid]

    ways: dict[str, Callable[[], Any]] = {
        "probe": lambda: probe(model, photographs, progress=False),
        "frames of 224 pixels": frames,
        "bare passes": lambda: floor(torch.contiguous_format),
        "bare passes, channels last": lambda: floor(torch.channels_last),
    }
    if not with_frames:
        del ways["frames of 224 pixels"]
    _require_equal({name: way() for name, way in ways.items()})
    taken: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    for _ in range(n_rounds):
        for name, way in ways.items():
            start = _clocks()
            way()
            taken[name].append(_clocks() - start)
    # The least of a way's rounds: what else the machine was doing makes it longer only.
    least = {name: np.min(values, axis=0) for name, values in taken.items()}
    counts = f"{len(photographs)} photographs × {len(SHIFTS)} positions × {len(by_layer)} layers"
    print(f"{counts} of AlexNet, threads of the passes: {torch.get_num_threads()}")
    print(f"{'':28} {'seconds':>24} {'probe takes … times that':>32}")
    heads = ("clock", "thread", "all")
    print(f"{'':28}" + "".join(f"{head:>9}" for head in heads) * 2)
    for name, value in least.items():
        numbers = (*value, *(least["probe"] / value))
        print(f"{name:28}" + "".join(f"{number:9.2f}" for number in numbers))
    print("thread: processor time of the thread that runs the network; all: of all threads")
    which = 1 if torch.get_num_threads() == 1 else 0
    frames_too = least.get("frames of 224 pixels", np.full(3, np.nan))
    return (
        float(frames_too[which] / least["probe"][which]),
        float(least["probe"][which] / least["bare passes"][which]),
        float(least["probe"][which] / least["bare passes, channels last"][which]),
    )


def _clocks() -> np.ndarray:
    return np.array([time.perf_counter(), time.thread_time(), time.process_time()])


def _canvases(model: nn.Module, layer: str, photographs: Any) -> torch.Tensor:
    stimulus, size = Stimulus(), receptive_field(model, layer).size
    side = stimulus.geometry(size).patch
    patches = np.stack([patch(item.read(), side) for item in photographs])
    return stimulus.canvases(torch.from_numpy(patches), size)


def _bare(model: nn.Module, layer: str, memory_format: torch.memory_format) -> nn.Module:
    modules = []
    for module in list(model.features)[: int(layer.split(".")[1]) + 1]:
        bare = copy.deepcopy(module)
        if hasattr(bare, "padding"):
            bare.padding = (0, 0) if isinstance(bare, nn.Conv2d) else 0
        modules.append(bare)
    return nn.Sequential(*modules).to(memory_format=memory_format)


@torch.inference_mode()
def _in_batches(network: nn.Module, laid: torch.Tensor) -> torch.Tensor:
    return torch.cat([network(batch).flatten(1) for batch in laid.split(BATCH_SIZE)])


@torch.inference_mode()
def _in_frames(
    model: nn.Module, extractor: nn.Module, layer: str, laid: torch.Tensor
) -> torch.Tensor:
    field = receptive_field(model, layer)
    unit = round(((FRAME - 1) / 2 - field.centre) / field.stride)
    corner = slice(field.start(unit), field.start(unit) + field.size)
    frames = torch.zeros(BATCH_SIZE, 3, FRAME, FRAME)
    values = []
    for batch in laid.split(BATCH_SIZE):
        frames[: len(batch), :, corner, corner] = batch
        values.append(extractor(frames[: len(batch)])[layer][:, :, unit, unit].clone())
    return torch.cat(values)


def _require_equal(found: dict[str, Any]) -> None:
    """Compare every way's values with probe's, to 1e-5 of their size."""
    responses = found.pop("probe")
    areas = responses.area.values
    for name, by_layer in found.items():
        for area, values in zip(ALEXNET_AREAS, by_layer, strict=True):
            expected = responses.values[areas == area].reshape(values.shape[1], -1).T
            error = np.abs(values.numpy() - expected).max() / np.abs(expected).max()
            assert error < 1e-5, f"{name}, {area}: differs by {error:.1e}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", nargs="?")
    parser.add_argument("--n-images", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--no-frames", action="store_true")
    given = parser.parse_args()
    main(
        given.photographs,
        given.n_images,
        given.rounds,
        given.threads,
        with_frames=not given.no_frames,
    )
