"""What enters the units of a convolution, before it was rectified, and their weights on it.

Maxima and rectification commute, ``max_j max(0, s_j) = max(0, max_j s_j)``, so that a network whose
rectifiers just before a layer are taken out gives that layer's pooled inputs before rectification.
"""

import copy
from collections import Counter
from itertools import chain
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import fx, nn

from artiphys.errors import InputError
from artiphys_torch.connections import check_layers
from artiphys_torch.probing import layer_inputs

__all__ = ["kernel_weights", "unrectified_inputs"]

# Modules that taking a maximum with 0 can be moved past.
PASSED = (nn.MaxPool2d, nn.Dropout, nn.Dropout2d, nn.Identity)


def unrectified_inputs(model: nn.Module, images: Any, layer: str, **how: Any) -> xr.DataArray:
    """Return what enters the units of a convolution, pooled, but not rectified.

    Parameters
    ----------
    model, images, layer
        As for :func:`artiphys_torch.layer_inputs`.
    **how
        Its further arguments.

    Returns
    -------
    xarray.DataArray, (image, position, channel, kh, kw)
        ``np.maximum(0, .)`` of it is what :func:`artiphys_torch.layer_inputs` returns.

    Raises
    ------
    InputError
        As :func:`artiphys_torch.layer_inputs`, and where inputs are not those of ``nn.ReLU``
        modules, with nothing but pooling by maximum, dropout and concatenation in between.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 3))
    >>> inputs = unrectified_inputs(network, np.zeros((2, 9, 9, 3)), "3", progress=False)
    >>> inputs.sizes["channel"], inputs.sizes["kh"]
    (4, 3)
    """
    check_layers(model, [layer])
    rectifiers = _rectifiers(model, layer)
    shared: Any = chain(model.parameters(), model.buffers())
    # A copy in all but the weights.
    bare = copy.deepcopy(model, memo={id(values): values for values in shared})
    for name in rectifiers:
        bare.set_submodule(name, nn.Identity())
    return layer_inputs(bare, images, layer, **how)


def kernel_weights(model: nn.Module, layer: str) -> xr.DataArray:
    """Return the weights of a convolution's units on their inputs, 0 on those of other groups.

    Parameters
    ----------
    model : torch.nn.Module
    layer : str
        Name of a ``torch.nn.Conv2d``.

    Returns
    -------
    xarray.DataArray, (unit, channel, kh, kw)

    Raises
    ------
    InputError
        If the layer is unknown or no ``Conv2d``.
    """
    check_layers(model, [layer])
    convolution = model.get_submodule(layer)
    if not isinstance(convolution, nn.Conv2d):
        msg = f"layer {layer!r} must be a Conv2d; got {type(convolution).__name__}"
        raise InputError(msg)
    weights = convolution.weight.detach().to("cpu", torch.float64).numpy()
    full = np.zeros((len(weights), convolution.in_channels, *weights.shape[2:]))
    units, channels = np.arange(len(weights)), weights.shape[1]
    first = units // (len(weights) // convolution.groups) * channels
    columns = first[:, np.newaxis] + np.arange(channels)
    full[units[:, np.newaxis], columns] = weights
    return xr.DataArray(full, dims=("unit", "channel", "kh", "kw"), name="weight")


def _rectifiers(model: nn.Module, layer: str) -> list[str]:
    """Return the names of the ReLUs that a layer's inputs come from."""
    training = {each: each.training for each in model.modules()}
    try:
        model.eval()
        graph = fx.Tracer().trace(model)
    except Exception as error:
        msg = f"layer {layer!r}: the network cannot be traced to what rectifies its inputs"
        raise InputError(msg) from error
    finally:
        for each, mode in training.items():
            each.training = mode
    counts = Counter(node.target for node in graph.nodes if node.op == "call_module")
    modules: dict[str, Any] = dict(model.named_modules())
    (node,) = (n for n in graph.nodes if n.op == "call_module" and n.target == layer)
    found: dict[fx.Node, str] = {}
    waiting = list(node.all_input_nodes)
    while waiting:
        node = waiting.pop()
        module = modules[str(node.target)] if node.op == "call_module" else None
        if type(module) is nn.ReLU and counts[node.target] == 1:
            found[node] = str(node.target)
        elif type(module) in PASSED or node.target in (torch.cat, torch.concat):
            waiting += node.all_input_nodes
        else:
            what = type(module).__name__ if module is not None else str(node.target)
            msg = (
                f"layer {layer!r}: its inputs must come from nn.ReLU modules, each used once, with "
                f"nothing but max-pooling, dropout and concatenation after; got {what}"
            )
            raise InputError(msg)
    if any(other in found for node in found for other in _ancestors(node)):
        msg = f"layer {layer!r}: some of its rectified inputs also come to it by way of others"
        raise InputError(msg)
    return list(found.values())


def _ancestors(node: fx.Node) -> set[fx.Node]:
    seen: set[fx.Node] = set()
    waiting = list(node.all_input_nodes)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += node.all_input_nodes
    return seen
