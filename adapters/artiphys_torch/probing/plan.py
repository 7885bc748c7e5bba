"""The plan of a probing: what is run on what, with everything checked and nothing run yet."""

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from artiphys.arguments import whole_number
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.responses.provenance import dropped
from artiphys_torch.networks.loading import Origin, origin_of
from artiphys_torch.probing.chains import Chain, ChainPass, chains
from artiphys_torch.probing.frames import FramePass, frame_passes
from artiphys_torch.probing.precision import exact_arithmetic, resolved_device
from artiphys_torch.receptive_fields.connections import Connections, check_layers, one_line
from artiphys_torch.receptive_fields.fields import fields
from artiphys_torch.stimuli.canvas import (
    CROP,
    SHIFTS,
    Geometry,
    Normalisation,
    canvases,
    geometry,
    ground,
    patch,
)
from artiphys_torch.stimuli.photographs import Photographs, as_photographs

__all__ = ["BATCH_SIZE", "Plan", "probe_plan"]

BATCH_SIZE = 48  # canvases in one forward pass; their activations stay in the cache's reach
CHUNK = 64  # photographs written at once, and read ahead
LARGE = 2**31  # bytes of a result worth a word


@dataclass(frozen=True)
class Plan:
    """What is run on what: everything checked, nothing run yet."""

    passes: tuple[ChainPass | FramePass, ...]
    areas: dict[str, str]  # by layer, in the order of the units
    photographs: Photographs
    shifts: tuple[float, ...]
    crop: float
    background: str | float
    normalisation: Normalisation
    batch_size: int
    device: torch.device
    origin: Origin
    source: str | None
    dropped: tuple[dict[str, Any], ...]
    architecture: str

    def geometry(self, size: int) -> Geometry:
        """Return where photographs lie in a receptive field of that size."""
        return geometry(size, crop=self.crop, shifts=self.shifts)

    def canvases(self, patches: torch.Tensor, size: int) -> torch.Tensor:
        """Return the canvases of some patches at every position, on the device."""
        return canvases(
            patches.to(self.device),
            self.geometry(size),
            normalisation=self.normalisation,
            background=self.background,
        )

    def blank(self, size: int) -> torch.Tensor:
        """Return the canvases of a black photograph, to be tried first."""
        side = self.geometry(size).patch
        return self.canvases(torch.zeros(1, side, side, 3, dtype=torch.uint8), size)

    def chunks(self) -> list[range]:
        """Return the images in the portions that are read, and kept, together."""
        n = len(self.photographs)
        return [range(i, min(i + CHUNK, n)) for i in range(0, n, CHUNK)]

    def patches(
        self, wanted: Callable[[range], bool] = lambda chunk: True
    ) -> Iterator[tuple[range, dict[int, torch.Tensor]]]:
        """Yield chunks of images and their patches by receptive field, the next read for a GPU.

        Each photograph is read once for all layers, and what is kept of it is small.
        """
        chunks = [chunk for chunk in self.chunks() if wanted(chunk)]
        sizes = {each.size: self.geometry(each.size).patch for each in self.passes}

        def cut(index: int) -> list[np.ndarray]:
            picture = self.photographs[index].read()
            return [patch(picture, side) for side in sizes.values()]

        def submitted(chunk: range) -> list[Future[list[np.ndarray]]]:
            return [pool.submit(cut, index) for index in chunk]

        pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
        try:
            ahead = submitted(chunks[0]) if chunks else []
            for number, chunk in enumerate(chunks):
                cuts = [future.result() for future in ahead or submitted(chunk)]
                following = chunks[number + 1 : number + 2]
                # On the CPU reading ahead would take from the passes the very cores they wait for.
                ahead = submitted(following[0]) if following and self.device.type != "cpu" else []
                columns = zip(*cuts, strict=True)
                yield (
                    chunk,
                    {
                        size: torch.from_numpy(np.stack(column))
                        for size, column in zip(sizes, columns, strict=True)
                    },
                )
        finally:
            pool.shutdown(cancel_futures=True)

    def batches(
        self, each: ChainPass | FramePass, patches: dict[int, torch.Tensor], bar: Any
    ) -> Iterator[torch.Tensor]:
        """Yield the canvases of a chunk for one pass, at most `batch_size` at once."""
        n_photographs = max(1, self.batch_size // len(self.shifts))
        for few in patches[each.size].split(n_photographs):
            for batch in self.canvases(few, each.size).split(self.batch_size):
                yield batch
                bar.update(len(batch))

    @contextmanager
    def bar(self, progress: bool | None, n_done: int = 0) -> Iterator[Any]:
        """Give a progress bar, `n_done` images of it done already."""
        per_image = len(self.shifts) * len(self.passes)
        with _bar(
            progress,
            total=len(self.photographs) * per_image,
            initial=n_done * per_image,
            desc=self.source or self.origin.source,
            unit="canvas",
        ) as bar:
            yield bar

    @contextmanager
    def running(self) -> Iterator[None]:
        """Compute without short cuts; what torch raises on what does not fit becomes one line."""
        try:
            with exact_arithmetic(self.device):
                yield
        except torch.OutOfMemoryError as error:
            msg = f"the memory of {self.device} is full; take a batch_size below {self.batch_size}"
            raise InputError(msg) from error
        except RuntimeError as error:
            msg = f"the network cannot be run on canvases of RGB photographs: {one_line(error)}"
            raise InputError(msg) from error

    def say_if_large(self, n_units: int) -> None:
        """Warn of responses that take much memory."""
        shape = (n_units, len(self.photographs), len(self.shifts))
        n_bytes = math.prod(shape) * 4
        if n_bytes > LARGE:
            msg = (
                f"the responses of {shape[0]} units to {shape[1]} images at {shape[2]} positions"
                f" take {n_bytes / 1e9:.1f} GB of memory; ask for fewer layers to make it less"
            )
            warnings.warn(msg, ArtiphysWarning, stacklevel=3)

    def key(self) -> dict[str, Any]:
        """Return everything that the responses depend on."""
        return {
            "weights": self.origin.digest,
            "architecture": self.architecture,
            "images": self.photographs.digest(),
            "layers": self.areas,
            "passes": [each.describe() for each in self.passes],
            "shifts": self.shifts,
            "crop": self.crop,
            "background": self.background,
            "normalisation": self.normalisation,
            "device": self.device.type,
            "chunk": CHUNK,
            "versions": {name: version(name) for name in ("artiphys", "torch", "pillow", "numpy")},
        }


def probe_plan(
    model: nn.Module,
    images: Any,
    layers: str | Sequence[str] | Mapping[str, str] | None,
    *,
    shifts: Sequence[float] = SHIFTS,
    crop: float = CROP,
    background: str | float = "mean",
    batch_size: int = BATCH_SIZE,
    device: str | torch.device = "auto",
    normalisation: Normalisation | None = None,
    source: str | None = None,
    progress: bool | None = None,
) -> Plan:
    """Check everything that can be checked before any work, and say what is to be run.

    Parameters, and what is raised, as for :func:`artiphys_torch.probe`. Warnings point two calls
    up, at the user of the function that asks for a plan.
    """
    areas, asked = _areas(model, layers)
    shifts = _checked_shifts(shifts)
    crop = _number(crop, "crop")
    geometry(64, crop=crop, shifts=shifts)
    batch_size = whole_number(batch_size, "batch_size", 1)
    if source is not None and (not isinstance(source, str) or not source):
        msg = f"source must be a name, the network and its weights; got {source!r}"
        raise InputError(msg)
    found_device = resolved_device(device)
    origin = origin_of(model)
    normalisation = Normalisation(*(normalisation or origin.normalisation))
    ground_value = ground(normalisation, background)
    photographs = as_photographs(images)
    passes, refused = _passes(model, list(areas), ground_value, found_device, progress)
    if refused and (asked or not passes):
        raise InputError("; ".join(refused.values()))
    still = _unshifted(passes, crop, shifts)
    if still and not asked and len(still) < sum(len(each.layers) for each in passes):
        passes = [each for each in passes if not set(each.layers) & set(still)]
        refused |= still
    elif still:
        warnings.warn("; ".join(still.values()), ArtiphysWarning, stacklevel=3)
    left: tuple[dict[str, Any], ...] = ()
    if refused:
        first = next(iter(refused.values()))
        msg = f"{len(refused)} of {len(areas)} convolutions are left out: {first}"
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)
        left = (
            dropped(
                "layer",
                "receptive field too large to fit or too small to shift in",
                len(refused),
                layers=list(refused),
            ),
        )
    return Plan(
        passes=tuple(passes),
        areas={layer: area for layer, area in areas.items() if layer not in refused},
        photographs=photographs,
        shifts=shifts,
        crop=crop,
        background=background,
        normalisation=normalisation,
        batch_size=batch_size,
        device=found_device,
        origin=origin,
        source=source,
        dropped=(*photographs.dropped, *left),
        architecture=repr(model),
    )


