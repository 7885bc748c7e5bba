"""Receptive fields, measured: a unit is NaN exactly if its field reaches a pixel that is NaN.

That holds for any module, whatever its forward pass does, where arithmetic on kernel sizes and
strides holds for chains alone. It is measured on a copy that keeps the connections and drops the
cost: in double precision (the fast convolutions in single precision work on tiles and would smear
a NaN over its neighbours), with the channels of a convolution merged, since each sees all of them.
"""

import copy
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from artiphys.errors import InputError

__all__ = [
    "Connections",
    "Reached",
    "ReceptiveField",
    "check_layers",
    "copied",
    "fields",
    "one_line",
    "receptive_field",
]

SMALLEST_FRAMES = (32, 64, 96, 128, 224, 256, 384, 512, 1024)  # the first that the network runs on
WHOLE_FRAME = 1024


class ReceptiveField(NamedTuple):
    """What a unit of a layer sees of the image, in pixels.

    ``centre`` is the coordinate, with 0 the centre of the image's first pixel, of the centre of the
    field of the layer's first unit; the field of unit i begins at
    ``centre - (size - 1) / 2 + stride * i``. With padding that may lie before the image.
    """

    size: int
    stride: int
    centre: float

    def start(self, index: int) -> int:
        """Return the first pixel of the field of unit `index`."""
        return round(self.centre - (self.size - 1) / 2) + self.stride * index


def receptive_field(model: nn.Module, layer: str) -> ReceptiveField:
    """Return size, stride and centre of the receptive field of a layer's units, in pixels.

    Parameters
    ----------
    model : torch.nn.Module
        Any; it takes images, (image, channel, row, column). It stays as it is.
    layer : str
        A name in ``model.named_modules()``.

    Returns
    -------
    ReceptiveField

    Raises
    ------
    InputError
        For an unknown layer (the valid ones are listed), one without a map of units, one whose
        field is the whole image (after global pooling or attention), and one whose field is not
        the same along rows and columns.

    Notes
    -----
    The field is that of the architecture: pixels that a weight of zero hangs on count.

    References
    ----------
    Araujo, Norris & Sim (2019), Computing receptive fields of convolutional neural networks,
    Distill, doi:10.23915/distill.00021.

    Examples
    --------
    >>> receptive_field(nn.Sequential(nn.Conv2d(3, 8, 11, stride=4, padding=2)), "0")
    ReceptiveField(size=11, stride=4, centre=3.0)
    """
    found, refused = fields(Connections(model, [layer]))
    if layer in refused:
        raise InputError(refused[layer])
    vertical, horizontal = found[layer]
    if vertical != horizontal:
        msg = (
            f"layer {layer!r}: the receptive field must be the same along rows and columns;"
            f" got {_told(vertical)} along a column, {_told(horizontal)} along a row"
        )
        raise InputError(msg)
    return horizontal


def fields(
    connections: "Connections",
) -> tuple[dict[str, tuple[ReceptiveField, ReceptiveField]], dict[str, str]]:
    """Return the fields of layers, (along a column, along a row), and why the others have none."""
    found, refused = {}, dict(connections.without_map)
    for layer in connections.layers:
        try:
            horizontal = _along(connections, layer, "column")
            found[layer] = (_along(connections, layer, "row", guess=horizontal), horizontal)
        except InputError as error:
            refused[layer] = f"layer {layer!r}: {error}"
    return found, refused


def lies_at(
    connections: "Connections", layer: str, axis: str, frame: int, unit: int, field: ReceptiveField
) -> bool:
    """Say whether in a frame of that length the field of `unit` begins and ends as `field` says."""
    edges = (field.start(unit), field.start(unit) + field.size)
    return _edges(_spread(connections, layer, frame, axis), unit, frame, edges) == edges


