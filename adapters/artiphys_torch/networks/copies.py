"""Copies of a network, to be looked at in its place: the network itself is never run.

What a forward pass or a change of mode leaves behind (merged weights, counters, lists that grow,
tensors kept in attributes) is left in the copy. Functions that hold the network's own modules in
their closures, as replaced forward passes and hooks do, are bound to the copy's.
"""

import copy
import types
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import nn

from artiphys.errors import InputError
from artiphys_torch.networks.layers import is_patched
from artiphys_torch.networks.weights import one_line

__all__ = ["copied", "sharing_weights", "widened_to", "working_copy"]

SHORT = (torch.float16, torch.bfloat16)
WIDENED = "artiphys_widened_to"  # attribute of a copy
PLAIN = ("torch.nn.", "torchvision.models.", "artiphys_torch.networks.")
# Put around a network, they compute what it computes: on several devices, or compiled. By name, for
# torch's compiler takes a second to import.
WRAPPERS = ("DataParallel", "DistributedDataParallel", "OptimizedModule")


def working_copy(model: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
    """Return a copy of a network, in evaluation, that may be run in its place.

    Parameters
    ----------
    model : torch.nn.Module
        It stays as it is, to the byte.
    dtype : torch.dtype, optional
        Of the numbers to compute with; by default the network's own, but single precision for one
        in half precision, whose rounding would be part of the responses.
    """
    # Of networks that no code of others runs in, the numbers are looked at in their place.
    network = _unwrapped(copied(model, _views(model) if _is_plain(model) else None))
    numbers = chain(network.parameters(), network.buffers())
    short = any(value.dtype in SHORT for value in numbers)
    if dtype is None and short:
        dtype = torch.float32
    if dtype is not None:
        network = network.to(dtype)
        if short and dtype not in SHORT:
            vars(network)[WIDENED] = dtype
    return network.eval()


def widened_to(network: nn.Module) -> torch.dtype | None:
    """Return what a working copy of a network in half precision computes in, if in more than that.

    Its forward pass may ask for half precision by name.
    """
    return vars(network).get(WIDENED)


def copied(model: nn.Module, memo: dict[int, Any] | None = None) -> Any:
    """Return a deep copy of a network or a part of one; `memo` holds what is not to be copied."""
    memo = {} if memo is None else memo
    functions = []
    for value in _held(model):
        if isinstance(value, torch.Tensor):
            if not value.is_leaf:  # weights made from others, activations kept
                memo.setdefault(id(value), value.detach().clone())
        elif id(value) not in memo:
            functions.append((value, memo.setdefault(id(value), _bare(value))))
    try:
        with torch.no_grad():  # scripted modules copy their weights by an operation
            network = copy.deepcopy(model, memo)
            for function, bound in functions:
                _bind(function, bound, memo)
    except Exception as error:
        msg = f"the network cannot be copied, and it is to stay as it is: {one_line(error)}"
        raise InputError(msg) from error
    own = set(map(id, model.modules()))
    if any(id(module) in own for module in network.modules()):
        msg = (
            f"the network cannot be copied, and it is to stay as it is: {type(model).__name__}, or"
            " a part of it, gives itself for its copy (__deepcopy__)"
        )
        raise InputError(msg)
    return network


def sharing_weights(model: nn.Module, *, buffers: bool = False) -> dict[int, Any]:
    """Return a memo for copies that hold the very parameters of `model`."""
    shared: Any = chain(model.parameters(), model.buffers() if buffers else ())
    return {id(value): value for value in shared}


def _is_plain(model: nn.Module) -> bool:
    """Return whether only modules of torch and torchvision run, which change no weight."""
    return not any(
        module._forward_hooks
        or module._forward_pre_hooks
        or is_patched(module)
        or not type(module).__module__.startswith(PLAIN)
        for module in model.modules()
    )


def _views(model: nn.Module) -> dict[int, Any]:
    """Return a memo for copies with parameters of their own that lie in the same memory."""
    return {
        id(value): nn.Parameter(value.detach(), requires_grad=False) for value in model.parameters()
    }


class _Passing(nn.Module):
    """A wrapper's place in the names of a network, without what the wrapper does."""

    def __init__(self, wrapper: nn.Module) -> None:
        super().__init__()
        for name in ("_modules", "_forward_hooks", "_forward_pre_hooks"):
            setattr(self, name, getattr(wrapper, name))
        for name in ("_forward_hooks_with_kwargs", "_forward_pre_hooks_with_kwargs"):
            setattr(self, name, getattr(wrapper, name))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        (wrapped,) = self._modules.values()
        assert wrapped is not None
        return wrapped(*args, **kwargs)


def _unwrapped(network: nn.Module) -> nn.Module:
    for name, module in list(network.named_modules()):
        if name and _is_wrapper(module):
            network.set_submodule(name, _Passing(module))
    return _Passing(network) if _is_wrapper(network) else network


def _is_wrapper(module: nn.Module) -> bool:
    kind = type(module)
    return kind.__name__ in WRAPPERS and kind.__module__.startswith("torch.")


def _held(model: nn.Module) -> Iterator[Any]:
    """Yield the tensors that a network's attributes hold, and its functions with something bound.

    Plain containers are looked into, and what bound methods, closures and defaults hold.
    """
    waiting: list[Any] = [model]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, nn.Module):
            waiting += vars(value).values()
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple | set):
            waiting += value
        elif isinstance(value, types.MethodType):
            waiting.append(value.__self__)
        elif isinstance(value, types.FunctionType):
            bound = [value.__defaults__, value.__kwdefaults__, *_contents(value)]
            if any(_may_change(content) for content in bound):
                yield value
                waiting += bound


def _contents(function: types.FunctionType) -> list[Any]:
    """Return what a function's closure holds; a cell may be empty still."""
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:
            found.append(None)
    return found


def _may_change(value: Any) -> bool:
    """Say whether something bound to a function may be of the network, or changed by a pass."""
    if isinstance(value, tuple):
        return any(_may_change(each) for each in value)
    kinds = (nn.Module, torch.Tensor, np.ndarray, types.FunctionType, list, dict, set, deque)
    method = isinstance(value, types.MethodType) and isinstance(value.__self__, nn.Module)
    return method or isinstance(value, kinds)


def _bare(function: types.FunctionType) -> types.FunctionType:
    """Return a function of the same code whose closure is yet to be filled."""
    cells = tuple(types.CellType() for _ in function.__closure__ or ())
    bare = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, None, cells
    )
    bare.__qualname__, bare.__module__ = function.__qualname__, function.__module__
    vars(bare).update(vars(function))
    return bare


def _bind(function: types.FunctionType, bare: types.FunctionType, memo: dict[int, Any]) -> None:
    bare.__defaults__ = _copied_if_possible(function.__defaults__, memo)
    bare.__kwdefaults__ = _copied_if_possible(function.__kwdefaults__, memo)
    for cell, content in zip(bare.__closure__ or (), function.__closure__ or (), strict=True):
        try:
            cell.cell_contents = _copied_if_possible(content.cell_contents, memo)
        except ValueError:  # an empty cell
            continue


def _copied_if_possible(value: Any, memo: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(value, memo)
    except Exception:  # what is no part of the network need not be copied
        return value
