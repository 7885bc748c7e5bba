"""Two inputs in a plane, and many under random weights: against samples and known cases."""

import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys.integration.geometry import integration_geometry, simulate_integration
from artiphys.rectification.moments import rectified_moments


def test_output_leans_to_the_invariant_input_of_large_variance():
    geometry = integration_geometry((1.0, -1.0), 0.6)
    assert geometry["variance"][0] > geometry["variance"][1]
    assert geometry["invariance"][0] > geometry["invariance"][1]
    assert geometry["mean_output_invariance"] > geometry["mean_input_invariance"]
    assert geometry["output_invariance"].sel(angle=0) == pytest.approx(geometry["invariance"][0])
    assert geometry["output_invariance"].sel(angle=90) == pytest.approx(geometry["invariance"][1])
    same = integration_geometry((0.5, 0.5), 0.6)
    assert same["mean_output_invariance"] == pytest.approx(same["mean_input_invariance"].item())


def test_simulated_integration_matches_sampled_responses():
    result = simulate_integration([0.6], mean=[-0.5], spread=[1.0], n_outputs=30, rng=4)
    rng = np.random.default_rng(4)
    m = -0.5 + rng.standard_normal((30, 100))
    weights = rng.standard_normal((30, 100))
    sampled = []
    for each, w in zip(m, weights, strict=True):
        first = rng.normal(size=(4000, 100))
        second = 0.6 * first + 0.8 * rng.normal(size=(4000, 100))
        sampled.append(
            np.corrcoef(np.maximum(first + each, 0) @ w, np.maximum(second + each, 0) @ w)[0, 1]
        )
    assert result["output_invariance"].item() == pytest.approx(np.mean(sampled), abs=0.01)
    assert result["output_spread"].item() == pytest.approx(np.std(sampled), abs=0.01)


def test_integration_gains_with_spread_and_nothing_without():
    result = simulate_integration([0.3, 0.7], mean=[-1.0, 0.0], spread=[0.0, 0.5, 1.0], rng=0)
    assert (result["output_invariance"].diff("spread") > 0).all()
    gain = result["output_invariance"] - result["input_invariance"]
    np.testing.assert_allclose(gain.sel(spread=0.0), 0, atol=1e-12)
    assert (gain.sel(spread=1.0) > 0.01).all()
    alone = rectified_moments(-1.0, -1.0, 1, 1, 0.3).corr
    assert result["output_invariance"].sel(mean=-1, spread=0, rho=0.3) == pytest.approx(alone)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"spread": [-1.0]}, "spread must be at least 0; got -1"),
        ({"n_inputs": 0}, "n_inputs and n_outputs must be at least 1; got 0 and 200"),
    ],
)
def test_simulated_integration_refuses(arguments, match):
    with pytest.raises(InputError, match=match):
        simulate_integration(**arguments)


@pytest.mark.parametrize("rho", [-0.5, 1.5, np.nan, [0.2, 0.3]])
def test_geometry_refuses_a_correlation_that_is_none_of_a_shift(rho):
    with pytest.raises(InputError, match=r"rho must be one number in \[0, 1\]; got"):
        integration_geometry(rho=rho)


def test_geometry_refuses_three_inputs():
    with pytest.raises(InputError, match=r"two numbers, one an input; got shape \(3,\)"):
        integration_geometry((1.0, 0.0, -1.0))
