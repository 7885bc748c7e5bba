"""The two quantities of a unit: how widely its responses range, and how invariant they are."""

from collections.abc import Hashable
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr

from artiphys.errors import InputError
from artiphys.estimators.moments import moments_across_images
from artiphys.estimators.ratio_bias import noise_terms, ratio_bias
from artiphys.estimators.reference import best_positions, is_best
from artiphys.estimators.signal_moments import (
    MAX_NOISE_ERROR,
    cells_of,
    correlation_of,
    halves_of,
    noise_error,
    signal_moments,
)
from artiphys.responses.schema import reference_label, require

__all__ = ["Noise", "dynamic_range", "invariance", "resolved_noise", "with_reference"]

Noise = Literal["auto", "corrected", "split"] | None
VARIANCE_FORMULAS = {
    None: "variance across images, ddof 1",
    "corrected": "variance across images, ddof 1, less the mean noise variance of the cells' means",
    "split": "as corrected, in the first of two halves of the trials",
}
CORRELATION_FORMULAS = {
    None: "Pearson correlation across images with the reference position",
    "corrected": "covariance across images over the root of the product of signal variances",
    "split": "as corrected, in the second of two halves of the trials, less the bias of the ratio",
}
ROUNDING = 1e-9


def dynamic_range(
    responses: xr.DataArray, *, reference: Hashable | None = None, noise: Noise = "auto"
) -> xr.DataArray:
    r"""Return each unit's dynamic range: the variance of its responses across images.

    .. math:: s_u^2 = \frac{1}{n - 1} \sum_i (\bar y_{ui} - \bar y_u)^2
              - \frac{1}{n} \sum_i \frac{\hat\sigma_{ui}^2}{m_{ui}}

    with the mean responses to n images at the reference position, each over m trials whose variance
    is sigma². The second term, the noise, is left out with ``noise=None``.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        In any units of response; NaN means not measured.
    reference : str or number, optional
        Label of the reference position; ``attrs["reference"]`` by default. "best": each unit's own,
        where it answers most in a third of its trials, which the estimate then does not use.
    noise : {"auto", None, "corrected", "split"}
        None takes the mean responses as they are. "corrected" takes the noise off, by the variance
        between the trials of each cell. "split" does so within one half of the trials, those that
        the invariance does not use. "auto" is None without a ``trial`` dim, else "split".

    Returns
    -------
    xarray.DataArray, (unit)
        In the square of the responses' units. attrs say the formula and count the undefined and
        the negative.

    Raises
    ------
    InputError
        If dims are missing, labels repeat, the reference is not among the positions, or no cell has
        the 2 trials that say how noisy it is.

    Notes
    -----
    As measured, the variance is too large by the noise. Corrected, it is unbiased for any numbers
    of repeats from 2, and negative by chance where there is little signal: such values are kept. A
    cell of one trial takes the noise variance of the unit's other cells at that position. NaN for
    units with fewer than 2 images.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2019). The natural tendency of feed forward neural networks to favor
    invariant units. Advances in Neural Information Processing Systems 32.

    Pospisil, D. A. & Bair, W. (2021). Accounting for biases in the estimation of neuronal signal
    correlation. J. Neurosci. 41. https://doi.org/10.1523/JNEUROSCI.2775-20.2021

    Examples
    --------
    >>> import xarray as xr
    >>> responses = xr.DataArray([[[1.0], [2.0], [3.0]]], dims=("unit", "image", "position"),
    ...                          coords={"position": [0]}, attrs={"reference": 0})
    >>> float(dynamic_range(responses)[0])
    1.0

    Two trials of each, one above and one below: their variance 2, halved, comes off.

    >>> trials = xr.concat([responses + 1, responses - 1], "trial", combine_attrs="override")
    >>> float(dynamic_range(trials, noise="corrected")[0])
    0.0
    """
    noise = resolved_noise(responses, noise)
    responses, own = with_reference(responses, reference, noise)
    variance = np.full(responses.sizes["unit"], np.nan)
    for at in np.unique(own[own >= 0]):
        members = own == at
        variance[members] = _variance(responses.values[members], int(at), noise)
    result = _without(responses, "image", "position").copy(data=variance)
    result.name = "dynamic_range"
    result.attrs = {
        "units": f"({responses.attrs.get('units', 'a.u.')})²",
        "reference": responses.attrs["reference"],
        "noise": noise or "as measured",
        "formula": VARIANCE_FORMULAS[noise],
        "n_undefined": int(np.isnan(variance).sum()),
        "n_negative": int((variance < 0).sum()),
    }
    return result


