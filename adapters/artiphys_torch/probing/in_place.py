"""Changes in place: who may change a value besides those who are meant to read it."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from artiphys_torch.networks.layers import is_patched

__all__ = ["has_hooks", "may_be_changed"]

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


def may_be_changed(
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


def has_hooks(module: nn.Module) -> bool:
    """Say whether something runs before or after a module's own forward pass."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _changes(user: fx.Node, value: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if user.op == "call_module":
        module = modules[str(user.target)]
        return has_hooks(module) or is_patched(module) or bool(getattr(module, "inplace", False))
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
