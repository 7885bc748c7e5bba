"""Explained invariance: how far rectification explains the responses of a layer's units.

Four predictions of each unit's variance and invariance from its inputs and weights. *exact*: from
the measured covariances of the rectified inputs, an identity. *gaussian*: from the covariances that
the rectified inputs would have if they were normal before rectification, with the mean and
covariance measured there: the paper's mechanism, correlations between inputs included. *diagonal*:
the paper's approximation, as if inputs were uncorrelated. *linear*: without rectification, as a
control.
"""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.correlations.ranks import rank_correlation
from artiphys.errors import InputError
from artiphys.rectification.covariance import covariance_rectified, rectified_cross_covariance

__all__ = ["PREDICTIONS", "agreement", "explained_invariance"]

PREDICTIONS = ("exact", "gaussian", "diagonal", "linear")
MIN_IMAGES = 3
# With fewer, mean and covariance are too uncertain for the gaussian prediction.
MIN_IMAGES_FOR_GAUSSIAN = 20


class Inputs(NamedTuple):
    """Inputs before rectification, and weights on them."""

    values: np.ndarray
    """(position, image, input), the reference position first."""
    positions: list[Any]
    """Labels of the others."""
    rows: np.ndarray
    """Weights, (unit, input)."""


def explained_invariance(inputs: xr.DataArray, weights: Any) -> xr.Dataset:
    r"""Return each unit's variance and invariance as predicted from its inputs and weights.

    .. math:: \tilde\sigma'^2 = w^T C_0 w, \qquad
              \tilde\rho' = \frac{w^T C_\times w}{\sqrt{w^T C_0 w \cdot w^T C_1 w}}

    with the covariances over images of the rectified inputs to images, shifted images, and between.

    Parameters
    ----------
    inputs : xarray.DataArray, (image, position, ...)
        Inputs before rectification; ``attrs["reference"]`` is the label of the reference position.
    weights : array_like or xarray.DataArray, (unit, ...)
        Weights on the inputs, trailing dims as those of `inputs`.

    Returns
    -------
    xarray.Dataset
        ``variance`` (prediction, unit) at the reference position and ``invariance``
        (prediction, unit, position); predictions are *exact*, *gaussian*, *diagonal* and *linear*.
        NaN for units that do not vary; *gaussian* is NaN with fewer than 20 images.

    Raises
    ------
    InputError
        If dims or shapes do not fit, values are not finite, there is no further position than the
        reference, or there are fewer than 3 images.

    Notes
    -----
    *exact* is an identity, which checks that inputs and weights belong to the units. *diagonal* is
    ``Σ c_i ρ_i`` where shifting does not change the inputs' variances, and for any inputs the exact
    formula with all covariances between inputs left out. Time and memory go with the square of the
    number of inputs: at 3456 and two further positions some seconds and 0.7 GB.

    References
    ----------
    Pospisil & Bair (2019), NeurIPS 32.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.normal(size=(500, 1, 8))
    >>> values = shared + rng.normal(size=(500, 2, 8))
    >>> inputs = xr.DataArray(values, dims=("image", "position", "input"),
    ...                       coords={"position": [0.0, 0.25]}, attrs={"reference": 0.0})
    >>> explained = explained_invariance(inputs, rng.normal(size=(3, 8)))
    >>> explained["invariance"].sel(prediction="exact").dims
    ('unit', 'position')
    """
    checked = checked_inputs(inputs, weights)
    rows = checked.rows
    before = [values - values.mean(axis=0) for values in checked.values]
    after = [_rectified(values) for values in checked.values]
    means = [values.mean(axis=0) for values in checked.values]
    enough = before[0].shape[0] >= MIN_IMAGES_FOR_GAUSSIAN
    variance, input_variances = [], []
    gaussian: np.ndarray | None
    for mean, linear, rectified in zip(means, before, after, strict=True):
        gaussian = None
        if enough:
            cov = _covariance(linear, linear)
            input_variances.append(np.diag(cov))
            gaussian = covariance_rectified(mean, cov, np.sqrt(input_variances[-1])).cov
        variance.append(_predictions(rows, (linear, linear), (rectified, rectified), gaussian))
    invariance = np.empty((len(PREDICTIONS), len(rows), len(checked.positions)))
    for number in range(1, len(means)):
        gaussian = None
        if enough:
            gaussian = rectified_cross_covariance(
                *(means[0], means[number], input_variances[0], input_variances[number]),
                _covariance(before[0], before[number]),
            )
        pairs = ((before[0], before[number]), (after[0], after[number]))
        covariance = _predictions(rows, *pairs, gaussian)
        with np.errstate(invalid="ignore", divide="ignore"):
            r = covariance / np.sqrt(variance[0]) / np.sqrt(variance[number])
        invariance[:, :, number - 1] = np.where(np.isfinite(r), r, np.nan)
    coords: dict[str, Any] = {"prediction": list(PREDICTIONS), "position": checked.positions}
    if isinstance(weights, xr.DataArray):
        dim = weights.dims[0]
        coords |= {
            str(k): ("unit", c.values) for k, c in weights.coords.items() if c.dims == (dim,)
        }
    return xr.Dataset(
        {
            "variance": (("prediction", "unit"), variance[0]),
            "invariance": (("prediction", "unit", "position"), invariance),
        },
        coords=coords,
    )


