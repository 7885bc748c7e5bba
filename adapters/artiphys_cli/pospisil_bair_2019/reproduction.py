"""What they report, and the same measured on an AlexNet: the paper's numbers are all here."""

import warnings
from typing import Any, NamedTuple, TypeVar

import numpy as np
import xarray as xr
from torch import nn

from artiphys.correlations.resampling import check_resampling
from artiphys.correlations.spearman import spearman
from artiphys.errors import InputError
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.integration.explained import agreement, explained_invariance
from artiphys.integration.input_shares import input_shares
from artiphys.integration.weights import weight_share
from artiphys.signatures.signature import signature
from artiphys_cli.pospisil_bair_2019.rectification_fits import rectification_fits
from artiphys_torch.networks.loading import ALEXNET_AREAS
from artiphys_torch.probing.inputs import kernel_weights, probe_with_inputs
from artiphys_torch.stimuli.photographs import Photographs, as_photographs, cached

__all__ = [
    "DISTANCES",
    "PAPER_TABLE_1",
    "PAPER_WEIGHT_SHARE",
    "Reproduction",
    "by_distance",
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
# Simulated populations behind a fit's p-value, and shuffles of weights: enough for a table.
N_POPULATIONS, N_SHUFFLES = 49, 4
DISTANCES = {"close": 1 / 8, "far": 1 / 4}  # shift as a fraction of the receptive field

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


class Reproduction(NamedTuple):
    """What is measured on one network."""

    responses: xr.DataArray
    """(unit, image, position), before rectification."""
    table: xr.Dataset
    """Over (area, distance): spearman, interval, p_value, n_units, and the paper's figure."""
    compensation: xr.Dataset
    """Over (area): spearman, interval, p_value, n of weight share with input variance, paper."""
    fits: xr.Dataset
    """Over (area, distance): the rectified-Gaussian model fitted to the rectified responses."""
    predictions: xr.Dataset
    """``variance`` (prediction, unit) and ``invariance`` (prediction, unit, distance)."""
    agreement: xr.Dataset
    """Over (area, prediction, distance): how predictions and measurements agree."""
    input_shares: xr.Dataset
    """Over (area, distance), medians over units: where invariance comes from, and weights."""


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
    """Return Table 1 of the paper, and the tests of compensation and theory, for one AlexNet.

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
        Further arguments of :func:`artiphys_torch.layer_inputs`, such as ``background``.

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
    responses, inputs = probe_with_inputs(model, images, ALEXNET_AREAS, shifts=shifts, **how)
    table = by_distance(signature(responses, n_resamples=n_resamples, level=level, rng=seed))
    column = int(trained)
    table["paper"] = xr.DataArray(
        [[PAPER_TABLE_1[d][area][column] for d in DISTANCES] for area in table["area"].values],
        dims=("area", "distance"),
    )
    # Each layer's inputs are let go of when they have been used.
    layers = [
        _layer(model, area, responses, inputs.pop(area), seed, (n_resamples, level))
        for area in ALEXNET_AREAS
    ]
    areas = xr.Variable("area", list(ALEXNET_AREAS))
    compensation, predictions, agreed, shares = (
        [getattr(layer, name) for layer in layers] for name in _Layer._fields
    )
    together = xr.concat(compensation, dim=areas)
    paper = [PAPER_WEIGHT_SHARE.get(area, np.nan) if trained else np.nan for area in ALEXNET_AREAS]
    together["paper"] = ("area", paper)
    rectified = responses.clip(min=0).assign_attrs(responses.attrs)
    fits = rectification_fits(rectified, n_resamples=N_POPULATIONS, level=level, rng=seed)
    return Reproduction(
        responses,
        table,
        together,
        by_distance(fits),
        by_distance(xr.concat(predictions, dim="unit")),
        by_distance(xr.concat(agreed, dim=areas)),
        by_distance(xr.concat(shares, dim=areas)),
    )


def enough_photographs(images: Any = None, **how: Any) -> Photographs:
    """Return photographs as :func:`artiphys_torch.as_photographs` does, or refuse fewer than 3.

    They are held in memory: each network, and each of its layers, goes over them anew.
    """
    found = as_photographs(images, **how)
    if len(found) < MIN_IMAGES:
        msg = f"at least {MIN_IMAGES} images are needed to correlate across them; got {len(found)}"
        raise InputError(msg)
    return cached(found)


def by_distance(result: Labelled) -> Labelled:
    """Return the same with ``distance``, close and far, for ``position``."""
    return result.assign_coords(position=list(DISTANCES)).rename(position="distance")


class _Layer(NamedTuple):
    compensation: xr.Dataset
    predictions: xr.Dataset
    agreement: xr.Dataset
    shares: xr.Dataset


def _layer(
    model: nn.Module,
    area: str,
    responses: xr.DataArray,
    inputs: xr.DataArray,
    seed: int,
    resampling: tuple[int, float],
) -> _Layer:
    """Return what a layer's inputs and weights say."""
    module = ALEXNET_AREAS[area]
    n_resamples, level = resampling
    compensation = spearman(
        _shares(model.get_submodule(module)),
        _variances(inputs.clip(min=0)),
        dim="input",
        n_resamples=n_resamples,
        level=level,
        rng=seed,
    )
    measured = responses.isel(unit=responses["area"].values == area)
    weights = kernel_weights(model, module).assign_coords(
        unit=measured["unit"].values, area=("unit", measured["area"].values)
    )
    predictions = explained_invariance(inputs, weights)
    agreed = agreement(predictions, dynamic_range(measured), invariance(measured))
    shares = input_shares(inputs, weights, n_shuffles=N_SHUFFLES, rng=seed)
    with warnings.catch_warnings():  # medians of nothing, where no unit varies
        warnings.simplefilter("ignore", RuntimeWarning)
        shares = shares.median("unit")
    return _Layer(compensation, predictions, agreed, shares)


def _shares(convolution: Any) -> xr.DataArray:
    weights = convolution.weight.detach().cpu().numpy()
    # The output units of a group have weights on its own inputs only.
    groups = np.split(weights, convolution.groups)
    return xr.DataArray(np.concatenate([weight_share(group) for group in groups]), dims="input")


def _variances(inputs: xr.DataArray) -> xr.DataArray:
    """Return each input channel's variance across images, averaged over the kernel's places."""
    at_each = inputs.isel(position=0).var("image", ddof=1)
    return xr.DataArray(at_each.mean(at_each.dims[1:]).values, dims="input")
