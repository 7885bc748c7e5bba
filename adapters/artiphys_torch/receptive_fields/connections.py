"""Connections of a network: which units see which pixels.

Found with NaN, in a copy that keeps the connections and drops the cost: it is in double precision
(the fast convolutions in single precision work on tiles and would smear a NaN over its neighbours),
with the channels of a convolution merged, since each sees all of them. The weights of such layers
are left out; a network that does not run without them, since it makes more of them than their
modules do, is copied whole.

Where NaN is no way, since the network stops it, refuses it or might die of it, found with noise: in
a copy in double precision, whole, the units that see a pixel are those that answer otherwise when
it changes.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from artiphys.errors import InputError
from artiphys_torch.networks.copies import copied
from artiphys_torch.networks.layers import check_layers, dtype_of
from artiphys_torch.networks.weights import one_line
from artiphys_torch.receptive_fields.light_copy import light_copy
from artiphys_torch.receptive_fields.running import AtLeast, outputs_of, takes_nan
from artiphys_torch.receptive_fields.steadiness import ROUNDING, differ, steadiness

__all__ = ["Connections"]

SMALLEST_FRAMES = (32, 64, 96, 128, 224, 256, 384, 512, 1024)  # the first that the network runs on
DOUBLE_ROUNDING = 1e-9
N_NOISE = 4  # images of noise: a pixel may hang on a maximum, or on a rectifier that is shut
WIDE = 1024  # pixels of a frame wide enough to tell a large field from the whole image


class Connections:
    """A network's connections.

    Attributes
    ----------
    layers : tuple of str
        Those that give a map of units.
    without_map : dict
        Why the others give none.
    channels_last : set of str
        Layers whose maps have their channels last.
    side : int
        Of the smallest frame that the network runs on.
    """

    def __init__(self, model: nn.Module, layers: Sequence[str]) -> None:
        check_layers(model, layers)
        self.layers = tuple(dict.fromkeys(layers))
        self.channels_last: set[str] = set()
        self._model = model
        self._copy = light_copy(model)
        self._by_noise: set[str] = set()
        self._seen: dict[tuple[Any, ...], dict[str, torch.Tensor]] = {}
        try:
            self._channels, self.side, self.without_map = self._smallest_frame()
            weights_are_missed = self._gives_nan()
        except InputError:
            weights_are_missed = True
        if weights_are_missed:
            self._copy = light_copy(model, with_weights=True)
            self._channels, self.side, self.without_map = self._smallest_frame()
        self._find_ways()
        self.layers = tuple(layer for layer in self.layers if layer not in self.without_map)

    def runs_on(self, side: int) -> bool:
        """Say whether the network takes square frames of that side, as far as the layers."""
        key = (side, side)
        if key not in self._seen:
            try:
                self._seen[key] = self._reached(self._blank(side, side), self.layers)
            except Exception:  # what it says of a size that it does not take is its own affair
                self._seen[key] = {}
        return bool(self._seen[key])

    def seeing(
        self, layer: str, height: int, width: int, axis: str, side: str, pixel: int
    ) -> torch.Tensor:
        """Return which units along `axis` see rows or columns before or from `pixel` on, (unit)."""
        by_noise = layer in self._by_noise
        key = (height, width, axis, side, pixel, by_noise)
        if key not in self._seen:
            along = slice(None, pixel) if side == "before" else slice(pixel, None)
            part = (..., along) if axis == "column" else (..., along, slice(None))
            if by_noise:
                found = self._changed(height, width, part)
            else:
                frame = self._blank(height, width)
                frame[part] = torch.nan
                found = self._reached(frame, [n for n in self.layers if n not in self._by_noise])
            across = 0 if axis == "column" else 1
            self._seen[key] = {name: units.any(dim=across) for name, units in found.items()}
        return self._seen[key][layer]

    def answering_beyond(
        self, units: Mapping[str, tuple[int, int]], frame: int, corner: tuple[int, int], size: int
    ) -> list[str]:
        """Return the layers whose unit answers to noise outside the field that was found."""
        noise = _noise(2, self._channels, frame, frame)
        rows, columns = (slice(start, start + size) for start in corner)
        noise[1, :, rows, columns] = noise[0, :, rows, columns]
        try:
            outputs = self._answers(noise, list(units))
        except Exception as error:  # an assertion of its own on the number of images, say
            msg = (
                f"the network cannot be run on two images of {frame} pixels at once:"
                f" {one_line(error)}"
            )
            raise InputError(msg) from error
        return [layer for layer, unit in units.items() if differ(outputs[layer][:, :, *unit])]

    def is_by_noise(self, layer: str) -> bool:
        """Say whether noise shows a layer's connections, which takes longer than NaN."""
        return layer in self._by_noise

    def weights_are_finite(self) -> bool:
        """Say whether all parameters and buffers are."""
        values = (*self._model.parameters(), *self._model.buffers())
        return all(bool(value.isfinite().all()) for value in values)

    @functools.cached_property
    def before_the_whole(self) -> tuple[str, str] | None:
        """The first module whose units see the whole image, and the last convolution before it.

        None if there are no such two.
        """
        if not takes_nan(self._copy, [""], self._blank(self.side, self.side)):
            return None
        order: list[tuple[str, bool]] = []

        def note(name: str, output: Any) -> None:
            if isinstance(output, torch.Tensor) and output.ndim > 1:
                nan = output.isnan().flatten(1)
                if output.ndim == 4:
                    nan = output.isnan().any(dim=1)[:, :, -1]
                order.append((name, bool(nan.all())))

        leaves = {n: m for n, m in self._copy.named_modules() if n and not list(m.children())}
        hooks = [
            module.register_forward_hook(lambda _m, _i, output, name=name: note(name, output))
            for name, module in leaves.items()
        ]
        frame = self._blank(self.side, WIDE)
        frame[..., 0] = torch.nan
        try:
            with AtLeast(torch.float64), torch.no_grad():
                self._copy(frame)
        except Exception:  # the rest may need another size: what came before it has been noted
            pass
        finally:
            for hook in hooks:
                hook.remove()
        first = next((i for i, (_, whole) in enumerate(order) if whole), 0)
        names = [name for name, _ in order[:first] if isinstance(leaves[name], nn.Conv2d)]
        return (order[first][0], names[-1]) if names else None

    @functools.cached_property
    def _double(self) -> nn.Module:
        return copied(self._model).cpu().double().eval()

    @functools.cached_property
    def _network(self) -> nn.Module:
        return copied(self._model).cpu().eval()

    @functools.cached_property
    def _safe(self) -> set[str]:
        """The layers that may be given NaN."""
        return takes_nan(self._copy, self.layers, self._blank(self.side, self.side))

    def _smallest_frame(self) -> tuple[int, int, dict[str, str]]:
        """Return channels and side of the frame, and why some layers give no map on it."""
        failure: Exception | None = None
        found: list[tuple[int, int, dict[str, str]]] = []
        # Three channels first: the first convolution that is declared need not be the first to run.
        for channels in dict.fromkeys((3, _input_channels(self._model))):
            self._channels = channels
            for side in SMALLEST_FRAMES:
                try:
                    outputs, counts = self._run(self._blank(side, side), self.layers, stop=False)
                except Exception as error:  # a frame too small for this network: try the next
                    failure = error
                    continue
                self.side = side
                self.channels_last = self._with_channels_last(outputs)
                problems = {
                    layer: _no_map(layer, outputs.get(layer), counts[layer])
                    for layer in self.layers
                }
                whys = {layer: why for layer, why in problems.items() if why}
                found.append((channels, side, whys))
                if self._is_seen(side, whys):
                    return found[-1]
            if found:
                self._channels, self.side, whys = found[0]
                return found[0]
        msg = f"the network runs on no frame of {SMALLEST_FRAMES} pixels: {one_line(failure)}"
        raise InputError(msg) from failure

    def _with_channels_last(self, outputs: Mapping[str, Any]) -> set[str]:
        """Return the layers whose last dim is the channels: the second to last grows with width."""
        maps = {
            layer: output
            for layer, output in outputs.items()
            if isinstance(output, torch.Tensor) and output.ndim == 4
        }
        try:
            wide, _ = self._run(self._blank(self.side, 2 * self.side), list(maps), stop=True)
        except Exception:  # a network for one size: by what its modules are
            modules = dict(self._model.named_modules())
            return {n for n in maps if isinstance(modules[n], nn.Linear | nn.LayerNorm)}
        return {
            layer
            for layer, output in maps.items()
            if wide[layer].shape[3] == output.shape[3] and wide[layer].shape[2] > output.shape[2]
        }

    def _find_ways(self) -> None:
        """Find for each layer whether NaN shows its connections, and whether it is random."""
        layers = [layer for layer in self.layers if layer not in self.without_map]
        if not layers or not self.weights_are_finite():
            return
        noise = _noise(3, self._channels, self.side, self.side)
        noise[1, ..., :-1] = noise[0, ..., :-1]
        try:
            steady = steadiness(self._model, layers, noise, self._network)
        except Exception:  # what does not run is said where it is probed
            return
        self.without_map |= steady.faults
        once = self._maps(steady.answers)
        layers = [layer for layer in layers if layer not in steady.faults]
        edge, blank, ways = self._blank(self.side, self.side), {}, {}
        edge[..., -1] = torch.nan
        safe = [layer for layer in layers if layer in self._safe]
        try:
            blank = self._reached(self._blank(self.side, self.side), safe)
            ways = self._reached(edge, safe)
            whole = self._reached(edge * torch.nan, safe)
        except Exception:  # it takes no NaN
            ways = {}
        for layer in layers:
            if layer not in ways or blank[layer].any() or not whole[layer].any():
                self._by_noise.add(layer)
            else:
                answers = once[layer].double()
                changed = (answers[0] - answers[1]).abs() > ROUNDING * answers.abs().max()
                if bool((changed.any(dim=0) & ~ways[layer]).any()):
                    self._by_noise.add(layer)  # NaN does not take every path

    def _is_seen(self, side: int, without_map: Mapping[str, str]) -> bool:
        """Say whether every map sees a frame; units in strides may all lie in its padding."""
        safe = takes_nan(self._copy, self.layers, self._blank(side, side))
        try:
            frame = self._blank(side, side) * torch.nan
            outputs, _ = self._run(frame, [n for n in self.layers if n in safe], stop=True)
        except Exception:  # it takes no NaN, in no frame: then noise shows its connections
            return True
        return all(
            bool(output.isnan().any())
            for layer, output in outputs.items()
            if layer not in without_map
        )

    def _gives_nan(self) -> bool:
        """Say whether a blank frame gives NaN, as the mean of weights that are left out does."""
        outputs, _ = self._run(self._blank(self.side, self.side), self.layers, stop=False)
        maps = [output for output in outputs.values() if isinstance(output, torch.Tensor)]
        return any(bool(output.isnan().any()) for output in maps)

    def _reached(self, frame: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return for each layer the units that see a NaN of the frame, (row, column) of bool."""
        if not layers:
            return {}
        outputs, _ = self._run(frame, layers, stop=True)
        maps = self._maps(outputs)
        return {layer: output.isnan().any(dim=1)[0] for layer, output in maps.items()}

    def _changed(self, height: int, width: int, part: Any) -> dict[str, torch.Tensor]:
        """Return for each layer the units that see a part of the frame, (row, column) of bool."""
        layers = [layer for layer in self.layers if layer in self._by_noise]
        before, after = _noise(2 * N_NOISE, self._channels, height, width).double().chunk(2)
        key = ("noise", height, width)
        if key not in self._seen:
            self._seen[key] = self._in_double(before, layers)
        changed = before.clone()
        changed[part] = after[part]
        found = self._in_double(changed, layers)
        return {layer: _where_different(self._seen[key][layer], found[layer]) for layer in layers}

    def _in_double(self, frames: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        with AtLeast(torch.float64), torch.no_grad():
            outputs, _ = outputs_of(self._double, layers, frames, stop=True)
        return self._maps(outputs)

    def _answers(self, frames: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return what the network itself answers, in its own precision."""
        with torch.no_grad():
            frames = frames.to(dtype_of(self._model))
            outputs, _ = outputs_of(self._network, layers, frames, stop=True)
        return self._maps(outputs)

    def _maps(self, outputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {
            layer: output.permute(0, 3, 1, 2) if layer in self.channels_last else output
            for layer, output in outputs.items()
        }

    def _blank(self, height: int, width: int) -> torch.Tensor:
        shape = (1, self._channels, height, width)
        return torch.zeros(shape, dtype=torch.float64, device="cpu")

    def _run(
        self, frame: torch.Tensor, layers: Iterable[str], *, stop: bool
    ) -> tuple[dict[str, Any], dict[str, int]]:
        """Run the light copy."""
        with AtLeast(torch.float64), torch.no_grad():
            return outputs_of(self._copy, list(layers), frame, stop=stop)


def _noise(n: int, channels: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, channels, height, width, generator=generator)


def _where_different(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return ((one - other).abs() > DOUBLE_ROUNDING * one.abs().max()).any(dim=1).any(dim=0)


def _input_channels(model: nn.Module) -> int:
    first = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    return first.in_channels if first else 3


def _no_map(layer: str, output: Any, count: int) -> str | None:
    """Say why a layer's output is no map of units, if it is none."""
    if count == 0:
        return f"layer {layer!r} does not run in a forward pass"
    if count > 1:
        return f"layer {layer!r} runs {count} times in a forward pass; name a layer that runs once"
    if not isinstance(output, torch.Tensor):
        return f"layer {layer!r} must give a tensor; it gives {type(output).__name__}"
    if output.ndim == 3:
        return (
            f"layer {layer!r} gives no map of units but tokens, shape {tuple(output.shape)}; take a"
            " layer before the image is made into tokens, or frame=224"
        )
    if output.ndim != 4:
        return (
            f"layer {layer!r} gives no map of units but shape {tuple(output.shape)}: its receptive"
            " field is the whole image; frame=224 probes units of the whole image"
        )
    return None
