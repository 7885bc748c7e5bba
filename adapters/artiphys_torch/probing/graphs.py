"""Graphs of networks, traced without a trace.

``torch.fx`` traces by patching ``nn.Module`` for the whole process, so that a network that runs in
another thread meanwhile is traced too, and fails. Here a copy is traced, and its own modules are
watched, each by a class of its own.
"""

from typing import Any

import torch
from torch import fx, nn

from artiphys_torch.networks.copies import copied, sharing_weights, working_copy

__all__ = ["traced"]


def traced(model: nn.Module) -> fx.Graph:
    """Return a network's graph in evaluation; the network stays as it is.

    Raises
    ------
    Exception
        Of any kind, where the forward pass hangs on values.
    """
    if any(module.training for module in model.modules()):
        return _Tracer().trace(working_copy(model))
    return _Tracer().trace(copied(model, sharing_weights(model)))


class _Tracer(fx.Tracer):
    """Traces a network that nobody else holds, and patches nothing beside it."""

    def trace(self, root: Any, concrete_args: Any = None) -> fx.Graph:
        self.root, self.root_module_name = root, root._get_name()
        self.submodule_paths = {module: name for name, module in root.named_modules()}
        self.graph = fx.Graph(tracer_cls=fx.Tracer)
        self.tensor_attrs = {
            value: ".".join(filter(None, (path, name)))
            for path, module in root.named_modules()
            for name, value in vars(module).items()
            if isinstance(value, torch.Tensor)
        }
        parameters: dict[str, fx.Proxy] = {}
        for module in list(root.modules()):
            module.__class__ = _watched(type(module), self, parameters)
        forward, args = self.create_args_for_root(type(root).forward, True, concrete_args)
        self.create_node("output", "output", (self.create_arg(forward(*args)),), {})
        return self.graph


def _watched(kind: Any, tracer: fx.Tracer, parameters: dict[str, fx.Proxy]) -> type:
    """Return a class whose instances tell the tracer when they are called or read."""

    def call(module: Any, *args: Any, **kwargs: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            return kind.__call__(module, *args, **kwargs)

        return tracer.call_module(module, run, args, kwargs)

    def read(module: Any, name: str) -> Any:
        return tracer.getattr(name, kind.__getattr__(module, name), parameters)

    names = {"__call__": call, "__getattr__": read, "__module__": kind.__module__}
    return type(kind.__name__, (kind,), names)
