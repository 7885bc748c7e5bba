"""Invariance: how a unit's responses across images carry over to another position."""

from collections.abc import Hashable

import numpy as np
import xarray as xr

from artiphys.errors import InputError
from artiphys.estimators.measurement import Measurement, Noise, measurement, without_dims
from artiphys.estimators.moments import correlation_of, moments_across_images
from artiphys.estimators.ratio_bias import noise_terms, ratio_bias
from artiphys.estimators.signal_moments import (
    MAX_NOISE_ERROR,
    Cells,
    noise_error,
    signal_moments,
)

__all__ = ["invariance", "invariance_of", "noise_error_of"]

FORMULAS = {
    None: "Pearson correlation across images with the reference position",
    "corrected": "covariance across images over the root of the product of signal variances",
    "split": "as corrected, in the second of two halves of the trials, less the bias of the ratio",
}
ROUNDING = 1e-9


def invariance(
    responses: xr.DataArray, *, reference: Hashable | None = None, noise: Noise = "auto"
) -> xr.DataArray:
    r"""Return each unit's invariance: how its responses at a position correlate with the reference.

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
    standard error by noise (from all the trials, whatever the correlation) is above 0.5.

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
    return invariance_of(measurement(responses, reference=reference, noise=noise))


def invariance_of(measured: Measurement) -> xr.DataArray:
    """Return :func:`invariance` of what was checked already."""
    responses, own = measured.responses, measured.own
    if responses.sizes["position"] < 2:
        msg = "'position' must have at least 2 values to measure invariance; got 1"
        raise InputError(msg)
    correlation = np.full((own.size, responses.sizes["position"]), np.nan)
    too_noisy = np.zeros(correlation.shape, dtype=bool)
    for at, members in measured.by_reference():
        found = _correlation(measured, at, members)
        correlation[members], too_noisy[members] = found
        correlation[members, at], too_noisy[members, at] = np.nan, False
    result = without_dims(responses, "image", "trial").copy(data=correlation)
    result = result.isel(position=measured.away)
    result.name = "invariance"
    result.attrs = {
        "units": "1",
        "reference": measured.reference,
        "noise": measured.noise or "as measured",
        "formula": FORMULAS[measured.noise],
        "scale": "correlation",
        "n_undefined": int(np.isnan(result.values).sum()),
        "n_out_of_range": int((np.abs(result.values) > 1 + ROUNDING).sum()),
        "n_too_noisy": int(too_noisy.sum()),
    }
    return result


def noise_error_of(measured: Measurement) -> np.ndarray:
    """Return the standard error that noise gives each correlation (unit, position).

    From all the trials, whatever the correlation is: see
    :func:`artiphys.estimators.signal_moments.noise_error`. NaN at the reference.
    """
    error = np.full((measured.own.size, measured.responses.sizes["position"]), np.nan)
    for at, members in measured.by_reference():
        cells = Cells(*(of[members] for of in measured.cells))
        error[members] = noise_error(cells, signal_moments(cells, at), at)
        error[members, at] = np.nan
    return error


def _correlation(
    measured: Measurement, at: int, members: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations, and which of them were left out as too noisy (unit, position)."""
    if measured.noise is None:
        moments = measured.moments
        if measured.is_best:
            moments = moments_across_images(measured.values[members], at)
        correlation = correlation_of(moments)
        return correlation, np.zeros(correlation.shape, dtype=bool)
    split = measured.noise == "split"
    cells = Cells(*(of[members] for of in (measured.halved.whole if split else measured.cells)))
    whole = signal_moments(cells, at)
    if measured.noise == "corrected":
        correlation = correlation_of(whole)
        return correlation, np.zeros(correlation.shape, dtype=bool)
    half = Cells(*(of[members] for of in measured.halved.second))
    bias = ratio_bias(noise_terms(cells, whole, at), half.n, at, whole.n_image)
    correlation = correlation_of(signal_moments(half, at)) / (1 + bias)
    too_noisy = noise_error(cells, whole, at) > MAX_NOISE_ERROR
    return np.where(too_noisy, np.nan, correlation), too_noisy
