"""Chains: a unit with one path to the image needs its receptive field and nothing else.

Where every module before a layer takes one input and gives one output, the layer can be run on
canvases of the size of its receptive field with all padding taken off: what comes out is one unit,
the one whose receptive field is the canvas. That is many times less work than a whole frame, and no
padding can touch the value.
"""

import copy
import operator
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import fx, nn

from artiphys.errors import InputError
from artiphys_torch.networks.layers import copied, dtype_of, is_patched
from artiphys_torch.probing.precision import at_least_two

__all__ = ["Chain", "ChainPass", "chain_passes", "chains", "traced"]

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
WINDOW = ("kernel_size", "stride", "padding")
POOLING_FUNCTIONS: dict[Any, tuple[type[nn.Module], tuple[str, ...]]] = {
    F.max_pool2d: (nn.MaxPool2d, (*WINDOW, "dilation", "ceil_mode", "return_indices")),
    F.avg_pool2d: (nn.AvgPool2d, (*WINDOW, "ceil_mode", "count_include_pad", "divisor_override")),
}


# Modules and functions that give a new tensor, unless they work in place.
NEW_MODULES = (
    *(nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Softplus),
)
NEW_FUNCTIONS = (
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul),
    *(torch.add, torch.sub, torch.mul, torch.div, torch.matmul, torch.cat, torch.concat),
    *(torch.stack, torch.relu, torch.sigmoid, torch.tanh, torch.mean, torch.sum),
    *(F.conv2d, F.linear, F.relu, F.relu6, F.leaky_relu, F.gelu, F.silu, F.hardtanh),
    *(F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d, F.adaptive_max_pool2d),
)
KNOWN = ("builtins", "math")  # whose functions change no tensor


class Chain(NamedTuple):
    """The modules from the image to a layer, their padding taken off."""

    layer: str
    names: tuple[str, ...]
    """Of the nodes in the network's graph."""
    steps: tuple[Callable[[torch.Tensor], torch.Tensor], ...]
    size: int
    """Receptive field in pixels; 0 if it is not square."""


def chains(model: nn.Module, layers: Sequence[str]) -> dict[str, Chain]:
    """Return the chains of those of `layers` that have one; the model stays as it is."""
    if is_patched(model) or any(_has_hooks(m) for m in model.modules() if list(m.children())):
        return {}  # the tracer sees neither the network's own patch nor a container's hook
    try:
        graph = traced(model)
    except Exception:  # control flow that cannot be traced: no chain to be seen
        return {}
    modules = dict(model.named_modules())
    if any(node.op == "get_attr" and _may_be_changed(node, modules) for node in graph.nodes):
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


def traced(model: nn.Module) -> fx.Graph:
    """Return a network's graph in evaluation, whose responses are asked for; its mode stays."""
    training = {module: module.training for module in model.modules()}
    try:
        model.eval()
        return fx.Tracer().trace(model)
    finally:
        for module, mode in training.items():
            module.training = mode


