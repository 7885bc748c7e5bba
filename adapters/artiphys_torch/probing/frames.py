"""Frames: for networks of any shape, the unit nearest the centre of a frame of background.

The canvas is laid exactly on that unit's receptive field, which lies wholly inside the frame, so
that neither padding nor the background around the canvas reaches the unit.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import nn

from artiphys.errors import InputError
from artiphys_torch.networks.layers import dtype_of
from artiphys_torch.networks.weights import one_line
from artiphys_torch.probing.precision import at_least_two
from artiphys_torch.receptive_fields.connections import Connections
from artiphys_torch.receptive_fields.fields import (
    LARGEST,
    ReceptiveField,
    Where,
    answers_beyond,
    placed,
)
from artiphys_torch.receptive_fields.light_copy import padding
from artiphys_torch.receptive_fields.running import Reached, until_reached

__all__ = ["FramePass", "WholePass", "frame_passes"]


class FramePass:
    """Runs layers with the same receptive field, at the same place in the same frame."""

    method = "frame"

    def __init__(
        self,
        model: nn.Module,
        where: dict[str, tuple[int, int]],
        corner: tuple[int, int],
        size: int,
        frame: int,
        background: torch.Tensor,
        channels_last: Collection[str] = (),
    ) -> None:
        self.size = size
        self.layers = tuple(where)
        self._model, self._where, self._corner, self._frame = model, where, corner, frame
        self._background, self._channels_last = background, channels_last
        self._dtype = dtype_of(model)

    def __call__(self, canvases: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the responses to some canvases, {layer: (canvas, channel)}."""
        outputs: dict[str, torch.Tensor] = {}

        def keep(layer: str, output: torch.Tensor) -> None:
            # Cloned: the next module may work in place.
            outputs[layer] = self._unit(layer, output)[: len(canvases)].clone()
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
            for axis, index in enumerate(self._where[layer]):
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
            "unit": [list(self._where[layer]) for layer in self.layers],
        }

    def _unit(self, layer: str, output: Any) -> torch.Tensor:
        """Return the answers of the layer's one unit, (image, channel)."""
        row, column = self._where[layer]
        if layer in self._channels_last:
            output = output.permute(0, 3, 1, 2)
        return output[:, :, row, column]

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

    Of a map the unit nearest its centre is taken, of tokens the first; padding has its part.
    """

    method = "whole image"

    def __init__(
        self, model: nn.Module, layers: Sequence[str], frame: int, background: torch.Tensor
    ) -> None:
        super().__init__(model, dict.fromkeys(layers, (0, 0)), (0, 0), frame, frame, background)

    def _unit(self, layer: str, output: Any) -> torch.Tensor:
        if not isinstance(output, torch.Tensor) or not 2 <= output.ndim <= 4:
            msg = (
                f"layer {layer!r} must give (image, channel), (image, token, channel) or a map of"
                f" units; it gives {getattr(output, 'shape', type(output).__name__)}"
            )
            raise InputError(msg)
        if output.ndim < 4:
            return output if output.ndim == 2 else output[:, 0]
        self._where[layer] = (output.shape[2] // 2, output.shape[3] // 2)
        return output[:, :, output.shape[2] // 2, output.shape[3] // 2]


def frame_passes(
    model: nn.Module,
    connections: Connections,
    found: dict[str, tuple[ReceptiveField, ReceptiveField]],
    background: torch.Tensor,
    device: torch.device,
    tick: Callable[[int], Any] = lambda n_layers: None,
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
    """
    groups, refused = _by_place(connections, found)
    for where, units in groups.items():
        beyond = answers_beyond(connections, units, where)
        tick(len(units))
        refused |= beyond
        for layer in beyond:
            del units[layer]
    if not any(groups.values()):
        return [], refused
    model.to(device)
    return [
        FramePass(model, units, corner, size, frame, background, connections.channels_last)
        for (frame, corner, size), units in groups.items()
        if units
    ], refused


def _by_place(
    connections: Connections, found: dict[str, tuple[ReceptiveField, ReceptiveField]]
) -> tuple[dict[Where, dict[str, tuple[int, int]]], dict[str, str]]:
    """Return the layers' units by where their fields are, and why the others have none."""
    refused: dict[str, str] = {}
    groups: dict[Where, dict[str, tuple[int, int]]] = {}
    for layer, (vertical, horizontal) in found.items():
        size = vertical.size
        if size != horizontal.size:
            refused[layer] = (
                f"layer {layer!r}: the receptive field must be square, as the canvas is;"
                f" got {size} × {horizontal.size} pixels"
            )
            continue
        place = placed(connections, layer, (vertical, horizontal))
        if place is None:
            why = (
                f"does not fit in a frame of {LARGEST} pixels"
                if size > LARGEST
                else "lies elsewhere in every size of frame that was tried, as where padding"
                " hangs on the size of the image"
            )
            refused[layer] = f"layer {layer!r}: its receptive field of {size} × {size} pixels {why}"
            continue
        groups.setdefault((place.frame, place.corner, size), {})[layer] = place.unit
    return groups, refused
