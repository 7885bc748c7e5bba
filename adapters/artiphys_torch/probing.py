"""Probing: what the units of a network answer to photographs at some places of their fields."""

import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import nn
from tqdm import tqdm

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.provenance import dropped, provenance
from artiphys.schema import response_array
from artiphys.storage import save_responses
from artiphys_torch.canvas import (
    CROP,
    SHIFTS,
    Geometry,
    Normalisation,
    canvases,
    geometry,
    ground,
    patch,
)
from artiphys_torch.chains import Chain, ChainPass, chains
from artiphys_torch.connections import Connections, check_layers, one_line
from artiphys_torch.frames import FramePass, frame_passes
from artiphys_torch.networks import Origin, origin_of
from artiphys_torch.partial_results import NotWrittenError, PartialResults, partial_folder
from artiphys_torch.photographs import Photographs, as_photographs
from artiphys_torch.precision import exact_arithmetic, resolved_device
from artiphys_torch.receptive_fields import fields
from artiphys_torch.whole_numbers import whole_number

__all__ = ["layer_inputs", "probe"]

BATCH_SIZE = 48  # canvases in one forward pass; their activations stay in the cache's reach
CHUNK = 64  # photographs written at once, and read ahead
LARGE = 2**31  # bytes of a result worth a word


def probe(
    model: nn.Module,
    images: Any = None,
    layers: str | Sequence[str] | Mapping[str, str] | None = None,
    *,
    shifts: Sequence[float] = SHIFTS,
    crop: float = CROP,
    background: str | float = "mean",
    batch_size: int = BATCH_SIZE,
    device: str | torch.device = "auto",
    source: str | None = None,
    out: str | Path | None = None,
    progress: bool | None = None,
    normalisation: Normalisation | None = None,
) -> xr.DataArray:
    """Return the responses of a network's units to photographs shifted within their fields.

    For a unit with a receptive field of R pixels each photograph is laid, ``round(crop · R)``
    pixels wide, on an R × R canvas of background, flush left and ``round(shift · R)`` pixels
    further right. The response is the unrectified output, of one unit a channel, whose field is
    that canvas.

    Parameters
    ----------
    model : torch.nn.Module
        Any that takes RGB images; it stays as it is. Responses are those of its evaluation mode.
    images : optional
        A folder, a list of files or arrays (see :func:`as_photographs`); by default 500 images of
        dead leaves.
    layers : str, sequence of str or mapping of area to str, optional
        Names in ``model.named_modules()``. By default AlexNet's conv2 to conv5 under those areas;
        of other networks all of ``torch.nn.Conv2d`` whose field fits, the others counted and told.
    shifts : sequence of float
        Displacements as shares of the receptive field, 0 (the reference position) among them.
    crop : float
        Side of the photograph as a share of the receptive field.
    background : {"mean", "black"} or float
        ``"mean"`` is 0 after normalisation; a number is taken after normalisation.
    batch_size : int
        Canvases in one forward pass; it bears on time and memory alone.
    device : str or torch.device
        ``"auto"`` is the first there is of cuda, mps and cpu.
    source : str, optional
        Name of the network and its weights; units are called ``source/area/channel``. By default
        what a loader of this package noted, with units called ``alexnet/conv3/17``.
    out : path, optional
        Also save the array there (``.nc`` or ``.zarr``). Finished chunks of images are kept beside
        it while the run lasts; a run that was killed goes on from them to the identical result.
    progress : bool, optional
        A progress bar; by default only on a terminal.
    normalisation : Normalisation, optional
        By default the one of the loaded weights, or else ImageNet's as in torchvision.

    Returns
    -------
    xarray.DataArray, (unit, image, position)
        A valid response array in ``a.u.``; positions are labelled by their shifts. Along ``unit``:
        area, source, layer, channel, rf_size. ``x`` is in pixels where all layers share one field,
        NaN where they do not.

    Raises
    ------
    InputError
        For an unknown layer (the valid ones are listed), a layer whose field does not fit (with its
        size), photographs that cannot be read, shifts that leave the canvas, responses that are not
        finite.

    Notes
    -----
    In a network whose layers form a chain only the canvas is run, with all padding taken off. In
    others the canvas is laid on the field of the unit nearest the centre of a larger frame of
    background; a field that does not fit a frame of 1024 pixels is refused.

    References
    ----------
    Pospisil & Bair (2019), The natural tendency of feed forward neural networks to favor invariant
    units, NeurIPS 32.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3))
    >>> responses = probe(network, np.zeros((2, 9, 9, 3)), "2", source="small", progress=False)
    >>> responses.sizes["unit"], responses.unit.values.tolist()
    (2, ['small/2/0', 'small/2/1'])
    """
    folder = None if out is None else partial_folder(out)
    plan = _plan(
        model, images, layers, shifts, crop, background, batch_size, device, normalisation, source
    )
    with exact_arithmetic(plan.device), _told(plan):
        n_channels = {
            layer: values.shape[1]
            for each in plan.passes
            for layer, values in each(plan.blank(each.size)).items()
        }
        plan.say_if_large(sum(n_channels.values()))
        kept = None if folder is None else PartialResults(folder, plan.key())
        try:
            values = _responses(plan, n_channels, kept, progress)
            responses = _labelled(plan, values, n_channels)
            if out is not None and kept is not None:
                with kept.writing():
                    save_responses(responses, out)
        except KeyboardInterrupt as interrupt:
            if kept is None or not kept.goes_on():
                raise
            msg = f"interrupted; {kept.goes_on()}"
            raise KeyboardInterrupt(msg) from interrupt
        except (NotWrittenError, MemoryError, torch.OutOfMemoryError):
            raise  # with more room, or smaller batches, the same call goes on
        except Exception:
            if kept:  # what is wrong has to be mended first, and then the key is another
                kept.remove()
            raise
    if kept:
        kept.remove()
    return responses