def chain_passes(
    model: nn.Module, layers: Sequence[str], device: torch.device
) -> list["ChainPass"]:
    """Return the passes for those of `layers` that have a chain with a square field."""
    square = [chain for chain in chains(model, layers).values() if chain.size]
    return [ChainPass(members, device) for members in _nested(square)]


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

    def __call__(self, canvases: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the responses to some canvases, {layer: (canvas, channel)}."""
        outputs = {}
        values = at_least_two(canvases.to(self._dtype))
        for n_steps, step in enumerate(self._steps, start=1):
            values = step(values)
            if n_steps in self._at:
                outputs[self._at[n_steps]] = _one_unit(values, self._at[n_steps])[: len(canvases)]
        return outputs

    def inputs(self, canvases: torch.Tensor) -> torch.Tensor:
        """Return what enters the last layer, a convolution, (canvas, channel, row, column)."""
        values = at_least_two(canvases.to(self._dtype))
        for step in self._steps[:-1]:
            values = step(values)
        down, right = self._steps[-1].dilation
        return values[: len(canvases), :, ::down, ::right].clone()

    def describe(self) -> dict[str, Any]:
        """Return how the layers are run, for the provenance."""
        return {"layers": list(self.layers), "method": self.method, "rf_size": self.size}


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
        if _may_be_changed(node, modules, reader):
            return None
    steps.reverse()
    height, width = (_field(steps, axis) for axis in (0, 1))
    return Chain(layer, tuple(reversed(names)), tuple(steps), height if height == width else 0)


def _may_be_changed(
    node: fx.Node, modules: dict[str, nn.Module], reader: fx.Node | None = None
) -> bool:
    """Say whether any user of a value but `reader` may change it in place, or a view of it.

    A traced network tells who uses a value, but not that two values are views of one memory.
    Whatever is not known to give a new tensor is taken to give a view, and whatever is not known to
    leave its input alone to change it: to be wrong costs a slower route, never a value.
    """
    views = [node]
    for view in views:
        for user in view.users:
            if user is reader and view is node:
                continue
            if _changes(user, view, modules):
                return True
            if not _gives_a_new_tensor(user, modules) and user not in views:
                views.append(user)
    return False


def _has_hooks(module: nn.Module) -> bool:
    """Say whether something runs before or after a module's own forward pass."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _changes(user: fx.Node, value: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if user.op == "call_module":
        module = modules[str(user.target)]
        return _has_hooks(module) or is_patched(module) or bool(getattr(module, "inplace", False))
    if user.op == "output":
        return False
    name = getattr(user.target, "__name__", str(user.target))
    if "out" in user.kwargs or user.kwargs.get("inplace", False) or name.endswith("_"):
        return True
    if user.op == "call_method":
        return False
    home = (getattr(user.target, "__module__", None) or "torch").partition(".")[0]
    if home == "torch":
        functional = getattr(user.target, "__module__", None) == F.__name__
        return functional and any(value is True for value in user.args)  # its `inplace`, maybe
    if home == "_operator":  # `a += b` is traced as if it were `a + b`
        augmented = hasattr(operator, f"i{name.strip('_')}") and user.args[0] is value
        return augmented or name == "setitem" or name[0] == "i"
    return home not in KNOWN


def _gives_a_new_tensor(user: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if user.op == "call_module":
        return type(modules[str(user.target)]) in NEW_MODULES
    targets: tuple[Any, ...] = NEW_FUNCTIONS
    return user.op == "call_function" and user.target in targets


def _step(node: fx.Node, modules: dict[str, nn.Module]) -> Any:
    """Return a node as a call on one tensor, without padding; None if it cannot be."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        if is_patched(module):
            return None
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is None:
            return None  # it takes its moments from the batch, in evaluation too
        if type(module) in (*POINTWISE, *DROPOUT, nn.ZeroPad2d, nn.ConstantPad2d):
            padding = (*DROPOUT, nn.ZeroPad2d, nn.ConstantPad2d)
            return nn.Identity() if type(module) in padding else module
        if type(module) in (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d):
            return _unpadded(module)
        return None
    others = (node.args[1:], node.kwargs)
    if node.op == "call_function" and node.target in POOLING_FUNCTIONS:
        kind, names = POOLING_FUNCTIONS[node.target]
        return _unpadded(kind(**dict(zip(names, node.args[1:], strict=False)), **node.kwargs))
    if node.op == "call_function" and node.target is F.dropout:
        return nn.Identity()
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


def _unpadded(module: nn.Module) -> nn.Module | None:
    """Return a shallow copy without padding; it shares its weights with the original."""
    if getattr(module, "return_indices", False):
        return None
    bare: Any = copy.copy(module)
    bare.padding = (0, 0) if isinstance(module, nn.Conv2d) else 0
    bare.padding_mode = "zeros"
    return bare


def _field(steps: Sequence[Any], axis: int) -> int:
    """Return the receptive field of a chain by arithmetic: 1 + sum of (kernel - 1) · jump."""
    size, jump = 1, 1
    for step in steps:
        if isinstance(step, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel, stride = _on(step.kernel_size, axis), _on(step.stride, axis)
            dilation = _on(getattr(step, "dilation", 1), axis)
            size += (kernel - 1) * dilation * jump
            jump *= stride
    return size


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