def check_layers(model: nn.Module, layers: Iterable[str]) -> None:
    """Raise an error that lists the valid layers if one of `layers` is not in `model`."""
    if not isinstance(model, nn.Module):
        msg = f"model must be a torch.nn.Module; got {type(model).__name__}"
        raise InputError(msg)
    valid = dict(model.named_modules())
    unknown = [layer for layer in layers if layer not in valid]
    if unknown:
        leaves = [name for name, module in valid.items() if name and not list(module.children())]
        msg = f"no layer {', '.join(map(repr, unknown))}; the layers are {', '.join(leaves)}"
        raise InputError(msg)


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
        self._copy = _light_copy(model)
        self._seen: dict[tuple[Any, ...], dict[str, torch.Tensor]] = {}
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

    def spread(
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

    def _smallest_frame(self) -> tuple[int, dict[str, str]]:
        failure: Exception | None = None
        for side in SMALLEST_FRAMES:
            try:
                outputs, counts = self._run(self._blank(side, side), stop=False)
            except Exception as error:  # a frame too small for this network: try the next
                failure = error
                continue
            problems = {
                layer: _no_map(layer, outputs.get(layer), counts[layer]) for layer in self.layers
            }
            return side, {layer: problem for layer, problem in problems.items() if problem}
        msg = f"the network runs on no frame of {SMALLEST_FRAMES} pixels: {one_line(failure)}"
        raise InputError(msg) from failure

    def _reached(self, frame: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return for each layer the units that see a NaN of the frame, (row, column) of bool."""
        outputs, _ = self._run(frame, stop=True)
        return {layer: output.isnan().any(dim=1)[0] for layer, output in outputs.items()}

    def _blank(self, height: int, width: int) -> torch.Tensor:
        shape = (1, self._channels, height, width)
        return torch.zeros(shape, dtype=torch.float64, device="cpu")

    def _run(self, frame: torch.Tensor, *, stop: bool) -> tuple[dict[str, Any], dict[str, int]]:
        """Run the copy; return the layers' outputs, and how often each ran."""
        outputs: dict[str, Any] = {}
        counts = dict.fromkeys(self.layers, 0)

        def keep(layer: str, output: Any) -> None:
            counts[layer] += 1
            outputs[layer] = output.clone() if isinstance(output, torch.Tensor) else output
            if stop and len(outputs) == len(self.layers):
                raise Reached

        modules = dict(self._copy.named_modules())
        hooks = [
            modules[layer].register_forward_hook(
                lambda _module, _inputs, output, layer=layer: keep(layer, output)
            )
            for layer in self.layers
        ]
        try:
            with torch.inference_mode():
                self._copy(frame)
        except Reached:
            pass
        except Exception:
            # The rest of a network may need frames of one size, after layers that do not.
            if len(outputs) < len(self.layers):
                raise
        finally:
            for hook in hooks:
                hook.remove()
        return outputs, counts


class Reached(BaseException):
    """Every layer asked for has run; the rest of the network need not.

    No ``except Exception`` of a network's own may swallow it.
    """


def _along(
    connections: Connections,
    layer: str,
    axis: str,
    guess: ReceptiveField | None = None,
) -> ReceptiveField:
    """Measure the field along one axis, in frames that grow until three units' lie inside them."""
    length = max(connections.side, 64)
    while True:
        spread = _spread(connections, layer, length, axis)
        n_units = _n_units(spread)
        begin, end = spread("before", 1), spread("from", length - 1)
        middle = n_units // 2
        if n_units >= 4 and not (begin[middle - 1 :].any() or end[: middle + 2].any()):
            larger = _spread(connections, layer, 2 * length, axis)
            field = _measured(spread, middle, length, guess)
            if field and _grows_by(larger, n_units, length // field.stride):
                return field
            problem, largest = "is not the same for every unit, or in every size of image", 512
        else:
            problem, largest = (
                "is the whole image: global pooling or attention lies before it",
                4096,
            )
        # Where the first unit sees the last pixel, frames of twice the size mostly tell no more.
        whole = bool(begin[-1] and end[0])
        largest = min(largest, WHOLE_FRAME) if whole else largest
        if length >= largest:
            msg = f"its receptive field {problem} (measured up to {length} pixels)"
            raise InputError(msg)
        length = largest if whole else 2 * length


def _spread(
    connections: Connections, layer: str, length: int, axis: str
) -> Callable[[str, int], torch.Tensor]:
    # Frames are thin, as wide as the network needs: along the other axis nothing is asked.
    frame = (connections.side, length) if axis == "column" else (length, connections.side)
    return functools.partial(connections.spread, layer, *frame, axis)


def _n_units(spread: Callable[[str, int], torch.Tensor]) -> int:
    """Return how many units there are along the axis; all must see the image and not be NaN."""
    try:
        blank = spread("before", 0)
    except Exception as error:  # what a network says of a size that it does not take
        msg = f"its receptive field is larger than the images that the network takes ({error})"
        raise InputError(" ".join(msg.split())) from error
    if blank.any():
        msg = "gives NaN on a blank image; its weights are not finite"
        raise InputError(msg)
    if not spread("from", 0).any():
        msg = "does not depend on the image"
        raise InputError(msg)
    return len(blank)


def _measured(
    spread: Callable[[str, int], torch.Tensor],
    unit: int,
    length: int,
    guess: ReceptiveField | None,
) -> ReceptiveField | None:
    """Return a unit's field if its neighbours' are the same, a stride away."""
    start = 0 if guess is None else guess.start(unit)
    first, last = _edges(spread, unit, length, (start, start + (guess.size if guess else 0)))
    stride = (
        _first(lambda pixel: bool(spread("before", pixel + 1)[unit + 1]), first, length) - first
    )
    for neighbour, step in ((unit - 1, -stride), (unit + 1, stride)):
        expected = (first + step, last + step)
        if stride == 0 or _edges(spread, neighbour, length, expected) != expected:
            return None
    return ReceptiveField(last - first, stride, first - stride * unit + (last - first - 1) / 2)


def _grows_by(spread: Callable[[str, int], torch.Tensor], n_units: int, expected: int) -> bool:
    """Say whether a larger frame has so many units more; after adaptive pooling it has not."""
    try:
        more = len(spread("before", 0)) - n_units
    except Exception:  # a network for images of one size: there is no other to compare with
        return True
    return abs(more - expected) <= 1


def _edges(
    spread: Callable[[str, int], torch.Tensor], unit: int, length: int, guess: tuple[int, int]
) -> tuple[int, int]:
    """Return the first pixel of a unit's field and the one after its last."""

    def seen_up_to(pixel: int) -> bool:
        return bool(spread("before", pixel + 1)[unit])

    def unseen_from(pixel: int) -> bool:
        return not bool(spread("from", pixel)[unit])

    return (
        _first(seen_up_to, 0, length, guess[0]),
        _first(unseen_from, 0, length, guess[1]),
    )


def _first(true: Callable[[int], bool], low: int, high: int, guess: int = 0) -> int:
    """Return the least number from which on `true` holds; a good guess saves the bisection."""
    if low < guess < high and true(guess) and not true(guess - 1):
        return guess
    while low < high:
        middle = (low + high) // 2
        if true(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _light_copy(model: nn.Module) -> nn.Module:
    """Copy a network, without the weights of those layers whose connections go without saying."""
    memo: dict[int, Any] = {
        id(module.weight): nn.Parameter(torch.empty(0), requires_grad=False)
        for module in model.modules()
        if _merged_forward(module)
    }
    light_copy = copied(model, memo).cpu().double().eval()
    for module in light_copy.modules():
        merged = _merged_forward(module)
        if merged:
            module.forward = functools.partial(merged, module)
    return light_copy


def _merged_forward(module: nn.Module) -> Callable[..., torch.Tensor] | None:
    if type(module) is nn.Conv2d and module.padding_mode == "zeros":
        return _merged
    return _merged_linear if type(module) is nn.Linear else None


def copied(model: nn.Module, memo: dict[int, Any] | None = None) -> Any:
    """Return a deep copy of a network or a part of one; `memo` holds what is not to be copied."""
    try:
        return copy.deepcopy(model, memo)
    except Exception as error:
        msg = f"the network cannot be copied, and it is to stay as it is: {one_line(error)}"
        raise InputError(msg) from error


def _merged(convolution: nn.Conv2d, image: torch.Tensor) -> torch.Tensor:
    """Spread NaN as a convolution does: an output channel sees all input channels of its group.

    The maximum of a window is NaN where any of it is.
    """
    groups = convolution.groups
    merged = F.pad(image.unflatten(1, (groups, -1)).amax(dim=2), _padding(convolution))
    window = F.max_pool2d(
        merged, convolution.kernel_size, convolution.stride, dilation=convolution.dilation
    )
    output = (0 * window).repeat_interleave(convolution.out_channels // groups, dim=1)
    return output if convolution.bias is None else output + convolution.bias[:, None, None]


def _padding(convolution: Any) -> tuple[int, ...]:
    """Return the padding left, right, above and below."""
    if convolution.padding == "valid":
        return (0, 0, 0, 0)
    if convolution.padding == "same":
        spans = [
            dilation * (kernel - 1)
            for dilation, kernel in zip(convolution.dilation, convolution.kernel_size, strict=True)
        ]
        return tuple(pad for span in reversed(spans) for pad in (span // 2, span - span // 2))
    return tuple(int(pad) for pad in reversed(convolution.padding) for _ in range(2))


def _merged_linear(linear: nn.Linear, values: torch.Tensor) -> torch.Tensor:
    spread = 0 * values.amax(dim=-1, keepdim=True)
    output = spread.repeat(*[1] * (values.ndim - 1), linear.out_features)
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


def _told(field: ReceptiveField) -> str:
    return f"{field.size} pixels (stride {field.stride}, centre {field.centre:g})"


def one_line(error: BaseException | None) -> str:
    """Return an error of another's making as one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