def agreement(explained: xr.Dataset, dynamic_range: Any, invariance: xr.DataArray) -> xr.Dataset:
    """Return how well predictions agree with measurements, for each prediction and position.

    Parameters
    ----------
    explained : xarray.Dataset
        From :func:`explained_invariance`.
    dynamic_range : array_like, (unit)
        As measured, units in the same order.
    invariance : xarray.DataArray, (unit, position)
        As measured; its positions are those of `explained`.

    Returns
    -------
    xarray.Dataset, (prediction, position)
        ``spearman_variance`` and ``spearman_invariance``: r_s over units of predicted and measured.
        ``error_variance``: median of ``|predicted / measured - 1|``, and ``error_invariance``: of
        ``|predicted - measured|``; ``largest_error_...``: the largest. ``bias_invariance``: median
        of predicted less measured. ``signature``: r_s between variance and invariance, both as
        predicted, and ``signature_measured``.

    Raises
    ------
    InputError
        If units or positions differ.
    """
    variance = np.asarray(dynamic_range, dtype=float)
    measured = invariance.transpose("unit", "position")
    shape = explained["invariance"].shape[1:]
    same = measured.shape == shape and variance.shape == shape[:1]
    if not (same and np.array_equal(measured["position"], explained["position"])):
        msg = (
            f"predictions are of {shape} units and positions, measured are {variance.shape} and "
            f"{measured.shape}, positions {measured['position'].values.tolist()}; pass the same"
        )
        raise InputError(msg)
    rows = []
    for prediction in explained["prediction"].values:
        predicted = explained["variance"].sel(prediction=prediction).values
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = np.abs(predicted / variance - 1)
        for position in explained["position"].values:
            r = explained["invariance"].sel(prediction=prediction, position=position).values
            truth = measured.sel(position=position).values.astype(float)
            rows.append(
                (
                    float(rank_correlation(predicted, variance)),
                    float(rank_correlation(r, truth)),
                    _median(relative),
                    _median(np.abs(r - truth)),
                    _largest(relative),
                    _largest(np.abs(r - truth)),
                    _median(r - truth),
                    float(rank_correlation(predicted, r)),
                    float(rank_correlation(variance, truth)),
                )
            )
    names = (
        *("spearman_variance", "spearman_invariance", "error_variance", "error_invariance"),
        *("largest_error_variance", "largest_error_invariance", "bias_invariance"),
        *("signature", "signature_measured"),
    )
    table = np.reshape(
        rows, (explained.sizes["prediction"], explained.sizes["position"], len(names))
    )
    dims = ("prediction", "position")
    return xr.Dataset(
        {name: (dims, table[..., column]) for column, name in enumerate(names)},
        coords={dim: explained[dim].values for dim in dims},
    )


def checked_inputs(inputs: xr.DataArray, weights: Any) -> Inputs:
    """Return inputs, the reference position first, and weights, all flat, or raise."""
    if not isinstance(inputs, xr.DataArray) or inputs.dims[:2] != ("image", "position"):
        got = getattr(inputs, "dims", type(inputs).__name__)
        msg = f"inputs must be a DataArray (image, position, ...); got {got}"
        raise InputError(msg)
    labels = inputs["position"].values.tolist()
    reference = inputs.attrs.get("reference")
    if reference not in labels or len(labels) < 2:
        msg = (
            f"inputs must be at their attrs' reference position and at least one more; got "
            f"reference {reference!r} and positions {labels}"
        )
        raise InputError(msg)
    if inputs.sizes["image"] < MIN_IMAGES:
        msg = f"at least {MIN_IMAGES} images are needed; got {inputs.sizes['image']}"
        raise InputError(msg)
    rows = np.asarray(weights, dtype=float)
    if rows.shape[1:] != inputs.shape[2:] or rows.size == 0:
        msg = f"weights must be (unit, {inputs.shape[2:]}) as inputs; got shape {rows.shape}"
        raise InputError(msg)
    first = labels.index(reference)
    order = [first, *(i for i in range(len(labels)) if i != first)]
    values = np.moveaxis(np.asarray(inputs.values, dtype=float), 1, 0)[order]
    values = values.reshape(len(order), inputs.sizes["image"], -1)
    rows = rows.reshape(len(rows), -1)
    if not (np.isfinite(values).all() and np.isfinite(rows).all()):
        msg = "inputs and weights must be finite; some are NaN or infinite"
        raise InputError(msg)
    return Inputs(values, [labels[i] for i in order[1:]], rows)


def _rectified(values: np.ndarray) -> np.ndarray:
    rectified = np.maximum(values, 0)
    return rectified - rectified.mean(axis=0)


def _covariance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first.T @ second / (len(first) - 1)


def _predictions(
    rows: np.ndarray,
    linear: tuple[np.ndarray, np.ndarray],
    rectified: tuple[np.ndarray, np.ndarray],
    gaussian: np.ndarray | None,
) -> np.ndarray:
    """Return ``w^T C w`` of each unit by each prediction, (prediction, unit).

    Pairs are inputs less their means, (image, input). As ``w^T (Y0^T Y1) w = (Y0 w)^T (Y1 w)``, the
    measured covariances themselves need not be formed.
    """
    divisor = len(linear[0]) - 1
    exact, unrectified = (
        np.einsum("iu,iu->u", first @ rows.T, second @ rows.T) / divisor
        for first, second in (rectified, linear)
    )
    normal = np.full(len(rows), np.nan)
    if gaussian is not None:
        normal = np.einsum("un,un->u", rows @ gaussian, rows)
    diagonal = rows**2 @ (np.einsum("in,in->n", *rectified) / divisor)
    return np.array([exact, normal, diagonal, unrectified])


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else np.nan


def _largest(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else np.nan