def invariance(
    responses: xr.DataArray, *, reference: Hashable | None = None, noise: Noise = "auto"
) -> xr.DataArray:
    r"""Return each unit's invariance: how its responses across images carry over to a position.

    .. math:: r_{up} = \frac{\operatorname{cov}_i(\bar y_{ui0}, \bar y_{uip})}{s_{u0} s_{up}}

    Pearson's correlation of the mean responses at position p with those at the reference position
    0, across the images measured at both; with noise taken off the variances, the correlation of
    the signal.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        In any units of response; NaN means not measured.
    reference : str or number, optional
        Label of the reference position; ``attrs["reference"]`` by default. "best": each unit's own,
        where it answers most in a third of its trials, which the estimate then does not use.
    noise : {"auto", None, "corrected", "split"}
        None takes the mean responses as they are. "corrected" takes the noise off both variances.
        "split" does so within one half of the trials, those that the dynamic range does not use,
        and takes off the bias of the ratio. "auto" is None without a ``trial`` dim, else "split".

    Returns
    -------
    xarray.DataArray, (unit, position)
        Dimensionless, without the reference position itself (with "best": NaN there). attrs say the
        formula and count the undefined, those beyond ±1, and those too noisy.

    Raises
    ------
    InputError
        If dims are missing, labels repeat, the reference is not among the positions, it is the only
        one, or no cell has the 2 trials that say how noisy it is.

    Notes
    -----
    As measured, biased towards 0 by trial noise, and by about -r (1 - r²) / (2 n) with n images.
    Corrected, the noise has no first-order effect; an estimate can lie beyond ±1 by chance, and is
    kept. NaN for units with fewer than 3 images at both positions, with constant responses at one
    of them, or, corrected, with a variance that is not positive; split, also for those whose
    standard error by noise (from all the trials, whatever the correlation) is above 0.25.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2019). The natural tendency of feed forward neural networks to favor
    invariant units. Advances in Neural Information Processing Systems 32.

    Pospisil, D. A. & Bair, W. (2021). Accounting for biases in the estimation of neuronal signal
    correlation. J. Neurosci. 41. https://doi.org/10.1523/JNEUROSCI.2775-20.2021

    Examples
    --------
    >>> import xarray as xr
    >>> responses = xr.DataArray([[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]],
    ...                          dims=("unit", "image", "position"),
    ...                          coords={"position": [0, 1]}, attrs={"reference": 0})
    >>> round(float(invariance(responses).sel(position=1)[0]), 6)
    1.0
    """
    noise = resolved_noise(responses, noise)
    responses, own = with_reference(responses, reference, noise)
    if responses.sizes["position"] < 2:
        msg = "'position' must have at least 2 values to measure invariance; got 1"
        raise InputError(msg)
    correlation = np.full((responses.sizes["unit"], responses.sizes["position"]), np.nan)
    too_noisy = np.zeros(correlation.shape, dtype=bool)
    for at in np.unique(own[own >= 0]):
        members = own == at
        found = _correlation(responses.values[members], int(at), noise)
        correlation[members], too_noisy[members] = found
        correlation[members, at], too_noisy[members, at] = np.nan, False
    result = _without(responses, "image").copy(data=correlation)
    if not is_best(responses.attrs["reference"], responses["position"].values):
        result = result.isel(
            position=[p for p in range(responses.sizes["position"]) if p != own[0]]
        )
    result.name = "invariance"
    beyond = np.abs(result.values) > 1 + ROUNDING
    result.attrs = {
        "units": "1",
        "reference": responses.attrs["reference"],
        "noise": noise or "as measured",
        "formula": CORRELATION_FORMULAS[noise],
        "scale": "correlation",
        "n_undefined": int(np.isnan(result.values).sum()),
        "n_out_of_range": int(beyond.sum()),
        "n_too_noisy": int(too_noisy.sum()),
    }
    return result


