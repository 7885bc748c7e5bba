"""How far a unit's responses can be trusted, and the square root that evens out their noise."""

import numpy as np
import xarray as xr

from artiphys.errors import InputError
from artiphys.estimators.halves import first_half
from artiphys.estimators.moments import variance_and_correlation
from artiphys.estimators.pieces import cells_of_trials, units_in_turn
from artiphys.estimators.signal_moments import Cells, cells_of, signal_moments
from artiphys.responses.schema import require

__all__ = ["signal_to_noise", "signal_to_noise_of", "split_half_reliability", "square_root"]

N_SPLITS = 16


def signal_to_noise(responses: xr.DataArray) -> xr.DataArray:
    r"""Return each unit's signal-to-noise ratio at each position.

    .. math:: \mathrm{SNR}_{up} = \hat V_{up} \Big/ \frac{1}{n} \sum_i \hat\sigma_{uip}^2

    The variance across images of the signal (``noise="corrected"`` in
    :func:`artiphys.dynamic_range`) over the mean variance between trials of one image: the ratio
    for a single trial. With m trials a cell it is m times as large.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position, trial)
        In any units of response; NaN means not measured.

    Returns
    -------
    xarray.DataArray, (unit, position)
        Dimensionless. Negative by chance where there is little signal, which is kept.

    Raises
    ------
    InputError
        If there are no trials.

    Notes
    -----
    Too large by about 2/k with k degrees of freedom between trials, as the noise stands below. NaN
    with fewer than 2 images, without a cell of 2 trials at that position, or for a constant unit.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2021). Accounting for biases in the estimation of neuronal signal
    correlation. J. Neurosci. 41. https://doi.org/10.1523/JNEUROSCI.2775-20.2021

    Examples
    --------
    >>> import xarray as xr
    >>> responses = xr.DataArray([[[[1.0, 3.0]], [[5.0, 7.0]]]],
    ...                          dims=("unit", "image", "position", "trial"))
    >>> float(signal_to_noise(responses)[0, 0])
    3.5
    """
    responses = require(responses, trial=True)
    ratio = signal_to_noise_of(cells_of_trials(responses))
    formula = "signal variance across images over the variance between trials"
    return _labelled(responses, ratio, "signal_to_noise", formula)


def signal_to_noise_of(cells: Cells) -> np.ndarray:
    """Return :func:`signal_to_noise` of cells, as numbers."""
    n_unit, _, n_position = cells.n.shape
    ratio = np.full((n_unit, n_position), np.nan)
    one_trial = cells._replace(noise=cells.noise * cells.n)
    for at in range(ratio.shape[1]):
        noise = signal_moments(one_trial, at).noise[:, at]
        with np.errstate(invalid="ignore", divide="ignore"):
            signal = signal_moments(cells, at).variance[:, at]
            ratio[:, at] = np.where((noise > 0) | (signal != 0), signal / noise, np.nan)
    return ratio


def split_half_reliability(responses: xr.DataArray) -> xr.DataArray:
    r"""Return each unit's split-half reliability at each position.

    .. math:: \frac{2 \bar r}{1 + \bar r}

    with r the correlation across images of the mean responses in two halves of the trials, averaged
    over 16 ways to halve them: the correlation that as many trials again would have with these
    (Spearman and Brown).

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position, trial)
        In any units of response; NaN means not measured.

    Returns
    -------
    xarray.DataArray, (unit, position)
        Dimensionless, 1 without noise and 0 on average without signal.

    Raises
    ------
    InputError
        If there are no trials.

    Notes
    -----
    The halves are those of ``noise="split"``. Cells of one trial are in one half only and do not
    count. NaN with fewer than 3 images of 2 trials.

    References
    ----------
    Brown, W. (1910). Some experimental results in the correlation of mental abilities. Br. J.
    Psychol. 3, 296-322. https://doi.org/10.1111/j.2044-8295.1910.tb00207.x

    Examples
    --------
    >>> import xarray as xr
    >>> trial = [[[[1.0, 1.0]], [[2.0, 2.0]], [[4.0, 4.0]]]]
    >>> responses = xr.DataArray(trial, dims=("unit", "image", "position", "trial"))
    >>> float(split_half_reliability(responses)[0, 0].round(9))
    1.0
    """
    responses = require(responses, trial=True)
    total = np.zeros((responses.sizes["unit"], responses.sizes["position"]))
    for units, values in units_in_turn(responses):
        measured, by_images = ~np.isnan(values), np.zeros(len(values), dtype=bool)
        for split in range(N_SPLITS):
            first = first_half(measured, split, by_images)
            halves = cells_of(values, first), cells_of(values, ~first)
            for at in range(total.shape[1]):
                pair = np.stack([half.mean[:, :, at] for half in halves], axis=-1)
                total[units, at] += variance_and_correlation(pair, 0)[1][:, 1]
    mean = total / N_SPLITS
    formula = f"Spearman-Brown of the mean correlation in {N_SPLITS} splits of the trials"
    return _labelled(responses, 2 * mean / (1 + mean), "split_half_reliability", formula)


def square_root(responses: xr.DataArray) -> xr.DataArray:
    r"""Return the square roots of responses, whose noise is then about the same for every image.

    Counts with a variance in proportion to their mean have it; where that is so, the root of a rate
    has the noise variance of Poisson counts over 4 windows, whatever the rate.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position[, trial])
        In spikes or spikes/s, single trials rather than means of them.

    Returns
    -------
    xarray.DataArray, same dims
        In ``a.u.``, with ``attrs["transform"]``.

    Raises
    ------
    InputError
        If a response is negative.

    Examples
    --------
    >>> import xarray as xr
    >>> float(square_root(xr.DataArray([[[9.0]]], dims=("unit", "image", "position")))[0, 0, 0])
    3.0
    """
    responses = require(responses)
    n_negative = int((responses < 0).sum())
    if n_negative:
        msg = f"responses must not be negative for a square root; {n_negative} are"
        raise InputError(msg)
    changed = {"units": "a.u.", "transform": "square root"}
    if responses.dtype.kind != "f":
        responses = responses.astype(float)
    return xr.apply_ufunc(np.sqrt, responses, dask="allowed").assign_attrs(
        responses.attrs | changed
    )


def _labelled(responses: xr.DataArray, values: np.ndarray, name: str, formula: str) -> xr.DataArray:
    result = responses.isel(image=0, trial=0, drop=True).copy(data=values)
    result.name = name
    result.attrs = {"units": "1", "formula": formula, "n_undefined": int(np.isnan(values).sum())}
    return result
