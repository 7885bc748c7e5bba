"""Frames: for networks of any shape, the unit nearest the centre of a frame of background.

The canvas is laid exactly on that unit's receptive field, which lies wholly inside the frame, so
that neither padding nor the background around the canvas reaches the unit. The units around it, if
they are asked for, answer to the same frame, each from its own place.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from artiphys.errors import InputError
from artiphys_torch.networks.layers import dtype_of
from artiphys_torch.networks.weights import one_line
from artiphys_torch.probing.precision import at_least_two
from artiphys_torch.receptive_fields.connections import Connections
from artiphys_torch.receptive_fields.fields import (
    LARGEST,
    ONE_SIZE,
    ReceptiveField,
    Where,
    answers_beyond,
    placed,
    units_inside,
)
from artiphys_torch.receptive_fields.light_copy import padding
from artiphys_torch.receptive_fields.running import Reached, until_reached

__all__ = ["FramePass", "Map", "WholePass", "frame_passes"]


class Map(NamedTuple):
    """The units of a layer that are read: a part of its map."""

    rows: range
    columns: range
    middle: tuple[int, int]
    """Row and column of the unit that the canvas is laid on."""
    stride: tuple[float, float] = (np.nan, np.nan)
    """Of the units' fields, in pixels; NaN where they have none of their own."""

    @property
    def n_places(self) -> int:
        """Of units of one channel."""
        return len(self.rows) * len(self.columns)


