"""Responses to send through a door and back."""

import numpy as np
import pytest
import xarray as xr

from artiphys.responses.schema import validate


@pytest.fixture(params=["numbers", "text"])
def responses(request, make_responses):
    """Unequal repeats, a unit that misses some, a cell that was never shown, and metadata."""
    rng = np.random.default_rng(3)
    values = rng.poisson(5.0, (4, 6, 3, 4)).astype(float)
    repeats = rng.integers(1, 5, (6, 3))
    repeats[0], repeats[2, 1] = 4, 0
    values[:, np.arange(4) >= repeats[..., None]] = np.nan
    values[2, 3, 0, 0] = values[1, :, 2] = np.nan
    positions = [-2.0, 0.0, 1.5] if request.param == "numbers" else ["left", "fovea", "right"]
    return make_responses(
        values,
        unit=["s/9", "s/10", "s/1", "s/2"],  # in an order that is none of the alphabet
        image=["z", "b", "a", "d", "c", "10"],
        position=positions,
        reference=positions[1],
        x=[-2.0, 0.0, 1.5],
        y=[0.0, 0.0, np.nan],
        shift=[-0.25, 0.0, 0.1875],
        displacement_units="px",
        units="spikes",
        area=["V4", "IT", "V4", "IT"],
        source="s",
        unit_coords={"electrode": [4, 3, 2, 1], "quality": [0.5, np.nan, 1.0, 2.0]},
    )


@pytest.fixture
def same():
    """Assert that a valid array is another, but for how it came to be."""

    def assert_same(got, expected):
        xr.testing.assert_identical(
            validate(got).drop_attrs(deep=False), expected.drop_attrs(deep=False)
        )
        kept = ("units", "reference", "schema_version")
        assert [got.attrs[name] for name in kept] == [expected.attrs[name] for name in kept]

    return assert_same
