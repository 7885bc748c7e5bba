"""Probing: what the units of a network answer to photographs at some places of their fields."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import nn

from artiphys.errors import InputError
from artiphys.responses.array import response_array
from artiphys.responses.provenance import provenance
from artiphys.responses.storage import save_responses
from artiphys_torch.networks.origins import normalisation_of
from artiphys_torch.probing.partial_results import PartialResults, partial_results
from artiphys_torch.probing.plan import BATCH_SIZE, Plan, Run, probe_plan
from artiphys_torch.stimuli.canvas import CROP, SHIFTS, Normalisation, Stimulus

__all__ = ["labelled_responses", "probe", "require_finite"]


def probe(
    model: nn.Module,
    images: Any = None,
    layers: str | Sequence[str] | Mapping[str, str] | None = None,
    *,
    shifts: Sequence[float] = SHIFTS,
    crop: float = CROP,
    background: str | float = "mean",
    batch_size: int = BATCH_SIZE,
    device: str | torch.device = "auto",
    source: str | None = None,
    out: str | Path | None = None,
    progress: bool | None = None,
    normalisation: Normalisation | None = None,
    dtype: str | torch.dtype | None = None,
    frame: int | None = None,
) -> xr.DataArray:
    """Return the responses of a network's units to photographs shifted within their fields.

    For a unit with a receptive field of R pixels each photograph is laid, ``round(crop · R)``
    pixels wide, on an R × R canvas of background, flush left and ``round(shift · R)`` pixels
    further right. The response is the unrectified output, of one unit a channel, whose field is
    that canvas.

    Parameters
    ----------
    model : torch.nn.Module
        Any that takes RGB images; it stays as it is. Responses are those of its evaluation mode.
    images : optional
        A folder, a list of files or arrays (see :func:`as_photographs`); by default 500 images of
        dead leaves.
    layers : str, sequence of str or mapping of area to str, optional
        Names in ``model.named_modules()``. By default AlexNet's conv2 to conv5 under those areas;
        of other networks all of ``torch.nn.Conv2d`` whose field fits, the others counted and told.
    shifts : sequence of float
        Displacements as shares of the receptive field, 0 (the reference position) among them.
    crop : float
        Side of the photograph as a share of the receptive field.
    background : {"mean", "black"} or float
        ``"mean"`` is 0 after normalisation; a number is taken after normalisation.
    batch_size : int
        Canvases in one forward pass; it bears on time and memory alone.
    device : str or torch.device
        ``"auto"`` is the first there is of cuda, mps and cpu.
    source : str, optional
        Name of the network and its weights; units are called ``source/area/channel``. By default
        what a loader of this package noted, with units called ``alexnet/conv3/17``.
    out : path, optional
        Also save the array there (``.nc`` or ``.zarr``). Finished chunks of images are kept beside
        it while the run lasts; a run that was killed goes on from them to the identical result.
    progress : bool, optional
        A progress bar; by default only on a terminal.
    normalisation : Normalisation, optional
        By default the one of the loaded weights, or else ImageNet's as in torchvision.
    dtype : torch.dtype or str, optional
        To compute with. By default the network's own, but ``float32`` for one in ``float16`` or
        ``bfloat16``, whose rounding is up to a few percent of a unit's standard deviation.
    frame : int, optional
        Probe with whole images of so many pixels in place of receptive fields, which units after
        global pooling or attention do not have. That is another quantity: `crop` and `shifts` are
        shares of the frame, ``rf_size`` is the frame, padding has its part in the responses, and of
        a map of units the one nearest its centre is taken, of tokens the first.

    Returns
    -------
    xarray.DataArray, (unit, image, position)
        A valid response array in ``a.u.``; positions are labelled by their shifts. Along ``unit``:
        area, source, layer, channel, rf_size. ``x`` is in pixels where all layers share one field,
        NaN where they do not.

    Raises
    ------
    InputError
        For an unknown layer (the valid ones are listed), a layer whose field does not fit (with its
        size), photographs that cannot be read, shifts that leave the canvas, responses that are not
        finite.

    Notes
    -----
    In a network whose layers form a chain only the canvas is run, with all padding taken off. In
    others the canvas is laid on the field of the unit nearest the centre of a larger frame of
    background; a field that does not fit a frame of 1024 pixels is refused.

    References
    ----------
    Pospisil & Bair (2019), The natural tendency of feed forward neural networks to favor invariant
    units, NeurIPS 32.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3))
    >>> responses = probe(network, np.zeros((2, 9, 9, 3)), "2", source="small", progress=False)
    >>> responses.sizes["unit"], responses.unit.values.tolist()
    (2, ['small/2/0', 'small/2/1'])
    """
    stimulus = Stimulus(shifts, crop, background, normalisation or normalisation_of(model))
    run = Run(batch_size, device, source, out, progress, dtype, frame)
    plan = probe_plan(model, images, layers, stimulus, run)
    with run.computing():
        n_channels = {
            layer: values.shape[1]
            for each in plan.passes
            for layer, values in each(plan.blank(each.size)).items()
        }
        plan.say_if_large(sum(n_channels.values()))
        if out is None:
            return labelled_responses(plan, _responses(plan, n_channels, None), n_channels)
        with partial_results(out, plan.key()) as kept:
            responses = labelled_responses(plan, _responses(plan, n_channels, kept), n_channels)
            with kept.writing():
                save_responses(responses, out)
            return responses


def require_finite(plan: Plan, values: np.ndarray, chunk: range) -> None:
    """Raise if a response, (unit, image, position), to a chunk of images is none."""
    bad = ~np.isfinite(values)
    if bad.any():
        image = plan.photographs[chunk[int(bad.any(axis=(0, 2)).argmax())]].name
        msg = (
            f"{int(bad.any(axis=(1, 2)).sum())} of {len(values)} units answer NaN or infinity,"
            f" first to {image}: {plan.why_not_finite()}"
        )
        raise InputError(msg)


def labelled_responses(plan: Plan, values: np.ndarray, n_channels: dict[str, int]) -> xr.DataArray:
    """Return the responses, (unit, image, position), units in the order of the plan's layers."""
    shifts = list(plan.stimulus.shifts)
    sizes = {layer: each.size for each in plan.passes for layer in each.layers}
    prefix = plan.run.source or plan.origin.network
    labels = [
        (layer, area, channel)
        for layer, area in plan.areas.items()
        for channel in range(n_channels[layer])
    ]
    lefts = np.array([plan.stimulus.geometry(each.size).left for each in plan.passes])
    shared = (lefts == lefts[0]).all(axis=0)
    return response_array(
        values,
        unit=[f"{prefix}/{area}/{channel}" for _, area, channel in labels],
        image=plan.photographs.names,
        position=shifts,
        x=np.where(shared, lefts[0], np.nan).tolist(),
        y=[0.0] * len(shifts),
        displacement_units="px",
        shift=shifts,
        area=[area for _, area, _ in labels],
        source=plan.source,
        units="a.u.",
        reference=0.0,
        unit_coords={
            "layer": [layer for layer, _, _ in labels],
            "channel": [channel for _, _, channel in labels],
            "rf_size": [sizes[layer] for layer, _, _ in labels],
        },
        provenance=provenance(
            "artiphys_torch.probe",
            arguments={
                "layers": {area: layer for layer, area in plan.areas.items()},
                **vars(plan.stimulus),
                "normalisation": plan.stimulus.normalisation._asdict(),
                "normalisation_from": plan.normalisation_from,
                "batch_size": plan.run.batch_size,
                "device": plan.run.device.type,
                "dtype": plan.dtype,
                "weights_dtype": plan.own_dtype,
                **({"frame": plan.run.frame} if plan.run.frame else {}),
            },
            inputs=[
                {"name": plan.origin.source, "sha256": plan.origin.digest},
                {
                    "name": plan.photographs.origin,
                    "sha256": plan.photographs.digest(),
                    "count": len(plan.photographs),
                },
            ],
            dropped=plan.dropped,
            packages=("torch", "torchvision", "pillow"),
            passes=[each.describe() for each in plan.passes],
        ),
    )


