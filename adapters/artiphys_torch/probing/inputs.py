"""What enters the units of a convolution, as it is or before it was rectified, and their weights.

Maxima and rectification commute, ``max_j max(0, s_j) = max(0, max_j s_j)``, so that a network whose
rectifiers just before a layer are taken out gives that layer's pooled inputs before rectification.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from torch import fx, nn

from artiphys.errors import InputError
from artiphys_torch.networks.copies import copied, sharing_weights
from artiphys_torch.networks.layers import check_layers
from artiphys_torch.networks.origins import normalisation_of
from artiphys_torch.probing.graphs import traced
from artiphys_torch.probing.labels import labelled_responses
from artiphys_torch.probing.plan import BATCH_SIZE, Plan, Run, probe_plan, records
from artiphys_torch.probing.stream import Canvases, portions, require_finite
from artiphys_torch.stimuli.canvas import CROP, SHIFTS, Normalisation, Stimulus
from artiphys_torch.stimuli.photographs import as_photographs, cached

__all__ = ["Probed", "kernel_weights", "layer_inputs", "probe_with_inputs", "unrectified_inputs"]

# Modules that taking a maximum with 0 can be moved past.
PASSED = (nn.MaxPool2d, nn.Dropout, nn.Dropout2d, nn.Identity)


def layer_inputs(
    model: nn.Module,
    images: Any,
    layer: str,
    *,
    shifts: Sequence[float] = SHIFTS,
    crop: float = CROP,
    background: str | float = "mean",
    batch_size: int = BATCH_SIZE,
    device: str | torch.device = "auto",
    progress: bool | None = None,
    normalisation: Normalisation | None = None,
    dtype: str | torch.dtype | None = None,
) -> xr.DataArray:
    """Return what enters the units of a convolution: rectified, pooled, whatever lies before it.

    The canvases are those of :func:`probe`, and the inputs those of the unit probed: their sum
    weighted with the convolution's kernel, plus its bias, is the response.

    Parameters
    ----------
    model, images, shifts, crop, background, batch_size, device, progress, normalisation, dtype
        As for :func:`probe`.
    layer : str
        Name of a ``torch.nn.Conv2d``.

    Returns
    -------
    xarray.DataArray, (image, position, channel, kh, kw)
        ``channel`` is the input channel; ``kh`` and ``kw`` are the kernel's row and column.

    Raises
    ------
    InputError
        As :func:`probe`, and if `layer` is no ``Conv2d``.
    """
    _convolution(model, layer)
    stimulus = Stimulus(shifts, crop, background, normalisation or normalisation_of(model))
    run = Run(batch_size, device, progress=progress, dtype=dtype)
    return _inputs(probe_plan(model, images, layer, stimulus, run))


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
    bare = _without_rectifiers(model, layer)
    return _inputs(probe_plan(bare, images, layer, *records(model, **how)))


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
    **how: Any,
) -> Probed:
    """Return the responses of some layers, and their inputs before rectification.

    Both come from one pass over the photographs, at the cost of :func:`artiphys_torch.probe`: what
    enters a layer is rectified and goes through that layer's own weights.

    Parameters
    ----------
    model, images
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
    images = cached(as_photographs(images))
    stimulus, run = records(model, **how)
    plan = probe_plan(model, images, layers, stimulus, run)
    inputs = {
        area: _inputs(probe_plan(_without_rectifiers(model, layer), images, layer, stimulus, run))
        for layer, area in plan.areas.items()
    }
    values = [
        _responses(model.get_submodule(layer), inputs[area]) for layer, area in plan.areas.items()
    ]
    n_channels = {layer: len(each) for layer, each in zip(plan.areas, values, strict=True)}
    together = np.concatenate(values)
    require_finite(plan, together, range(len(images)))
    return Probed(labelled_responses(plan, together, n_channels), inputs)


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
    convolution = _convolution(model, layer)
    weights = convolution.weight.detach().to("cpu", torch.float64).numpy()
    full = np.zeros((len(weights), convolution.in_channels, *weights.shape[2:]))
    units, channels = np.arange(len(weights)), weights.shape[1]
    first = units // (len(weights) // convolution.groups) * channels
    columns = first[:, np.newaxis] + np.arange(channels)
    full[units[:, np.newaxis], columns] = weights
    return xr.DataArray(full, dims=("unit", "channel", "kh", "kw"), name="weight")


def _convolution(model: nn.Module, layer: str) -> nn.Conv2d:
    """Return a layer that must be a convolution."""
    check_layers(model, [layer])
    convolution = model.get_submodule(layer)
    if not isinstance(convolution, nn.Conv2d):
        msg = f"layer {layer!r} must be a Conv2d; got {type(convolution).__name__}"
        raise InputError(msg)
    return convolution


def _inputs(plan: Plan) -> xr.DataArray:
    """Return what enters the one layer of a plan, (image, position, channel, kh, kw)."""
    (layer,) = plan.areas
    (each,) = plan.passes
    parts = []
    with plan.run.computing(), plan.bar() as bar:
        lay = Canvases(plan, bar)
        for portion in portions(plan, [range(len(plan.photographs))]):
            values = torch.cat([each.inputs(batch) for batch in lay(each, portion)])
            values = values.to("cpu", torch.promote_types(values.dtype, torch.float32))
            parts.append(values.unflatten(0, (len(portion.images), -1)).numpy())
    return xr.DataArray(
        np.concatenate(parts),
        dims=("image", "position", "channel", "kh", "kw"),
        coords={"image": plan.photographs.names, "position": list(plan.stimulus.shifts)},
        name="input",
        attrs={"layer": layer, "reference": 0.0},
    )


def _without_rectifiers(model: nn.Module, layer: str) -> nn.Module:
    """Return a copy of a network, in all but the weights, in which a layer's inputs are not cut."""
    _convolution(model, layer)
    rectifiers = _rectifiers(model, layer)
    bare = copied(model, sharing_weights(model, buffers=True))
    for name in rectifiers:
        bare.set_submodule(name, nn.Identity())
    return bare


def _rectifiers(model: nn.Module, layer: str) -> list[str]:
    """Return the names of the ReLUs that a layer's inputs come from."""
    try:
        graph = traced(model)
    except Exception as error:
        msg = f"layer {layer!r}: the network cannot be traced to what rectifies its inputs"
        raise InputError(msg) from error
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


def _responses(convolution: Any, inputs: xr.DataArray) -> np.ndarray:
    """Return what a convolution's units, (unit, image, position), make of inputs to one place."""
    rectified = torch.from_numpy(inputs.values).clamp(min=0)
    weight = convolution.weight.detach().to("cpu", rectified.dtype)
    answers = F.conv2d(rectified.flatten(0, 1), weight, groups=convolution.groups).flatten(1)
    if convolution.bias is not None:
        answers += convolution.bias.detach().to("cpu", rectified.dtype)
    return answers.view(*rectified.shape[:2], -1).permute(2, 0, 1).contiguous().numpy()
