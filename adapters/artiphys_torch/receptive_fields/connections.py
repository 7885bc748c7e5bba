"""Connections of a network: a copy in which NaN spreads as far as the image is seen.

The copy keeps the connections and drops the cost: it is in double precision (the fast convolutions
in single precision work on tiles and would smear a NaN over its neighbours), with the channels of a
convolution merged, since each sees all of them. The weights of such layers are left out; a network
that does not run without them, since it makes more of them than their modules do, is copied whole.
"""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from artiphys.errors import InputError
from artiphys_torch.networks.layers import check_layers, copied, dtype_of, is_patched
from artiphys_torch.networks.weights import one_line

__all__ = ["Connections", "Reached", "padding", "until_reached"]

SMALLEST_FRAMES = (32, 64, 96, 128, 224, 256, 384, 512, 1024)  # the first that the network runs on
ROUNDING = 1e-4  # of the largest answer: beyond it single precision does not explain a difference


class Connections:
    """A network's connections: a copy in which NaN spreads as far as the image is seen.

    Attributes
    ----------
    layers : tuple of str
        Those that give a map of units.
    without_map : dict
        Why the others give none.
    side : int
        Of the smallest frame that the network runs on.
    """

    def __init__(self, model: nn.Module, layers: Sequence[str]) -> None:
        check_layers(model, layers)
        self.layers = tuple(dict.fromkeys(layers))
        self._channels = _input_channels(model)
        self._model = model
        self._copy = _light_copy(model)
        self._seen: dict[tuple[Any, ...], dict[str, torch.Tensor]] = {}
        try:
            self.side, self.without_map = self._smallest_frame()
            weights_are_missed = self._gives_nan()
        except InputError:
            weights_are_missed = True
        if weights_are_missed:
            self._copy = _light_copy(model, with_weights=True)
            self.side, self.without_map = self._smallest_frame()
        self.layers = tuple(layer for layer in self.layers if layer not in self.without_map)

    def runs_on(self, side: int) -> bool:
        """Say whether the network takes square frames of that side, as far as the layers."""
        key = (side, side)
        if key not in self._seen:
            try:
                self._seen[key] = self._reached(self._blank(side, side))
            except Exception:  # what it says of a size that it does not take is its own affair
                self._seen[key] = {}
        return bool(self._seen[key])

    def seeing(
        self, layer: str, height: int, width: int, axis: str, side: str, pixel: int
    ) -> torch.Tensor:
        """Return which units along `axis` see rows or columns before or from `pixel` on, (unit)."""
        key = (height, width, axis, side, pixel)
        if key not in self._seen:
            frame = self._blank(height, width)
            part = slice(None, pixel) if side == "before" else slice(pixel, None)
            frame[(..., part) if axis == "column" else (..., part, slice(None))] = torch.nan
            across = 0 if axis == "column" else 1
            self._seen[key] = {
                name: units.any(dim=across) for name, units in self._reached(frame).items()
            }
        return self._seen[key][layer]

    def answering_beyond(
        self, units: Mapping[str, tuple[int, int]], frame: int, corner: tuple[int, int], size: int
    ) -> list[str]:
        """Return the layers whose unit answers to noise outside the field that NaN has shown.

        ``torch.where`` and ``torch.nan_to_num`` stop NaN, and let everything else through.
        """
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(2, self._channels, frame, frame, generator=generator)
        rows, columns = (slice(start, start + size) for start in corner)
        noise[1, :, rows, columns] = noise[0, :, rows, columns]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the network's own, which the probing will tell
            outputs, _ = self._run(
                noise.to(dtype_of(self._model)),
                stop=True,
                network=self._network,
                layers=list(units),
            )
        return [layer for layer, unit in units.items() if _differ(outputs[layer][:, :, *unit])]

    @functools.cached_property
    def _network(self) -> nn.Module:
        return copied(self._model).cpu().eval()

    def _smallest_frame(self) -> tuple[int, dict[str, str]]:
        failure: Exception | None = None
        found: list[tuple[int, dict[str, str]]] = []
        for side in SMALLEST_FRAMES:
            try:
                outputs, counts = self._run(self._blank(side, side), stop=False)
            except Exception as error:  # a frame too small for this network: try the next
                failure = error
                continue
            problems = {
                layer: _no_map(layer, outputs.get(layer), counts[layer]) for layer in self.layers
            }
            found.append((side, {layer: why for layer, why in problems.items() if why}))
            if self._is_seen(side, found[-1][1]):
                return found[-1]
        if found:
            return found[0]
        msg = f"the network runs on no frame of {SMALLEST_FRAMES} pixels: {one_line(failure)}"
        raise InputError(msg) from failure

    def _is_seen(self, side: int, without_map: Mapping[str, str]) -> bool:
        """Say whether every map sees a frame; units in strides may all lie in its padding."""
        try:
            outputs, _ = self._run(self._blank(side, side) * torch.nan, stop=False)
        except Exception:  # it takes no NaN, in no frame: said when its fields are measured
            return True
        return all(
            bool(output.isnan().any())
            for layer, output in outputs.items()
            if layer not in without_map
        )

    def _gives_nan(self) -> bool:
        """Say whether a blank frame gives NaN, as the mean of weights that are left out does."""
        outputs, _ = self._run(self._blank(self.side, self.side), stop=False)
        maps = [output for output in outputs.values() if isinstance(output, torch.Tensor)]
        return any(bool(output.isnan().any()) for output in maps)

    def _reached(self, frame: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return for each layer the units that see a NaN of the frame, (row, column) of bool."""
        outputs, _ = self._run(frame, stop=True)
        return {layer: output.isnan().any(dim=1)[0] for layer, output in outputs.items()}

    def _blank(self, height: int, width: int) -> torch.Tensor:
        shape = (1, self._channels, height, width)
        return torch.zeros(shape, dtype=torch.float64, device="cpu")

    def _run(
        self,
        frame: torch.Tensor,
        *,
        stop: bool,
        network: nn.Module | None = None,
        layers: Sequence[str] | None = None,
    ) -> tuple[dict[str, Any], dict[str, int]]:
        """Run the copy, or another; return the outputs of layers, and how often each ran.

        With `stop` no further than the last of them.
        """
        network = network or self._copy
        layers = self.layers if layers is None else layers
        outputs: dict[str, Any] = {}
        counts = dict.fromkeys(layers, 0)

        def keep(layer: str, output: Any) -> None:
            counts[layer] += 1
            outputs[layer] = output.clone() if isinstance(output, torch.Tensor) else output
            if stop and len(outputs) == len(layers):
                raise Reached

        modules = dict(network.named_modules())
        hooks = [
            modules[layer].register_forward_hook(
                lambda _module, _inputs, output, layer=layer: keep(layer, output)
            )
            for layer in layers
        ]
        try:
            with until_reached(hooks), torch.inference_mode():
                network(frame)
        except Exception:
            # The rest of a network may need frames of one size, after layers that do not.
            if len(outputs) < len(layers):
                raise
        return outputs, counts


def _differ(answers: torch.Tensor) -> bool:
    """Say whether two answers, (image, channel), differ by more than rounding."""
    answers = answers.double()
    return bool((answers[0] - answers[1]).abs().max() > ROUNDING * answers.abs().max())


class Reached(BaseException):
    """Every layer asked for has run; the rest of the network need not.

    No ``except Exception`` of a network's own may swallow it.
    """


@contextlib.contextmanager
def until_reached(hooks: Sequence[Any]) -> Iterator[None]:
    """Run a network within: it ends where a hook raises `Reached`, and the hooks are removed."""
    try:
        yield
    except Reached:
        pass
    finally:
        for hook in hooks:
            hook.remove()


def padding(convolution: Any) -> tuple[int, ...]:
    """Return a convolution's padding left, right, above and below."""
    if convolution.padding == "valid":
        return (0, 0, 0, 0)
    if convolution.padding == "same":
        spans = [
            dilation * (kernel - 1)
            for dilation, kernel in zip(convolution.dilation, convolution.kernel_size, strict=True)
        ]
        return tuple(pad for span in reversed(spans) for pad in (span // 2, span - span // 2))
    return tuple(int(pad) for pad in reversed(convolution.padding) for _ in range(2))


def _light_copy(model: nn.Module, *, with_weights: bool = False) -> nn.Module:
    """Copy a network; without the weights of those layers whose connections go without saying."""
    memo: dict[int, Any] = {
        id(module.weight): nn.Parameter(torch.empty(0), requires_grad=False)
        for module in model.modules()
        if _merged_forward(module) and not with_weights
    }
    light_copy = copied(model, memo).cpu().double().eval()
    for module in light_copy.modules():
        merged = _merged_forward(module)
        if merged:
            module.forward = functools.partial(merged, module)
    return light_copy


def _merged_forward(module: nn.Module) -> Callable[..., torch.Tensor] | None:
    if is_patched(module):
        return None
    if type(module) is nn.Conv2d and module.padding_mode == "zeros":
        return _merged
    return _merged_linear if type(module) is nn.Linear else None


def _merged(convolution: nn.Conv2d, image: torch.Tensor) -> torch.Tensor:
    """Spread NaN as a convolution does: an output channel sees all input channels of its group.

    The maximum of a window is NaN where any of it is.
    """
    groups = convolution.groups
    merged = F.pad(image.unflatten(1, (groups, -1)).amax(dim=2), padding(convolution))
    window = F.max_pool2d(
        merged, convolution.kernel_size, convolution.stride, dilation=convolution.dilation
    )
    output = (0 * window).repeat_interleave(convolution.out_channels // groups, dim=1)
    return output if convolution.bias is None else output + convolution.bias[:, None, None]


def _merged_linear(linear: nn.Linear, values: torch.Tensor) -> torch.Tensor:
    merged = 0 * values.amax(dim=-1, keepdim=True)
    output = merged.repeat(*[1] * (values.ndim - 1), linear.out_features)
    return output if linear.bias is None else output + linear.bias


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
    if output.ndim != 4:
        return (
            f"layer {layer!r} gives no map of units but shape {tuple(output.shape)}: its receptive"
            " field is the whole image"
        )
    return None