def layer_inputs(
    model: nn.Module,
    images: Any,
    layer: str,
    *,
    shifts: Sequence[float] = SHIFTS,
    crop: float = CROP,
    background: str | float = "mean",
    batch_size: int = BATCH_SIZE,
    device: str | torch.device = "auto",
    progress: bool | None = None,
    normalisation: Normalisation | None = None,
) -> xr.DataArray:
    """Return what enters the units of a convolution: rectified, pooled, whatever lies before it.

    The canvases are those of :func:`probe`, and the inputs those of the unit probed: their sum
    weighted with the convolution's kernel, plus its bias, is the response.

    Parameters
    ----------
    model, images, shifts, crop, background, batch_size, device, progress, normalisation
        As for :func:`probe`.
    layer : str
        Name of a ``torch.nn.Conv2d``.

    Returns
    -------
    xarray.DataArray, (image, position, channel, kh, kw)
        ``channel`` is the input channel; ``kh`` and ``kw`` are the kernel's row and column.

    Raises
    ------
    InputError
        As :func:`probe`, and if `layer` is no ``Conv2d``.
    """
    check_layers(model, [layer])
    if not isinstance(model.get_submodule(layer), nn.Conv2d):
        msg = f"layer {layer!r} must be a Conv2d; got {type(model.get_submodule(layer)).__name__}"
        raise InputError(msg)
    plan = _plan(
        model, images, layer, shifts, crop, background, batch_size, device, normalisation, None
    )
    (each,) = plan.passes
    parts = []
    with exact_arithmetic(plan.device), _told(plan), plan.bar(progress) as bar:
        for chunk, patches in plan.patches():
            values = torch.cat([each.inputs(batch) for batch in plan.batches(each, patches, bar)])
            parts.append(values.unflatten(0, (len(chunk), -1)).cpu().numpy())
    return xr.DataArray(
        np.concatenate(parts),
        dims=("image", "position", "channel", "kh", "kw"),
        coords={"image": plan.photographs.names, "position": list(plan.shifts)},
        name="input",
        attrs={"layer": layer, "reference": 0.0},
    )


@dataclass(frozen=True)
class _Plan:
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
        return geometry(size, crop=self.crop, shifts=self.shifts)

    def canvases(self, patches: torch.Tensor, size: int) -> torch.Tensor:
        return canvases(
            patches.to(self.device),
            self.geometry(size),
            normalisation=self.normalisation,
            background=self.background,
        )

    def blank(self, size: int) -> torch.Tensor:
        side = self.geometry(size).patch
        return self.canvases(torch.zeros(1, side, side, 3, dtype=torch.uint8), size)

    def patches(
        self, wanted: Callable[[int], bool] = lambda first: True
    ) -> Iterator[tuple[range, dict[int, torch.Tensor]]]:
        """Yield chunks of images and their patches by receptive field, the next read for a GPU.

        Each photograph is read once for all layers, and what is kept of it is small.
        """
        n = len(self.photographs)
        chunks = [range(i, min(i + CHUNK, n)) for i in range(0, n, CHUNK) if wanted(i)]
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
        per_image = len(self.shifts) * len(self.passes)
        with tqdm(
            total=len(self.photographs) * per_image,
            initial=n_done * per_image,
            desc=self.source or self.origin.source,
            unit="canvas",
            disable=None if progress is None else not progress,
            leave=False,
        ) as bar:
            yield bar

    def say_if_large(self, n_units: int) -> None:
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


def _plan(
    model: nn.Module,
    images: Any,
    layers: str | Sequence[str] | Mapping[str, str] | None,
    shifts: Sequence[float],
    crop: float,
    background: str | float,
    batch_size: int,
    device: str | torch.device,
    normalisation: Normalisation | None,
    source: str | None,
) -> _Plan:
    """Check everything that can be checked before any work, and say what is to be run."""
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
    passes, refused = _passes(model, list(areas), ground_value, found_device)
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
    return _Plan(
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
    pairs = list(layers.items()) if isinstance(layers, Mapping) else [(n, n) for n in layers]
    names = [name for _, name in pairs]
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
    model: nn.Module, layers: Sequence[str], ground_value: torch.Tensor, device: torch.device
) -> tuple[list[ChainPass | FramePass], dict[str, str]]:
    """Return the passes that the layers need, and why some layers have none."""
    linear = {layer: chain for layer, chain in chains(model, layers).items() if chain.size}
    passes: list[ChainPass | FramePass] = [
        ChainPass(members, device) for members in _nested(list(linear.values()))
    ]
    rest = [layer for layer in layers if layer not in linear]
    if not rest:
        return passes, {}
    connections = Connections(model, rest)
    found, refused = fields(connections)
    framed, too_large = frame_passes(model, connections, found, ground_value, device)
    problems = {**refused, **too_large}
    return [*passes, *framed], {layer: problems[layer] for layer in rest if layer in problems}


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