def _areas(
    model: nn.Module, layers: str | Sequence[str] | Mapping[str, str] | None
) -> tuple[dict[str, str], bool]:
    """Return the area of each layer, and whether the layers were asked for by name."""
    check_layers(model, [])
    origin = getattr(model, "artiphys_origin", None)
    if layers is None:
        areas = origin.areas if isinstance(origin, Origin) else origin_of(model).areas
        if areas:
            return {layer: area for area, layer in areas.items()}, True
        found = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
        if not found:
            msg = f"{type(model).__name__} has no Conv2d; name the layers to be probed"
            raise InputError(msg)
        return {name: name for name in found}, False
    if isinstance(layers, str):
        layers = [layers]
    if not isinstance(layers, Iterable):
        msg = f"layers must be names, or a mapping of areas to names; got {layers!r}"
        raise InputError(msg)
    pairs = list(layers.items()) if isinstance(layers, Mapping) else [(n, n) for n in layers]
    names = [name for _, name in pairs]
    if not all(isinstance(name, str) for name in names):
        msg = f"layers must be names, as model.named_modules() has them; got {names!r}"
        raise InputError(msg)
    check_layers(model, names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        msg = "layers must name at least one layer, each once; got " + (
            f"{', '.join(twice)} more than once" if twice else "none"
        )
        raise InputError(msg)
    return {name: str(area) for area, name in pairs}, True


def _checked_shifts(shifts: Sequence[float]) -> tuple[float, ...]:
    try:
        values = tuple(float(shift) for shift in shifts)
    except (TypeError, ValueError) as error:
        msg = f"shifts must be numbers; got {shifts!r}"
        raise InputError(msg) from error
    if 0 not in values or len(set(values)) < len(values):
        msg = f"shifts must hold 0, the reference position, and each value once; got {values}"
        raise InputError(msg)
    return values


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        msg = f"{name} must be a number; got {value!r}"
        raise InputError(msg) from error


def _passes(
    model: nn.Module,
    layers: Sequence[str],
    ground_value: torch.Tensor,
    device: torch.device,
    progress: bool | None,
) -> tuple[list[ChainPass | FramePass], dict[str, str]]:
    """Return the passes that the layers need, and why some layers have none."""
    linear = {layer: chain for layer, chain in chains(model, layers).items() if chain.size}
    passes: list[ChainPass | FramePass] = [
        ChainPass(members, device) for members in _nested(list(linear.values()))
    ]
    rest = [layer for layer in layers if layer not in linear]
    if not rest:
        return passes, {}
    # Measured, then looked for in a frame: two steps a layer, half a second each in large networks.
    with _bar(progress, total=2 * len(rest), desc="receptive fields", unit="step") as bar:
        connections = Connections(model, rest)
        found, refused = fields(connections, bar.update)
        framed, too_large = frame_passes(
            model, connections, found, ground_value, device, bar.update
        )
    problems = {**refused, **too_large}
    return [*passes, *framed], {layer: problems[layer] for layer in rest if layer in problems}


def _bar(progress: bool | None, **how: Any) -> tqdm:
    """Return a progress bar; by default one that is seen on a terminal only."""
    return tqdm(disable=None if progress is None else not progress, leave=False, **how)


def _unshifted(
    passes: Sequence[ChainPass | FramePass], crop: float, shifts: Sequence[float]
) -> dict[str, str]:
    """Return the layers whose fields are so small that a shift is less than a pixel."""
    found = {}
    for each in passes:
        left = geometry(each.size, crop=crop, shifts=shifts).left
        if left.count(left[shifts.index(0)]) > 1:
            for layer in each.layers:
                found[layer] = (
                    f"layer {layer!r}: its receptive field is {each.size} pixels, too few for the"
                    f" shifts {', '.join(f'{shift:g}' for shift in shifts)}, which are"
                    f" {', '.join(map(str, left))} pixels, so that some invariance is 1 by itself"
                )
    return found


def _nested(linear: Sequence[Chain]) -> list[list[Chain]]:
    """Group chains of one receptive field of which each begins like the longest."""
    groups: list[list[Chain]] = []
    for chain in sorted(linear, key=lambda chain: -len(chain.steps)):
        for group in groups:
            longest = group[0]
            if chain.size == longest.size and chain.names == longest.names[: len(chain.names)]:
                group.append(chain)
                break
        else:
            groups.append([chain])
    return sorted(groups, key=lambda group: group[0].size)
