"""What enters the units of a convolution, and their weights on it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import nn

from artiphys.errors import InputError
from artiphys_torch.probing.plan import BATCH_SIZE, probe_plan
from artiphys_torch.receptive_fields.connections import check_layers
from artiphys_torch.stimuli.canvas import CROP, SHIFTS, Normalisation

__all__ = ["kernel_weights", "layer_inputs"]


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
) -> xr.DataArray:
    """Return what enters the units of a convolution: rectified, pooled, whatever lies before it.

    The canvases are those of :func:`probe`, and the inputs those of the unit probed: their sum
    weighted with the convolution's kernel, plus its bias, is the response.

    Parameters
    ----------
    model, images, shifts, crop, background, batch_size, device, progress, normalisation
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
    check_layers(model, [layer])
    if not isinstance(model.get_submodule(layer), nn.Conv2d):
        msg = f"layer {layer!r} must be a Conv2d; got {type(model.get_submodule(layer)).__name__}"
        raise InputError(msg)
    plan = probe_plan(
        model,
        images,
        layer,
        shifts=shifts,
        crop=crop,
        background=background,
        batch_size=batch_size,
        device=device,
        normalisation=normalisation,
        progress=progress,
    )
    (each,) = plan.passes
    parts = []
    with plan.running(), plan.bar(progress) as bar:
        for chunk, patches in plan.patches():
            values = torch.cat([each.inputs(batch) for batch in plan.batches(each, patches, bar)])
            values = values.to("cpu", torch.promote_types(values.dtype, torch.float32))
            parts.append(values.unflatten(0, (len(chunk), -1)).numpy())
    return xr.DataArray(
        np.concatenate(parts),
        dims=("image", "position", "channel", "kh", "kw"),
        coords={"image": plan.photographs.names, "position": list(plan.shifts)},
        name="input",
        attrs={"layer": layer, "reference": 0.0},
    )


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
