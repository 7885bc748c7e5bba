"""Running a network as far as some layers, in the precision wanted whatever its forward pass asks.

What is watched here is watched in this thread alone: torch's modes, and hooks on copies.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from artiphys_torch.networks.copies import widened_to

__all__ = ["AtLeast", "Reached", "outputs_of", "takes_nan", "until_reached"]

CASTS = {
    torch.Tensor.float: torch.float32,
    torch.Tensor.half: torch.float16,
    torch.Tensor.bfloat16: torch.bfloat16,
}
TORCH_S_OWN = ("aten", "prim", "prims")


class Reached(BaseException):
    """Every layer asked for has run; the rest of the network need not.

    No ``except Exception`` of a network's own may swallow it.
    """


@contextlib.contextmanager
def until_reached(hooks: Sequence[Any], network: nn.Module) -> Iterator[None]:
    """Run a network within: it ends where a hook raises `Reached`, and the hooks are removed."""
    widened = widened_to(network)
    mode = contextlib.nullcontext() if widened is None else AtLeast(widened)
    try:
        with mode:
            yield
    except Reached:
        pass
    finally:
        for hook in hooks:
            hook.remove()


def outputs_of(
    network: nn.Module, layers: Sequence[str], frame: torch.Tensor, *, stop: bool
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the outputs of layers, and how often each ran; with `stop` no further than the last.

    What a network raises after the last of the layers is no matter.
    """
    outputs: dict[str, Any] = {}
    counts = dict.fromkeys(layers, 0)
    if not layers:
        return outputs, counts

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
        with until_reached(hooks, network):
            network(frame.clone())  # it may change its image in place
    except Exception:
        # The rest of a network may need frames of one size, after layers that do not.
        if len(outputs) < len(layers):
            raise
    return outputs, counts


class AtLeast(TorchFunctionMode):
    """Keeps numbers in a precision where a forward pass asks for less by name."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        bits = torch.finfo(dtype).bits
        self.dtype = dtype
        self.shorter = tuple(each for each in CASTS.values() if torch.finfo(each).bits < bits)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if CASTS.get(func) in self.shorter:
            return args[0].to(self.dtype)
        args = tuple(self._longer(value) for value in args)
        kwargs = {name: self._longer(value) for name, value in (kwargs or {}).items()}
        try:
            return func(*args, **kwargs)
        except RuntimeError as error:
            if "type" not in str(error):
                raise
            longer = [self._widened(value) for value in args]
            return func(*longer, **{name: self._widened(v) for name, v in kwargs.items()})

    def _longer(self, value: Any) -> Any:
        return self.dtype if isinstance(value, torch.dtype) and value in self.shorter else value

    def _widened(self, value: Any) -> Any:
        short = isinstance(value, torch.Tensor) and value.dtype in self.shorter
        return value.to(self.dtype) if short else value


def takes_nan(network: nn.Module, layers: Sequence[str], blank: torch.Tensor) -> set[str]:
    """Return the layers before which only torch's own operations lie, which NaN does no harm.

    Kernels of others may take a NaN for a place in memory, and Python with them: those of libraries
    that torch's dispatcher calls are seen there, those inside functions of one's own in the graph
    of gradients, and whatever lies beside both cuts that graph: the network's own parameters must
    not require gradients.
    """
    foreign = _Foreign()
    try:
        with foreign, AtLeast(torch.float64), torch.enable_grad():
            image = blank.clone().requires_grad_() * 1
            outputs, _ = outputs_of(network, layers, image, stop=True)
    except Exception:  # what cannot be seen through is not trusted
        return set()
    if foreign.found:
        return set()
    known: dict[Any, bool] = {}
    return {
        layer
        for layer, output in outputs.items()
        if isinstance(output, torch.Tensor)
        and output.grad_fn is not None
        and _is_torch_s_own(output.grad_fn, known)
    }


class _Foreign(TorchDispatchMode):
    """Notes the operations that are not torch's own."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace not in TORCH_S_OWN:
            self.found.add(str(func))
        return func(*args, **(kwargs or {}))


def _is_torch_s_own(node: Any, known: dict[Any, bool]) -> bool:
    """Say whether a graph of gradients holds none but torch's own functions."""
    waiting, seen = [node], {node}
    while waiting:
        each = waiting.pop()
        if isinstance(each, torch.autograd.function.BackwardCFunction):
            return False
        if each in known:
            continue
        following = {following for following, _ in each.next_functions if following is not None}
        waiting += following - seen
        seen |= following
    known.update(dict.fromkeys(seen, True))
    return True
