"""The two quantities of a unit: how widely its responses range, and how invariant they are."""

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np
import xarray as xr

from artiphys.errors import InputError
from artiphys.moments_across_images import moments_across_images
from artiphys.schema import reference_label, require

__all__ = ["Noise", "dynamic_range", "invariance"]

Noise = Literal["auto", "corrected", "split"] | None


def dynamic_range(
    responses: xr.DataArray, *, reference: Hashable | None = None, noise: Noise = "auto"
) -> xr.DataArray:
    r"""Return each unit's dynamic range: the variance of its responses across images.

    .. math:: s_u^2 = \frac{1}{n - 1} \sum_i (y_{ui} - \bar y_u)^2

    with y the responses at the reference position and n the number of images measured there.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position)
        In any units of response; NaN means not measured.
    reference : str or number, optional
        Label of the reference position; ``attrs["reference"]`` by default.
    noise : {"auto", None}
        None takes the responses as they were measured, and so does "auto" without trials.

    Returns
    -------
    xarray.DataArray, (unit)
        In the square of the responses' units. attrs say the formula and count the undefined.

    Raises
    ------
    InputError
        If dims are missing or the reference is not among the positions.

    Notes
    -----
    Unbiased for responses without noise; trial noise adds its variance over the number of repeats.
    NaN for units with fewer than 2 images.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2019). The natural tendency of feed forward neural networks to favor
    invariant units. Advances in Neural Information Processing Systems 32.

    Examples
    --------
    >>> import xarray as xr
    >>> responses = xr.DataArray([[[1.0], [2.0], [3.0]]], dims=("unit", "image", "position"),
    ...                          coords={"position": [0]}, attrs={"reference": 0})
    >>> float(dynamic_range(responses)[0])
    1.0
    """
    responses, at, label = _measured(responses, reference, noise)
    variance, _ = moments_across_images(responses.values[:, :, [at]], 0)
    result = responses.isel(image=0, position=at, drop=True).copy(data=variance[0])
    result.name = "dynamic_range"
    result.attrs = {
        "units": f"({responses.attrs.get('units', 'a.u.')})²",
        "reference": label,
        "noise": "as measured",
        "formula": "variance across images, ddof 1",
        "n_undefined": int(np.isnan(variance).sum()),
    }
    return result


def invariance(
    responses: xr.DataArray, *, reference: Hashable | None = None, noise: Noise = "auto"
) -> xr.DataArray:
    r"""Return each unit's invariance: how its responses across images carry over to a position.

    .. math:: r_{up} = \operatorname{corr}_i(y_{ui0}, y_{uip})

    Pearson's correlation of the responses at position p with those at the reference position 0,
    across the images measured at both.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position)
        In any units of response; NaN means not measured.
    reference : str or number, optional
        Label of the reference position; ``attrs["reference"]`` by default.
    noise : {"auto", None}
        None takes the responses as they were measured, and so does "auto" without trials.

    Returns
    -------
    xarray.DataArray, (unit, position)
        Dimensionless, without the reference position itself. attrs say the formula and count the
        undefined.

    Raises
    ------
    InputError
        If dims are missing, the reference is not among the positions, or it is the only one.

    Notes
    -----
    Biased towards 0 by trial noise, and by about -r (1 - r²) / (2 n) with n images. NaN for units
    with fewer than 3 images at both positions, or with constant responses at one of them.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2019). The natural tendency of feed forward neural networks to favor
    invariant units. Advances in Neural Information Processing Systems 32.

    Examples
    --------
    >>> import xarray as xr
    >>> responses = xr.DataArray([[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]],
    ...                          dims=("unit", "image", "position"),
    ...                          coords={"position": [0, 1]}, attrs={"reference": 0})
    >>> round(float(invariance(responses).sel(position=1)[0]), 6)
    1.0
    """
    responses, at, label = _measured(responses, reference, noise)
    if responses.sizes["position"] < 2:
        msg = "'position' must have at least 2 values to measure invariance; got 1"
        raise InputError(msg)
    _, correlation = moments_across_images(responses.values, at)
    others = [p for p in range(responses.sizes["position"]) if p != at]
    result = responses.isel(image=0, drop=True).copy(data=correlation[0])
    result = result.isel(position=others)
    result.name = "invariance"
    result.attrs = {
        "units": "1",
        "reference": label,
        "noise": "as measured",
        "formula": "Pearson correlation across images with the reference position",
        "scale": "correlation",
        "n_undefined": int(np.isnan(result.values).sum()),
    }
    return result


def _measured(
    responses: xr.DataArray, reference: Hashable | None, noise: Any
) -> tuple[xr.DataArray, int, Hashable]:
    if noise not in (None, "auto", "corrected", "split"):
        msg = f"noise must be None, 'auto', 'corrected' or 'split'; got {noise!r}"
        raise InputError(msg)
    responses = require(responses, trial=None if noise in (None, "auto") else True)
    label = reference_label(responses, reference)
    at = responses["position"].values.tolist().index(label)
    if "trial" in responses.dims:
        responses = responses.mean("trial", keep_attrs=True)
    return responses, at, label
