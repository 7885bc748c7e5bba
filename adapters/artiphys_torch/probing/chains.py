"""Chains: a unit with one path to the image needs its receptive field and nothing else.

Where every module before a layer takes one input and gives one output, the layer can be run on
canvases of the size of its receptive field with all padding taken off: what comes out is one unit,
the one whose receptive field is the canvas. That is many times less work than a whole frame, and no
padding can touch the value. Whether it is the network's own value is seen once, in a frame of
noise: strides that a forward pass sets are in no module's attributes.
"""

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import fx, nn

from artiphys.errors import InputError
from artiphys_torch.networks.copies import copied
from artiphys_torch.networks.layers import dtype_of, is_patched
from artiphys_torch.probing.graphs import traced
from artiphys_torch.probing.in_place import has_hooks, may_be_changed
from artiphys_torch.probing.precision import at_least_two
from artiphys_torch.receptive_fields.fields import ONE_SIZE, STEP
from artiphys_torch.receptive_fields.light_copy import padding
from artiphys_torch.receptive_fields.running import Reached, until_reached
from artiphys_torch.receptive_fields.steadiness import ROUNDING, differ

__all__ = ["Chain", "ChainPass", "chain_passes", "chains"]

# Modules that work on every pixel by itself, whatever they do across channels.
POINTWISE = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU),
    *(nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid),
    *(nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Threshold, nn.Softshrink, nn.Hardshrink),
    *(nn.Tanhshrink, nn.BatchNorm2d, nn.LocalResponseNorm, nn.Identity),
)
DROPOUT = (nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)
POINTWISE_FUNCTIONS = (
    *(torch.relu, torch.relu_, torch.sigmoid, torch.tanh, F.relu, F.relu6, F.leaky_relu, F.elu),
    *(F.selu, F.gelu, F.silu, F.mish, F.hardtanh, F.hardswish, F.hardsigmoid, F.softplus),
)
POINTWISE_METHODS = ("relu", "relu_", "sigmoid", "tanh", "contiguous", "clone")
WINDOWS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
PADS = (nn.ZeroPad2d, nn.ConstantPad2d)
WINDOW = ("kernel_size", "stride", "padding")
POOLING_FUNCTIONS: dict[Any, tuple[type[nn.Module], tuple[str, ...]]] = {
    F.max_pool2d: (nn.MaxPool2d, (*WINDOW, "dilation", "ceil_mode", "return_indices")),
    F.avg_pool2d: (nn.AvgPool2d, (*WINDOW, "ceil_mode", "count_include_pad", "divisor_override")),
}


class Chain(NamedTuple):
    """The modules from the image to a layer, their padding taken off."""

    layer: str
    names: tuple[str, ...]
    """Of the nodes in the network's graph."""
    steps: tuple[Callable[[torch.Tensor], torch.Tensor], ...]
    size: int
    """Receptive field in pixels; 0 if it is not square."""
    stride: tuple[int, int] = (1, 1)
    """Of the units along a column and along a row, in pixels."""
    start: tuple[int, int] = (0, 0)
    """First row and column of the first unit's field, before the image where there is padding."""


def chains(model: nn.Module, layers: Sequence[str]) -> dict[str, Chain]:
    """Return the chains of those of `layers` that have one; the model stays as it is."""
    if is_patched(model) or any(has_hooks(m) for m in model.modules() if list(m.children())):
        return {}  # the tracer sees neither the network's own patch nor a container's hook
    try:
        graph = traced(model)
    except Exception:  # control flow that cannot be traced: no chain to be seen
        return {}
    modules = dict(model.named_modules())
    if any(node.op == "get_attr" and may_be_changed(node, modules) for node in graph.nodes):
        return {}  # the weights of one module may depend on what another has done
    found = {}
    nodes = [node for node in graph.nodes if node.op == "call_module" and node.target in layers]
    counts = Counter(str(node.target) for node in nodes)
    for node in nodes:
        if counts[node.target] == 1:
            chain = _chain(node, modules)
            if chain:
                found[node.target] = chain
    return found


def chain_passes(
    model: nn.Module, layers: Sequence[str], device: torch.device
) -> list["ChainPass"]:
    """Return the passes for those of `layers` that have a chain with a square field."""
    square = [chain for chain in chains(model, layers).values() if chain.size]
    true = _true(model, square)
    return [ChainPass(members, device) for members in _nested(true)]


