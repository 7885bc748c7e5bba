"""Fits of each area at each position: truth recovered, and refusals told, not raised."""

import numpy as np
import xarray as xr

from artiphys_cli.pospisil_bair_2019.rectification_fits import rectification_fits


def test_each_area_has_its_own_fit_and_refusals_are_told():
    rng = np.random.default_rng(0)
    steady = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], (60, 400)).T
    values = np.concatenate([steady + np.linspace(-1, 2, 60), np.ones((2, 400, 5))], axis=2)
    responses = xr.DataArray(
        np.maximum(values, 0),
        dims=("position", "image", "unit"),
        coords={"position": [0.0, 0.5], "area": ("unit", ["b"] * 60 + ["a"] * 5)},
        attrs={"reference": 0.0},
    )
    fits = rectification_fits(responses, n_resamples=0)
    assert fits["area"].values.tolist() == ["b", "a"]
    found = fits.sel(area="b", position=0.5)
    assert abs(found["rho"] - 0.7) < 0.05
    assert found["rho_interval"].sel(ci_bound="lower") < found["rho"]
    assert found["n_units"] == 60
    assert np.isnan(fits["rho"].sel(area="a")).all()
    assert "cannot be identified by 0 units" in str(fits["remark"].sel(area="a").values)
    few = rectification_fits(responses.isel(image=range(10)), n_resamples=0)
    assert np.isnan(few["rho"]).all()
    assert "at least 20 images are needed for a fit; got 10" in str(few["remark"].values)