class FramePass:
    """Runs layers with the same receptive field, at the same place in the same frame."""

    method = "frame"

    def __init__(
        self,
        model: nn.Module,
        maps: dict[str, Map],
        corner: tuple[int, int],
        size: int,
        frame: int,
        background: torch.Tensor,
        channels_last: Collection[str] = (),
    ) -> None:
        self.size = size
        self.maps = maps
        self.layers = tuple(maps)
        self._model, self._corner, self._frame = model, corner, frame
        self._background, self._channels_last = background, channels_last
        self._dtype = dtype_of(model)

    def __call__(self, canvases: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the responses to some canvases, {layer: (canvas, unit)}.

        Units are in the order of channel, row, column.
        """
        outputs: dict[str, torch.Tensor] = {}

        def keep(layer: str, output: torch.Tensor) -> None:
            # Cloned: the next module may work in place.
            units = self._units(layer, output)[: len(canvases)]
            outputs[layer] = units.clone(memory_format=torch.contiguous_format).flatten(1)
            if len(outputs) == len(self.layers):
                raise Reached

        hooks = [
            self._module(layer).register_forward_hook(
                lambda _module, _inputs, output, layer=layer: keep(layer, output)
            )
            for layer in self.layers
        ]
        self._run(canvases, hooks)
        return outputs

    def inputs(self, canvases: torch.Tensor) -> torch.Tensor:
        """Return what enters the layer, a convolution, (canvas, channel, row, column)."""
        (layer,) = self.layers
        convolution: Any = self._module(layer)
        taken: list[torch.Tensor] = []

        def take(_module: nn.Module, args: tuple[Any, ...]) -> None:
            # Only now is it sure what the forward pass has made of stride and padding.
            left, _, above, _ = padding(convolution)
            windows = []
            for axis, index in enumerate(self.maps[layer].middle):
                stride, dilation = convolution.stride[axis], convolution.dilation[axis]
                start = index * stride - (above, left)[axis]
                stop = start + dilation * (convolution.kernel_size[axis] - 1) + 1
                windows.append(slice(start, stop, dilation))
            taken.append(args[0][: len(canvases), :, windows[0], windows[1]].clone())
            raise Reached

        self._run(canvases, [convolution.register_forward_pre_hook(take)])
        return taken[0]

    def describe(self) -> dict[str, Any]:
        """Return how the layers are run, for the provenance."""
        return {
            "layers": list(self.layers),
            "method": self.method,
            "rf_size": self.size,
            "frame": self._frame,
            "corner": list(self._corner),
            "unit": [list(each.middle) for each in self.maps.values()],
            **self._parts(),
        }

    def _parts(self) -> dict[str, Any]:
        """Return which units are read, where they are more than one of a channel."""
        if all(each.n_places == 1 for each in self.maps.values()):
            return {}
        return {
            along: [[part.start, part.stop] for part in parts]
            for along, parts in (
                ("rows", [each.rows for each in self.maps.values()]),
                ("columns", [each.columns for each in self.maps.values()]),
            )
        }

    def _units(self, layer: str, output: Any) -> torch.Tensor:
        """Return the answers of the layer's units, (image, channel, row, column)."""
        rows, columns = self.maps[layer][:2]
        if layer in self._channels_last:
            output = output.permute(0, 3, 1, 2)
        return output[:, :, rows.start : rows.stop, columns.start : columns.stop]

    def _module(self, layer: str) -> nn.Module:
        return self._model.get_submodule(layer)

    def _run(self, canvases: torch.Tensor, hooks: Sequence[Any]) -> None:
        top, left = self._corner
        canvases = at_least_two(canvases)
        frames = self._background.to(canvases.device, canvases.dtype)
        frames = frames.repeat(len(canvases), self._frame, self._frame, 1).permute(0, 3, 1, 2)
        frames[:, :, top : top + self.size, left : left + self.size] = canvases
        try:
            with until_reached(hooks, self._model):
                self._model(frames.to(self._dtype))
        except (InputError, RuntimeError):  # what memory cannot hold is told otherwise
            raise
        except Exception as error:  # a forward pass raises what it likes
            msg = (
                f"the network cannot be run on {len(frames)} frames of {self._frame} pixels:"
                f" {one_line(error)}"
            )
            raise InputError(msg) from error


class WholePass(FramePass):
    """Runs layers on canvases that are the whole frame: another quantity, of the whole image.

    Of a map the unit nearest its centre is taken, of tokens the first, or all; padding has its
    part. Tokens are a map of one row.
    """

    method = "whole image"

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[str],
        frame: int,
        background: torch.Tensor,
        *,
        whole_map: bool = False,
    ) -> None:
        first = Map(range(1), range(1), (0, 0))  # until the layer has been run
        super().__init__(model, dict.fromkeys(layers, first), (0, 0), frame, frame, background)
        self._whole_map = whole_map

    def _units(self, layer: str, output: Any) -> torch.Tensor:
        if not isinstance(output, torch.Tensor) or not 2 <= output.ndim <= 4:
            msg = (
                f"layer {layer!r} must give (image, channel), (image, token, channel) or a map of"
                f" units; it gives {getattr(output, 'shape', type(output).__name__)}"
            )
            raise InputError(msg)
        if output.ndim == 2:
            output = output[:, :, None, None]
        middle = (output.shape[2] // 2, output.shape[3] // 2) if output.ndim == 4 else (0, 0)
        if output.ndim == 3:
            output = output.permute(0, 2, 1)[:, :, None]
        rows, columns = (range(n) for n in output.shape[2:])
        if not self._whole_map:
            rows, columns = (range(index, index + 1) for index in middle)
        self.maps[layer] = Map(rows, columns, middle)
        return super()._units(layer, output)


def frame_passes(
    model: nn.Module,
    connections: Connections,
    found: dict[str, tuple[ReceptiveField, ReceptiveField]],
    background: torch.Tensor,
    device: torch.device,
    tick: Callable[[int], Any] = lambda n_layers: None,
    *,
    reached: Callable[[int], tuple[range, range]] | None = None,
) -> tuple[list[FramePass], dict[str, str]]:
    """Return the passes for layers whose fields are known, and why the others have none.

    Parameters
    ----------
    model : torch.nn.Module
        A copy, in evaluation, to be run; it is moved to the device.
    connections : Connections
        Of the model's.
    found : dict
        Fields along a column and along a row, by layer.
    background : torch.Tensor, (channel)
        Its value after normalisation.
    device : torch.device
    tick : callable, optional
        Called with the number of layers whenever some are done.
    reached : callable, optional
        Returns rows and columns of a canvas of some size. All units are read whose fields reach
        into them and lie in the frame; by default the one that the canvas is laid on.
    """
    groups, refused = _by_place(connections, found, reached)
    for where, maps in groups.items():
        beyond = _answering_beyond(connections, maps, where)
        tick(len(maps))
        refused |= beyond
        for layer in beyond:
            del maps[layer]
    if not any(groups.values()):
        return [], refused
    model.to(device)
    return [
        FramePass(model, maps, corner, size, frame, background, connections.channels_last)
        for (frame, corner, size), maps in groups.items()
        if maps
    ], refused


def _by_place(
    connections: Connections,
    found: dict[str, tuple[ReceptiveField, ReceptiveField]],
    reached: Callable[[int], tuple[range, range]] | None,
) -> tuple[dict[Where, dict[str, Map]], dict[str, str]]:
    """Return the layers' units by where the canvas is laid, and why the others have none."""
    refused: dict[str, str] = {}
    groups: dict[Where, dict[str, Map]] = {}
    for layer, field in found.items():
        size = field[0].size
        if size != field[1].size:
            refused[layer] = (
                f"layer {layer!r}: the receptive field must be square, as the canvas is;"
                f" got {size} × {field[1].size} pixels"
            )
            continue
        place = placed(connections, layer, field, ONE_SIZE if reached else 0)
        if place and reached:
            inside = units_inside(connections, layer, field, place, reached(size))
        elif place:
            inside = (
                range(place.unit[0], place.unit[0] + 1),
                range(place.unit[1], place.unit[1] + 1),
            )
        if place is None or inside is None:
            why = (
                f"does not fit in a frame of {LARGEST} pixels"
                if size > LARGEST
                else "lies elsewhere in every size of frame that was tried, as where padding"
                " hangs on the size of the image"
            )
            refused[layer] = f"layer {layer!r}: its receptive field of {size} × {size} pixels {why}"
            continue
        units = Map(*inside, place.unit, (field[0].stride, field[1].stride))
        groups.setdefault((place.frame, place.corner, size), {})[layer] = units
    return groups, refused


def _answering_beyond(
    connections: Connections, maps: dict[str, Map], where: Where
) -> dict[str, str]:
    """Return what is wrong with layers of which a unit answers beyond its field.

    Of those that are read, the one in the middle, the first and the last are tried.
    """
    frame, corner, size = where
    refused = answers_beyond(connections, {n: each.middle for n, each in maps.items()}, where)
    for layer, each in maps.items():
        for unit in sorted({(each.rows[i], each.columns[i]) for i in (0, -1)} - {each.middle}):
            steps = zip(corner, unit, each.middle, each.stride, strict=True)
            top, left = (at + int(stride) * (u - m) for at, u, m, stride in steps)
            refused |= answers_beyond(connections, {layer: unit}, (frame, (top, left), size))
    return refused
