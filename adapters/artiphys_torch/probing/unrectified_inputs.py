"""What enters the units of a convolution, before it was rectified.

Maxima and rectification commute, ``max_j max(0, s_j) = max(0, max_j s_j)``, so that a network whose
rectifiers just before a layer are taken out gives that layer's pooled inputs before rectification.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from torch import fx, nn

from artiphys.errors import InputError
from artiphys_torch.probing.inputs import layer_inputs
from artiphys_torch.probing.plan import probe_plan
from artiphys_torch.probing.probe import labelled_responses, require_finite
from artiphys_torch.receptive_fields.connections import check_layers, copied
from artiphys_torch.stimuli.held_photographs import held
from artiphys_torch.stimuli.photographs import as_photographs

__all__ = ["Probed", "probe_with_inputs", "unrectified_inputs"]

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
    bare = copied(model, {id(values): values for values in shared})
    for name in rectifiers:
        bare.set_submodule(name, nn.Identity())
    return layer_inputs(bare, images, layer, **how)


class Probed(NamedTuple):
    """What units answer, and what they answer to."""

    responses: xr.DataArray
    """(unit, image, position), as :func:`artiphys_torch.probe` returns them."""
    inputs: dict[str, xr.DataArray]
    """By area, as :func:`unrectified_inputs` returns them."""


def probe_with_inputs(
    model: nn.Module,
    images: Any,
    layers: Mapping[str, str],
    *,
    progress: bool | None = None,
    **how: Any,
) -> Probed:
    """Return the responses of some layers, and their inputs before rectification.

    Both come from one pass over the photographs, at the cost of :func:`artiphys_torch.probe`: what
    enters a layer is rectified and goes through that layer's own weights.

    Parameters
    ----------
    model, images, progress
        As for :func:`artiphys_torch.probe`.
    layers : mapping of area to str
        Names of ``torch.nn.Conv2d``.
    **how
        Further arguments of :func:`artiphys_torch.layer_inputs`.

    Returns
    -------
    Probed

    Raises
    ------
    InputError
        As :func:`artiphys_torch.probe` and :func:`unrectified_inputs`.
    """
    images = held(as_photographs(images))
    plan = probe_plan(model, images, layers, progress=progress, **how)
    inputs = {
        area: unrectified_inputs(model, images, layer, progress=progress, **how)
        for layer, area in plan.areas.items()
    }
    values = [
        _responses(model.get_submodule(layer), inputs[area]) for layer, area in plan.areas.items()
    ]
    n_channels = {layer: len(each) for layer, each in zip(plan.areas, values, strict=True)}
    together = np.concatenate(values)
    require_finite(plan, together, range(len(images)))
    return Probed(labelled_responses(plan, together, n_channels), inputs)


def _responses(convolution: Any, inputs: xr.DataArray) -> np.ndarray:
    """Return what a convolution's units, (unit, image, position), make of inputs to one place."""
    rectified = torch.from_numpy(inputs.values).clamp(min=0)
    weight = convolution.weight.detach().to("cpu", rectified.dtype)
    answers = F.conv2d(rectified.flatten(0, 1), weight, groups=convolution.groups).flatten(1)
    if convolution.bias is not None:
        answers += convolution.bias.detach().to("cpu", rectified.dtype)
    return answers.view(*rectified.shape[:2], -1).permute(2, 0, 1).contiguous().numpy()


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