class ChainPass:
    """Runs chains of one receptive field that lie within one another, the longest once."""

    method = "patch"

    def __init__(self, members: Sequence[Chain], device: torch.device) -> None:
        longest = max(members, key=lambda chain: len(chain.steps))
        self.size = longest.size
        self.layers = tuple(chain.layer for chain in members)
        self._at = {len(chain.steps): chain.layer for chain in members}
        self._steps = [_prepared(step, device) for step in longest.steps]
        self._dtype = dtype_of(*self._steps)
        self._reads_only = isinstance(longest.steps[0], WINDOWS)

    def __call__(self, canvases: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the responses to some canvases, {layer: (canvas, channel)}."""
        outputs = {}
        values = self._entering(canvases)
        for n_steps, step in enumerate(self._steps, start=1):
            values = step(values)
            if n_steps in self._at:
                outputs[self._at[n_steps]] = _one_unit(values, self._at[n_steps])[: len(canvases)]
        return outputs

    def inputs(self, canvases: torch.Tensor) -> torch.Tensor:
        """Return what enters the last layer, a convolution, (canvas, channel, row, column)."""
        values = self._entering(canvases)
        for step in self._steps[:-1]:
            values = step(values)
        down, right = self._steps[-1].dilation
        return values[: len(canvases), :, ::down, ::right].clone()

    def describe(self) -> dict[str, Any]:
        """Return how the layers are run, for the provenance."""
        return {"layers": list(self.layers), "method": self.method, "rf_size": self.size}

    def _entering(self, canvases: torch.Tensor) -> torch.Tensor:
        """Return what enters the first step, which may work in place on none but its own."""
        values = at_least_two(canvases.to(self._dtype))
        return values if self._reads_only else values.clone()


def _true(model: nn.Module, found: Sequence[Chain]) -> list[Chain]:
    """Return the chains that answer as the network itself does, to noise in one frame."""
    largest = max((chain.size + 2 * max(chain.stride) for chain in found), default=0)
    for frame in (-(-largest // STEP) * STEP, ONE_SIZE):
        places = {chain.layer: _nearest(chain, frame) for chain in found}
        if found and None not in places.values():
            generator = torch.Generator().manual_seed(0)
            noise = torch.randn(1, 3, frame, frame, generator=generator)
            try:
                maps = _maps(model, list(places), noise.to(dtype_of(model)))
            except Exception:  # a frame that the network does not take
                continue
            return [c for c in found if _agrees(c, noise, places[c.layer], maps.get(c.layer))]
    return []


def _nearest(chain: Chain, frame: int) -> tuple[int, int] | None:
    """Return the unit nearest the centre whose field lies inside a frame; None if none does."""
    unit = []
    for start, stride in zip(chain.start, chain.stride, strict=True):
        index = max(-(start // stride), ((frame - chain.size) // 2 - start) // stride)
        if start + stride * index + chain.size > frame:
            return None
        unit.append(index)
    return unit[0], unit[1]


def _maps(model: nn.Module, layers: Sequence[str], frame: torch.Tensor) -> dict[str, torch.Tensor]:
    maps: dict[str, torch.Tensor] = {}

    def keep(layer: str, output: torch.Tensor) -> None:
        maps[layer] = output.clone()
        if len(maps) == len(layers):
            raise Reached

    hooks = [
        model.get_submodule(layer).register_forward_hook(
            lambda _module, _inputs, output, layer=layer: keep(layer, output)
        )
        for layer in layers
    ]
    device = next((value.device for value in model.parameters()), frame.device)
    with until_reached(hooks, model), torch.no_grad():
        model(frame.to(device))
    return maps


def _agrees(
    chain: Chain, noise: torch.Tensor, unit: tuple[int, int] | None, whole: torch.Tensor | None
) -> bool:
    """Say whether a chain's answer to a unit's field in a frame is the unit's in the whole map."""
    if unit is None or whole is None:
        return False
    top, left = (
        start + stride * index
        for start, stride, index in zip(chain.start, chain.stride, unit, strict=True)
    )
    values = noise[:, :, top : top + chain.size, left : left + chain.size]
    values = values.to(whole.device, whole.dtype)
    try:
        with torch.no_grad():
            for step in chain.steps:
                values = step(values)
        # Short types round by much more; then a chain of many layers may look like another network.
        allowed = max(ROUNDING, 16 * torch.finfo(whole.dtype).eps)
        return not differ(torch.cat([values[:, :, 0, 0], whole[:, :, *unit]]), allowed)
    except Exception:  # no map, or none of that size
        return False


def _chain(node: fx.Node, modules: dict[str, nn.Module]) -> Chain | None:
    """Walk from a layer back to the image; None if there is more than one path."""
    steps: list[Any] = []
    names: list[str] = []
    layer = str(node.target)
    while node.op != "placeholder":
        step = _step(node, modules)
        if step is None or len(node.all_input_nodes) != 1:
            return None
        steps.append(step)
        names.append(node.name)
        node, reader = node.all_input_nodes[0], node
        if may_be_changed(node, modules, reader):
            return None
    steps.reverse()
    (height, *down), (width, *right) = (_geometry(steps, axis) for axis in (0, 1))
    stride, start = zip(down, right, strict=True)
    size = height if height == width else 0
    bare = tuple(_unpadded(step) for step in steps)
    return Chain(layer, tuple(reversed(names)), bare, size, stride, start)


def _step(node: fx.Node, modules: dict[str, nn.Module]) -> Any:
    """Return a node as a call on one tensor; None if it cannot be."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        if is_patched(module):
            return None
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is None:
            return None  # it takes its moments from the batch, in evaluation too
        if type(module) in DROPOUT:
            return nn.Identity()
        gives_indices = getattr(module, "return_indices", False)
        return (
            module if type(module) in (*POINTWISE, *WINDOWS, *PADS) and not gives_indices else None
        )
    others = (node.args[1:], node.kwargs)
    if node.op == "call_function" and node.target in POOLING_FUNCTIONS:
        kind, names = POOLING_FUNCTIONS[node.target]
        pooling = kind(**dict(zip(names, node.args[1:], strict=False)), **node.kwargs)
        return None if getattr(pooling, "return_indices", False) else pooling
    if node.op == "call_function" and node.target is F.dropout:
        always = (*node.args, None, None)[2] or node.kwargs.get("training", len(node.args) < 3)
        return None if always else nn.Identity()
    if node.op == "call_function" and node.target in POINTWISE_FUNCTIONS:
        return _Call(node.target, *others)
    if node.op == "call_method" and node.target in POINTWISE_METHODS:
        return _Call(getattr(torch.Tensor, str(node.target)), *others)
    return None


class _Call(nn.Module):
    """A function of one tensor with its further arguments fixed."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super().__init__()
        self.function, self.args, self.kwargs = function, args, kwargs

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.function(values, *self.args, **self.kwargs)


def _unpadded(module: Any) -> Any:
    """Return a shallow copy without padding; it shares its weights with the original."""
    if isinstance(module, PADS):
        return nn.Identity()
    if not isinstance(module, WINDOWS):
        return module
    bare = copy.copy(module)
    bare.padding = (0, 0) if isinstance(module, nn.Conv2d) else 0
    bare.padding_mode = "zeros"
    return bare


def _geometry(steps: Sequence[Any], axis: int) -> tuple[int, int, int]:
    """Return size, stride and first pixel of the first unit's field of a chain, by arithmetic."""
    size, jump, start = 1, 1, 0
    for step in steps:
        if isinstance(step, PADS):
            start -= int(step.padding[2 * (1 - axis)]) * jump
        elif isinstance(step, WINDOWS):
            convolution = isinstance(step, nn.Conv2d)
            before = padding(step)[2 * (1 - axis)] if convolution else _on(step.padding, axis)
            start -= before * jump
            dilation = _on(getattr(step, "dilation", 1), axis)
            size += (_on(step.kernel_size, axis) - 1) * dilation * jump
            jump *= _on(step.stride, axis)
    return size, jump, start


def _on(value: Any, axis: int) -> int:
    return int(value[axis]) if isinstance(value, tuple | list) else int(value)


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


def _prepared(step: Any, device: torch.device) -> Any:
    """Copy a step for the device, in evaluation mode; weights in the layout that runs fastest."""
    prepared = copied(step).eval().to(device)
    if isinstance(prepared, nn.Conv2d):
        prepared = prepared.to(memory_format=torch.channels_last)
    return prepared


def _one_unit(values: torch.Tensor, layer: str) -> torch.Tensor:
    """Return a map of one unit as (canvas, channel); a larger one would pass for more channels."""
    if values.shape[2:] != (1, 1):
        msg = (
            f"layer {layer!r}: must have one unit on a canvas as large as its receptive field; got"
            f" a map of {' × '.join(map(str, values.shape[2:]))}; one of the modules before it does"
            " not do what its class says"
        )
        raise InputError(msg)
    return values.flatten(1).clone()
