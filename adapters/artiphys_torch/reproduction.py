"""Pospisil & Bair's Table 1 and test of compensation, measured on an AlexNet."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from torch import nn

from artiphys.errors import InputError
from artiphys.integration import weight_share
from artiphys.rank_correlation import check_resampling, spearman
from artiphys.signatures import signature
from artiphys_torch.networks import ALEXNET_AREAS
from artiphys_torch.photographs import Photographs, as_photographs
from artiphys_torch.probing import layer_inputs, probe

__all__ = [
    "DISTANCES",
    "PAPER_TABLE_1",
    "PAPER_WEIGHT_SHARE",
    "Reproduction",
    "enough_photographs",
    "reproduce",
]

# Spearman's r_s as they report it (2019, Table 1): by layer, (untrained, trained).
PAPER_TABLE_1 = {
    "close": {
        "conv2": (0.92, 0.58),
        "conv3": (0.94, 0.75),
        "conv4": (0.92, 0.65),
        "conv5": (0.86, 0.64),
    },
    "far": {
        "conv2": (0.44, 0.35),
        "conv3": (0.67, 0.56),
        "conv4": (0.65, 0.48),
        "conv5": (0.64, 0.18),
    },
}
# Weight share against input variance, trained; they report none in conv2 and conv5.
PAPER_WEIGHT_SHARE = {"conv3": 0.34, "conv4": 0.19}
MIN_IMAGES = 3
DISTANCES = {"close": 1 / 8, "far": 1 / 4}  # shift as a fraction of the receptive field


class Reproduction(NamedTuple):
    """What is measured on one network."""

    responses: xr.DataArray
    """(unit, image, position), before rectification."""
    table: xr.Dataset
    """Over (area, distance): spearman, interval, p_value, n_units, and the paper's figure."""
    compensation: xr.Dataset
    """Over (area): spearman, interval, p_value, n of weight share with input variance, paper."""


def reproduce(
    model: nn.Module,
    images: Any = None,
    *,
    trained: bool = False,
    n_resamples: int = 10_000,
    level: float = 0.95,
    rng: Any = None,
    **how: Any,
) -> Reproduction:
    """Return Table 1 of the paper, and the test of compensation, for one AlexNet.

    Parameters
    ----------
    model : torch.nn.Module
        As :func:`artiphys_torch.load_alexnet` returns it.
    images
        As :func:`artiphys_torch.probe` takes them; dead leaves by default.
    trained : bool
        Which of the paper's networks to put beside it.
    n_resamples, level, rng
        As in :func:`artiphys.spearman`.
    **how
        Further arguments of :func:`artiphys_torch.probe`, such as ``background`` or ``device``.

    Returns
    -------
    Reproduction

    Raises
    ------
    InputError
        For fewer than 3 images, and as :func:`artiphys_torch.probe`.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2019). The natural tendency of feed forward neural networks to favor
    invariant units. Advances in Neural Information Processing Systems 32.
    """
    seed = int(np.random.default_rng(rng).integers(2**63))
    check_resampling(n_resamples, level)  # before the work, not after
    images = enough_photographs(images)
    shifts = (0, *DISTANCES.values())
    responses = probe(model, images, ALEXNET_AREAS, shifts=shifts, **how)
    table = signature(responses, n_resamples=n_resamples, level=level, rng=seed)
    table = table.assign_coords(position=list(DISTANCES)).rename(position="distance")
    column = int(trained)
    table["paper"] = xr.DataArray(
        [[PAPER_TABLE_1[d][area][column] for d in DISTANCES] for area in table["area"].values],
        dims=("area", "distance"),
    )
    found = []
    for module in ALEXNET_AREAS.values():
        inputs = layer_inputs(model, images, module, shifts=(0,), **how)
        found.append(
            spearman(
                _shares(model.get_submodule(module)),
                _variances(inputs),
                dim="input",
                n_resamples=n_resamples,
                level=level,
                rng=seed,
            )
        )
    areas = list(ALEXNET_AREAS)
    compensation = xr.concat(found, dim=xr.Variable("area", areas))
    paper = [PAPER_WEIGHT_SHARE.get(area, np.nan) if trained else np.nan for area in areas]
    compensation["paper"] = ("area", paper)
    return Reproduction(responses, table, compensation)


def enough_photographs(images: Any = None, **how: Any) -> Photographs:
    """Return photographs as :func:`artiphys_torch.as_photographs` does, or refuse fewer than 3."""
    found = as_photographs(images, **how)
    if len(found) < MIN_IMAGES:
        msg = f"at least {MIN_IMAGES} images are needed to correlate across them; got {len(found)}"
        raise InputError(msg)
    return found


def _shares(convolution: Any) -> xr.DataArray:
    weights = convolution.weight.detach().cpu().numpy()
    # The output units of a group have weights on its own inputs only.
    groups = np.split(weights, convolution.groups)
    return xr.DataArray(np.concatenate([weight_share(group) for group in groups]), dims="input")


def _variances(inputs: xr.DataArray) -> xr.DataArray:
    """Return each input channel's variance across images, averaged over the kernel's positions."""
    at_each = inputs.isel(position=0).var("image", ddof=1)
    return xr.DataArray(at_each.mean(at_each.dims[1:]).values, dims="input")
