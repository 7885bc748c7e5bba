"""Inputs to a unit, and weights on them."""

import numpy as np
import pytest
import xarray as xr

N = 6


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(9).normal(size=(40, N))


@pytest.fixture(scope="module")
def drawn():
    """Return the function that draws inputs."""
    return _drawn


def _drawn(n_images, *, seed=0, positions=(0.0, 0.125, 0.25), skewed=False):
    """Return inputs that correlate with each other and with themselves when shifted."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(N, N))
    draw = rng.gamma(0.3, size=(n_images, 1, N)) if skewed else rng.normal(size=(n_images, 1, N))
    values = draw + 0.7 * rng.normal(size=(n_images, len(positions), N)) * [[0], [0.5], [1]]
    return xr.DataArray(
        values @ mixing + rng.normal(size=N),
        dims=("image", "position", "input"),
        coords={"position": list(positions)},
        attrs={"reference": 0.0},
    )