def resolved_noise(responses: xr.DataArray, noise: Any) -> Noise:
    """Return `noise` with "auto" resolved, once the responses are known to allow it.

    Raises
    ------
    InputError
        If `noise` is none of the choices, needs trials or repeats that are not there, or nothing
        was measured.
    """
    if noise not in (None, "auto", "corrected", "split"):
        msg = f"noise must be None, 'auto', 'corrected' or 'split'; got {noise!r}"
        raise InputError(msg)
    responses = require(responses)
    if noise in ("corrected", "split") and "trial" not in responses.dims:
        msg = (
            f"responses must have a 'trial' dim for noise={noise!r}; got averages only; use "
            "noise=None"
        )
        raise InputError(msg)
    if noise is None or "trial" not in responses.dims:
        return None
    n_trials = responses.notnull().sum("trial")
    if not bool((n_trials > 1).any()):
        if not bool((n_trials > 0).any()):
            msg = "responses must hold something that was measured; got NaN only"
            raise InputError(msg)
        msg = (
            "no cell has 2 trials, which say how noisy it is; use noise=None, and mind that noise "
            "then counts as dynamic range"
        )
        raise InputError(msg)
    return "split" if noise == "auto" else noise


class Measured(NamedTuple):
    responses: xr.DataArray
    own: np.ndarray  # (unit), index of each unit's reference, -1 where it has none


def with_reference(responses: xr.DataArray, reference: Hashable | None, noise: Noise) -> Measured:
    """Return what is to be measured, its attrs["reference"] as asked, and each unit's reference."""
    responses = require(responses)
    labels = responses["position"].values.tolist() if "position" in responses.coords else []
    if is_best(reference, labels):
        if "trial" not in responses.dims:
            msg = "reference='best' chooses on trials of its own; got averages; name a position"
            raise InputError(msg)
        own, values = best_positions(responses.values)
        names = np.array([str(labels[at]) if at >= 0 else "" for at in own])
        responses = responses.copy(data=values).assign_coords(reference=("unit", names))
        label: Hashable = "best"
    else:
        label = reference_label(responses, reference)
        own = np.full(responses.sizes["unit"], labels.index(label))
    if noise is None and "trial" in responses.dims:
        responses = responses.mean("trial", keep_attrs=True)
    return Measured(responses.assign_attrs(responses.attrs | {"reference": label}), own)


def _variance(values: np.ndarray, at: int, noise: Noise) -> np.ndarray:
    if noise is None:
        return moments_across_images(values[:, :, [at]], 0)[0][0]
    if noise == "corrected":
        return signal_moments(cells_of(values), at).variance[:, at]
    return signal_moments(halves_of(values, 0)[0], at).variance[:, at]


def _correlation(values: np.ndarray, at: int, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations, and which of them were left out as too noisy (unit, position)."""
    if noise is None:
        correlation = moments_across_images(values, at)[1][0]
        return correlation, np.zeros(correlation.shape, dtype=bool)
    cells = cells_of(values)
    whole = signal_moments(cells, at)
    if noise == "corrected":
        correlation = correlation_of(whole)
        return correlation, np.zeros(correlation.shape, dtype=bool)
    half = halves_of(values, 0)[1]
    bias = ratio_bias(noise_terms(cells, whole, at), half.n, at, whole.n_image)
    correlation = correlation_of(signal_moments(half, at)) / (1 + bias)
    too_noisy = noise_error(cells, whole, at) > MAX_NOISE_ERROR
    return np.where(too_noisy, np.nan, correlation), too_noisy


def _without(responses: xr.DataArray, *dims: str) -> xr.DataArray:
    dims = (*dims, "trial") if "trial" in responses.dims else dims
    return responses.isel(dict.fromkeys(dims, 0), drop=True)
