"""Layers of a network: named and chosen, and what was put on them."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from artiphys.errors import InputError
from artiphys_torch.networks.origins import Origin, origin_of

__all__ = ["areas_of", "check_layers", "dtype_of", "is_patched"]


def check_layers(model: nn.Module, layers: Iterable[str]) -> None:
    """Raise an error that lists the valid layers if one of `layers` is not in `model`."""
    if not isinstance(model, nn.Module):
        msg = f"model must be a torch.nn.Module; got {type(model).__name__}"
        raise InputError(msg)
    _require_weights(model)
    valid = dict(model.named_modules())
    unknown = [layer for layer in layers if layer not in valid]
    if unknown:
        leaves = [name for name, module in valid.items() if name and not list(module.children())]
        msg = f"no layer {', '.join(map(repr, unknown))}; the layers are {', '.join(leaves)}"
        raise InputError(msg)


def areas_of(
    model: nn.Module, layers: str | Sequence[str] | Mapping[str, str] | None
) -> tuple[dict[str, str], bool]:
    """Return the area of each layer to be probed, and whether the layers were asked for by name.

    Parameters
    ----------
    model : torch.nn.Module
    layers : str, sequence of str, mapping of area to str, or None
        By default those that the network's origin names, or else all of ``torch.nn.Conv2d``.

    Raises
    ------
    InputError
        For an unknown layer (the valid ones are listed), or none, or one named twice.
    """
    check_layers(model, [])
    origin = getattr(model, "artiphys_origin", None)
    if layers is None:
        areas = origin.areas if isinstance(origin, Origin) else origin_of(model).areas
        if areas:
            return {layer: area for area, layer in areas.items()}, True
        found = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
        if not found:
            msg = f"{type(model).__name__} has no Conv2d; name the layers to be probed"
            raise InputError(msg)
        return {name: name for name in found}, False
    if isinstance(layers, str):
        layers = [layers]
    if not isinstance(layers, Iterable):
        msg = f"layers must be names, or a mapping of areas to names; got {layers!r}"
        raise InputError(msg)
    pairs = list(layers.items()) if isinstance(layers, Mapping) else [(n, n) for n in layers]
    names = [name for _, name in pairs]
    if not all(isinstance(name, str) for name in names):
        msg = f"layers must be names, as model.named_modules() has them; got {names!r}"
        raise InputError(msg)
    check_layers(model, names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        msg = "layers must name at least one layer, each once; got " + (
            f"{', '.join(twice)} more than once" if twice else "none"
        )
        raise InputError(msg)
    return {name: str(area) for area, name in pairs}, True


def is_patched(module: nn.Module) -> bool:
    """Say whether a method was replaced on the instance, so that its class does not tell it all."""
    return any(callable(value) and hasattr(type(module), k) for k, value in vars(module).items())


def dtype_of(*modules: nn.Module) -> torch.dtype:
    """Return the type of the numbers that modules, in this order, compute with."""
    values = itertools.chain.from_iterable(module.parameters() for module in modules)
    return next((value.dtype for value in values if value.is_floating_point()), torch.float32)


def _require_weights(model: nn.Module) -> None:
    """Raise if a network is a skeleton: on torch's meta device, or lazy and never run."""
    for name, value in itertools.chain(model.named_parameters(), model.named_buffers()):
        if is_lazy(value) or value.is_meta:
            what = "lazy; run the network once" if is_lazy(value) else "on meta; load it first"
            msg = f"the network must hold its weights; {name} is {what}"
            raise InputError(msg)