@contextmanager
def _told(plan: _Plan) -> Iterator[None]:
    """Turn what torch raises on a network or a device that does not fit into one line."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        msg = f"the memory of {plan.device} is full; take a batch_size below {plan.batch_size}"
        raise InputError(msg) from error
    except (RuntimeError, NotImplementedError) as error:
        msg = f"the network cannot be run on canvases of RGB photographs: {one_line(error)}"
        raise InputError(msg) from error


def _responses(
    plan: _Plan,
    n_channels: dict[str, int],
    kept: PartialResults | None,
    progress: bool | None,
) -> np.ndarray:
    """Return the responses, (unit, image, position), chunk by chunk of images."""
    n_units, n_images, n_positions = (
        sum(n_channels.values()),
        len(plan.photographs),
        len(plan.shifts),
    )
    done: dict[int, np.ndarray] = {}
    if kept:
        for first in range(0, n_images, CHUNK):
            shape = (n_units, min(CHUNK, n_images - first), n_positions)
            held = kept.load(first, shape)
            if held is not None:
                done[first] = held
    with plan.bar(progress, sum(chunk.shape[1] for chunk in done.values())) as bar:
        for chunk, patches in plan.patches(lambda first: first not in done):
            values = _chunk_responses(plan, patches, bar)
            _require_finite(plan, values, chunk)
            done[chunk.start] = values
            if kept:
                kept.save(chunk.start, values)
    return np.concatenate([done[first] for first in sorted(done)], axis=1)


def _chunk_responses(plan: _Plan, patches: dict[int, torch.Tensor], bar: Any) -> np.ndarray:
    """Return the responses to a chunk of images, units in the order of the layers."""
    by_layer: dict[str, list[torch.Tensor]] = {layer: [] for layer in plan.areas}
    for each in plan.passes:
        for batch in plan.batches(each, patches, bar):
            for layer, values in each(batch).items():
                by_layer[layer].append(values)
    columns = torch.cat([torch.cat(parts) for parts in by_layer.values()], dim=1)
    if columns.dtype in (torch.float16, torch.bfloat16):
        columns = columns.float()
    values = columns.unflatten(0, (-1, len(plan.shifts))).permute(2, 0, 1)
    return np.ascontiguousarray(values.cpu().numpy())


def _require_finite(plan: _Plan, values: np.ndarray, chunk: range) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        image = plan.photographs[chunk[int(bad.any(axis=(0, 2)).argmax())]].name
        msg = (
            f"{int(bad.any(axis=(1, 2)).sum())} of {len(values)} units answer NaN or infinity,"
            f" first to {image}: are the network's weights finite?"
        )
        raise InputError(msg)


def _labelled(plan: _Plan, values: np.ndarray, n_channels: dict[str, int]) -> xr.DataArray:
    sizes = {layer: each.size for each in plan.passes for layer in each.layers}
    prefix = plan.source or plan.origin.network
    labels = [
        (layer, area, channel)
        for layer, area in plan.areas.items()
        for channel in range(n_channels[layer])
    ]
    lefts = np.array([plan.geometry(each.size).left for each in plan.passes])
    shared = (lefts == lefts[0]).all(axis=0)
    return response_array(
        values,
        unit=[f"{prefix}/{area}/{channel}" for _, area, channel in labels],
        image=plan.photographs.names,
        position=list(plan.shifts),
        x=np.where(shared, lefts[0], np.nan).tolist(),
        y=[0.0] * len(plan.shifts),
        displacement_units="px",
        shift=plan.shifts,
        area=[area for _, area, _ in labels],
        source=plan.source or plan.origin.source,
        units="a.u.",
        reference=0.0,
        unit_coords={
            "layer": [layer for layer, _, _ in labels],
            "channel": [channel for _, _, channel in labels],
            "rf_size": [sizes[layer] for layer, _, _ in labels],
        },
        provenance=provenance(
            "artiphys_torch.probe",
            arguments={
                "layers": {area: layer for layer, area in plan.areas.items()},
                "shifts": plan.shifts,
                "crop": plan.crop,
                "background": plan.background,
                "normalisation": plan.normalisation._asdict(),
                "batch_size": plan.batch_size,
                "device": plan.device.type,
            },
            inputs=[
                {"name": plan.origin.source, "sha256": plan.origin.digest},
                {
                    "name": plan.photographs.origin,
                    "sha256": plan.photographs.digest(),
                    "count": len(plan.photographs),
                },
            ],
            dropped=plan.dropped,
            packages=("torch", "torchvision", "pillow"),
            passes=[each.describe() for each in plan.passes],
        ),
    )
