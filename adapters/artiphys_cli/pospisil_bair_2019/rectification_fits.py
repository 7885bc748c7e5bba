"""The rectified-Gaussian model fitted to each area at each position, refusals told in the table."""

import warnings
from typing import Any

import numpy as np
import xarray as xr

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.rectification.model import RectificationModel

__all__ = ["rectification_fits"]

NUMBERS = (
    *("rho", "rho_error", "sigma", "sigma_error", "a", "a_error", "b", "b_error"),
    *("chi_square", "dof", "p_value", "r_squared", "n_images_effective", "n_units", "n_left_out"),
)
INTERVALS = ("rho_interval", "sigma_interval")
# The fit's errors are those of many images.
LEAST_IMAGES = 20


def rectification_fits(
    responses: xr.DataArray,
    *,
    by: str = "area",
    n_resamples: int = 200,
    level: float = 0.95,
    rng: Any = None,
) -> xr.Dataset:
    """Return the model fitted to the units of each area at each position.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position)
        Rectified, as the model's are: firing rates, or ``np.maximum(0, .)`` of a network's.
    by : str
        Coordinate along ``unit``.
    n_resamples, level, rng
        As for :class:`artiphys.RectificationModel`.

    Returns
    -------
    xarray.Dataset, (by, position)
        What :meth:`artiphys.RectificationModel.summary` has, and ``remark``: why there is no fit
        (its numbers are then NaN), fewer than 20 images say, or what the model warns of.

    Raises
    ------
    InputError
        As :func:`artiphys.dynamic_range` and :func:`artiphys.invariance`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> first, second = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], (60, 500)).T
    >>> values = np.stack([first, second]) + np.linspace(-1, 2, 60)
    >>> responses = xr.DataArray(np.maximum(values, 0), dims=("position", "image", "unit"),
    ...                          coords={"position": [0.0, 0.25], "area": ("unit", ["V4"] * 60)},
    ...                          attrs={"reference": 0.0})
    >>> fits = rectification_fits(responses, n_resamples=0)
    >>> fits["rho"].round(1).values.tolist(), fits["sigma"].round(1).values.tolist()
    ([[0.8]], [[1.0]])
    """
    variance, correlation = dynamic_range(responses), invariance(responses)
    n_images = responses.sizes["image"]
    groups = list(dict.fromkeys(responses[by].values.tolist()))
    rows = []
    for group in groups:
        members = responses[by].values == group
        for position in correlation["position"].values:
            model = RectificationModel(
                n_images=n_images, level=level, n_resamples=n_resamples, rng=rng
            )
            invariances = correlation.isel(unit=members).sel(position=position)
            rows.append(_summary(model, variance.isel(unit=members), invariances))
    fits = xr.concat(rows, dim="row").assign_coords(
        {
            by: ("row", np.repeat(groups, correlation.sizes["position"])),
            "position": ("row", np.tile(correlation["position"].values, len(groups))),
        }
    )
    fits = fits.set_index(row=[by, "position"]).unstack("row")
    return fits.sel({by: groups, "position": correlation["position"].values})


def _summary(
    model: RectificationModel, variance: xr.DataArray, correlation: xr.DataArray
) -> xr.Dataset:
    try:
        if model.n_images is not None and model.n_images < LEAST_IMAGES:
            msg = f"at least {LEAST_IMAGES} images are needed for a fit; got {model.n_images}"
            raise InputError(msg)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            summary = model.fit(variance, correlation).summary()
    except InputError as error:
        nothing: dict[str, Any] = {name: np.nan for name in NUMBERS}
        nothing |= {name: ("ci_bound", [np.nan, np.nan]) for name in INTERVALS}
        coords = {"ci_bound": ["lower", "upper"]}
        return xr.Dataset(nothing | {"remark": str(error)}, coords=coords)
    told = [str(each.message) for each in caught if issubclass(each.category, ArtiphysWarning)]
    return summary.assign(remark="; ".join(told))[[*NUMBERS, *INTERVALS, "remark"]]
