"""Responses to send to another package and back: all that may get lost on the way."""

import numpy as np
import xarray as xr

from artiphys.responses.schema import validate

__all__ = ["assert_same", "unequal_repeats"]


def unequal_repeats(make_responses, labels, **more):
    """Unequal repeats, a unit that misses some, a cell that was never shown, and metadata.

    Positions are labelled by "numbers" or by "text".
    """
    rng = np.random.default_rng(3)
    values = rng.poisson(5.0, (4, 6, 3, 4)).astype(float)
    repeats = rng.integers(1, 5, (6, 3))
    repeats[0], repeats[2, 1] = 4, 0
    values[:, np.arange(4) >= repeats[..., None]] = np.nan
    values[2, 3, 0, 0] = values[1, :, 2] = np.nan
    positions = [-2.0, 0.0, 1.5] if labels == "numbers" else ["left", "fovea", "right"]
    return make_responses(
        values,
        unit=["s/9", "s/10", "s/1", "s/2"],  # in an order that is none of the alphabet
        image=["z", "b", "a", "d", "c", "10"],
        position=positions,
        reference=positions[1],
        x=[-2.0, 0.0, 1.5],
        y=[0.0, 0.0, np.nan],
        shift=[-0.25, 0.0, 0.1875],
        area=["V4", "IT", "V4", "IT"],
        unit_coords={"electrode": [4, 3, 2, 1], "quality": [0.5, np.nan, 1.0, 2.0]},
        **more,
    )


def assert_same(got, expected):
    """Assert that a valid array is another, but for how it came to be."""
    xr.testing.assert_identical(
        validate(got).drop_attrs(deep=False), expected.drop_attrs(deep=False)
    )
    kept = ("units", "reference", "schema_version")
    assert [got.attrs[name] for name in kept] == [expected.attrs[name] for name in kept]
