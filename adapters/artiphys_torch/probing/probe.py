"""Probing: what the units of a network answer to photographs at some places of their fields."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from torch import nn

from artiphys.responses.storage import open_responses
from artiphys_torch.networks.origins import normalisation_of
from artiphys_torch.probing.extent import Extent, extent, say_if_long
from artiphys_torch.probing.labels import labelled_responses
from artiphys_torch.probing.partial_results import partial_results
from artiphys_torch.probing.plan import BATCH_SIZE, Plan, Run, probe_plan
from artiphys_torch.probing.stream import answers
from artiphys_torch.stimuli.canvas import CROP, SHIFTS, Normalisation, Stimulus

__all__ = ["probe"]


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
    units: Literal["central", "all"] = "central",
    overwrite: bool = False,
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
        Write the responses there (``.zarr`` or ``.nc``) as they are found, in memory that does not
        hang on the number of images. A run that was killed, at any moment, goes on from its
        finished chunks, which lie beside `out` until the end, to the identical result.
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
    units : {"central", "all"}
        One unit of each channel, on whose field the canvas is laid; or with it all those of the
        channel's map whose fields reach into the photograph, not shifted, and lie wholly in a frame
        of 224 pixels (more, where a field needs more). They answer to the same stimuli, each from
        its own place, as neurons with fields side by side do. With `frame` all of the map, or all
        tokens.
    overwrite : bool
        Replace what is at `out`; without it that is an error.

    Returns
    -------
    xarray.DataArray, (unit, image, position)
        A valid response array in ``a.u.``; positions are labelled by their shifts. Along ``unit``:
        area, source, layer, channel, rf_size. ``x`` is in pixels where all layers share one field,
        NaN where they do not. With ``units="all"`` also row and column in the map, and ``rf_x``
        and ``rf_y``, how far a unit's field lies from the canvas in pixels (NaN with `frame`), and
        units are called ``source/area/channel/row/column``. With `out` the array in the file, of
        Zarr opened lazily, of netCDF4 read into memory.

    Raises
    ------
    InputError
        For an unknown layer (the valid ones are listed), a layer whose field does not fit (with its
        size), photographs that cannot be read, shifts that leave the canvas, responses that are not
        finite. With `out`, if it is there already, another run is writing there, it cannot be
        written, or a run with other weights, photographs, shifts, layers or types was killed there.

    Warns
    -----
    ArtiphysWarning
        Before a run of minutes, or of gigabytes, of the bytes and the time that it takes.

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
    run = Run(batch_size, device, source, out, progress, dtype, frame, units, overwrite)
    plan = probe_plan(model, images, layers, stimulus, run)
    with run.computing():
        size = extent(plan)
        say_if_long(plan, size)
        if out is not None:
            _streamed(plan, size, out)
            # Of netCDF4 a whole copy: HDF5 crashes where one file is open here and closed there.
            return open_responses(out, chunks={} if Path(out).suffix.lower() == ".zarr" else None)
        values = np.empty(size.shape, size.dtype)
        for chunk, found in _answers(plan, size, size.chunks):
            values[:, chunk.start : chunk.stop] = found
        return labelled_responses(plan, values, size.n_units)


def _streamed(plan: Plan, size: Extent, out: str | Path) -> None:
    """Write the responses to `out`, chunk by chunk of images; those that are there stay."""
    import dask.array

    with partial_results(out, plan.key(), overwrite=plan.run.overwrite) as kept:
        if kept.finished:
            return
        each = len(size.chunks[0])
        lazy = dask.array.full(size.shape, np.nan, dtype=size.dtype, chunks=(-1, each, -1))
        kept.begin(labelled_responses(plan, lazy, size.n_units), each)
        missing = [chunk for chunk in size.chunks if not kept.has(chunk)]
        for chunk, values in _answers(plan, size, missing):
            kept.save(chunk, values)
        kept.finish()


def _answers(
    plan: Plan, size: Extent, chunks: Sequence[range]
) -> Iterator[tuple[range, np.ndarray]]:
    with plan.bar(len(plan.photographs) - sum(map(len, chunks))) as bar:
        yield from answers(plan, chunks, size.shape[0], bar)
