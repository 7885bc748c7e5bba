"""Which inputs a unit's invariance comes from, and weights in other places."""

import numpy as np
import pytest
import xarray as xr

from artiphys.errors import InputError
from artiphys.integration.explained import explained_invariance
from artiphys.integration.input_shares import input_shares


def test_shares_of_all_inputs_are_everything_and_shares_add_up(drawn, weights):
    inputs = drawn(60)
    everything = input_shares(inputs, weights, top=1.0, n_shuffles=1, rng=0)
    np.testing.assert_allclose(everything["top_share"], 1)
    np.testing.assert_allclose(everything["top_weight"], 1)
    half = input_shares(inputs, weights, top=0.5, n_shuffles=1, rng=0)
    rectified = np.maximum(inputs.values, 0)
    order = np.argsort(-rectified[:, 0].var(axis=0))
    rest = rectified[..., order[3:]] @ weights[:, order[3:]].T
    all_of_it = rectified @ weights.T
    covariances = [
        (np.cov(one[:, 0, 7], other[:, 1, 7])[0, 1])
        for one, other in ((rest, all_of_it), (all_of_it, rest), (all_of_it, all_of_it))
    ]
    share = 1 - (covariances[0] + covariances[1]) / 2 / covariances[2]
    found = half["top_share"].sel(formula="exact", position=0.125)[7]
    assert found == pytest.approx(share, abs=1e-10)


def test_weights_in_their_places_and_in_others():
    """Weights on the invariant inputs help, and moving or levelling them takes that away."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(400, 1, 20))
    noise = rng.normal(size=(400, 2, 20))
    steady = np.arange(20) < 5
    inputs = xr.DataArray(
        np.where(steady, shared, noise),
        dims=("image", "position", "input"),
        coords={"position": [0.0, 0.25]},
        attrs={"reference": 0.0},
    )
    weights = rng.normal(size=(30, 20)) * np.where(steady, 3.0, 1.0)
    shares = input_shares(inputs, weights, rng=0)
    middle = shares["invariance"].median("unit").sel(position=0.25)
    for formula in ("exact", "diagonal"):
        real, shuffled, equal = middle.sel(formula=formula).values
        assert real > 0.6
        assert shuffled < 0.45
        assert equal < 0.4
    explained = explained_invariance(inputs, weights)
    for formula in ("exact", "diagonal"):
        np.testing.assert_allclose(
            shares["invariance"].sel(weights="real", formula=formula),
            explained["invariance"].sel(prediction=formula),
            atol=1e-12,
        )


def test_refusals_of_shares(drawn, weights):
    with pytest.raises(InputError, match=r"top must lie in \(0, 1\]; got 0"):
        input_shares(drawn(10), weights, top=0)
    with pytest.raises(InputError, match="n_shuffles must be at least 1; got 0"):
        input_shares(drawn(10), weights, n_shuffles=0)