def _responses(plan: Plan, n_channels: dict[str, int], kept: PartialResults | None) -> np.ndarray:
    """Return the responses, (unit, image, position), chunk by chunk of images."""
    n_units, n_positions = sum(n_channels.values()), len(plan.stimulus.shifts)
    done: dict[int, np.ndarray] = {}
    if kept:
        for chunk in plan.chunks():
            values = kept.load(chunk.start, (n_units, len(chunk), n_positions))
            if values is not None:
                done[chunk.start] = values
    with plan.bar(sum(chunk.shape[1] for chunk in done.values())) as bar:
        for chunk, patches in plan.patches(lambda chunk: chunk.start not in done):
            values = _chunk_responses(plan, patches, bar)
            require_finite(plan, values, chunk)
            done[chunk.start] = values
            if kept:
                kept.save(chunk.start, values)
    return np.concatenate([done[first] for first in sorted(done)], axis=1)


def _chunk_responses(plan: Plan, patches: dict[int, torch.Tensor], bar: Any) -> np.ndarray:
    """Return the responses to a chunk of images, units in the order of the layers."""
    by_layer: dict[str, list[torch.Tensor]] = {layer: [] for layer in plan.areas}
    for each in plan.passes:
        for batch in plan.batches(each, patches, bar):
            for layer, values in each(batch).items():
                by_layer[layer].append(values)
    columns = torch.cat([torch.cat(parts) for parts in by_layer.values()], dim=1)
    columns = columns.to("cpu", torch.promote_types(columns.dtype, torch.float32))
    values = columns.unflatten(0, (-1, len(plan.stimulus.shifts))).permute(2, 0, 1)
    return np.ascontiguousarray(values.numpy())
