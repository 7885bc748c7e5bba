"""Simulated recordings: what is said to be true of them is."""

import numpy as np
import pytest
from scipy import stats

from artiphys.comparison.compare import compare
from artiphys.errors import InputError
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.estimators.moments import variance_and_correlation
from artiphys.responses.schema import validate
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses


@pytest.mark.parametrize("relation", ["rectification", "none"])
def test_expected_moments_are_those_of_many_images(relation):
    _, truth = simulate_responses(
        relation=relation, n_units=60, n_images=20_000, n_positions=3, repeats=1, rng=0
    )
    ratio = truth["dynamic_range"] / truth["expected_dynamic_range"]
    assert float(ratio.median()) == pytest.approx(1, abs=0.02)
    for position in (1, 2):
        error = (truth["invariance"] - truth["expected_invariance"]).sel(position=position)
        assert float(error.std()) < 0.03
        assert float(error.mean()) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(("relation", "low", "high"), [("rectification", 0.3, 0.7), ("none", 0, 0)])
def test_the_relation_is_there_or_is_not(relation, low, high):
    _, truth = simulate_responses(relation=relation, n_units=4000, n_images=2, repeats=1, rng=1)
    r = stats.spearmanr(truth["expected_dynamic_range"], truth["expected_invariance"][:, 1])[0]
    assert low - 0.05 < r < high + 0.05


@pytest.mark.parametrize("fano", [1.0, 2.5])
def test_counts_have_the_rates_and_the_fano_factor(fano):
    responses, truth = simulate_responses(
        n_units=40, n_images=20, repeats=200, rate=30, window=0.5, fano=fano, rng=2
    )
    counts = responses * 0.5
    mean, expected = counts.mean("trial"), truth["rate"] * 0.5
    assert float((mean / expected).where(expected > 1).mean()) == pytest.approx(1, abs=0.01)
    ratio = (counts.var("trial", ddof=1) / expected).where(expected > 2)
    assert float(ratio.mean()) == pytest.approx(fano, rel=0.03)


def test_repeats_are_unequal_and_shared_within_a_session():
    responses, _ = simulate_responses(n_units=6, n_images=30, repeats=(2, 5), n_sessions=2, rng=3)
    validate(responses)
    n = responses.notnull().sum("trial").values
    assert (n.min(), n.max(), responses.sizes["trial"]) == (2, 5, 5)
    sources = responses["source"].values
    assert np.unique(sources).size == 2
    for source in np.unique(sources):
        assert (n[sources == source] == n[sources == source][0]).all()
    assert (n[sources == sources[0]][0] != n[sources == sources[-1]][0]).any()


def test_the_truth_is_that_of_its_own_rates_and_a_seed_gives_it_again():
    responses, truth = simulate_responses(n_units=5, n_images=10, rng=4)
    variance, correlation = variance_and_correlation(truth["rate"].values, 0)
    np.testing.assert_array_equal(truth["dynamic_range"], variance)
    np.testing.assert_array_equal(truth["invariance"][:, 1], correlation[:, 1])
    again = simulate_responses(n_units=5, n_images=10, rng=4)
    assert again.responses.identical(responses)
    assert again.truth.identical(truth)


def test_the_true_rates_are_a_response_array():
    brain, truth = simulate_responses(n_units=40, n_positions=3, rate=40.0, rng=5)
    rate = truth["rate"]
    validate(rate.rename("response"))
    np.testing.assert_allclose(dynamic_range(rate), truth["dynamic_range"])
    np.testing.assert_allclose(invariance(rate), truth["invariance"][:, 1:])
    expected = stats.spearmanr(truth["dynamic_range"], truth["invariance"][:, 2]).statistic
    found = signature(rate, n_resamples=9, rng=0)
    assert float(found["spearman"].sel(position=2)[0]) == pytest.approx(expected)
    assert np.isfinite(compare(rate, brain, n_passes=1, rng=0)["difference"].values).all()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"relation": "some"}, "relation must be 'rectification', 'none' or a number"),
        ({"repeats": (5, 2)}, "the fewest and the most; got \\(5, 2\\)"),
        ({"repeats": 0}, "repeats must be a whole number of at least 1; got 0"),
        (
            {"fano": 0.5, "rate": -1.0},
            "rate must be a number above 0, .*; got -1.0; fano .* must be a number of at least 1",
        ),
        ({"rate": 1e20, "window": 1e300}, "rate must be .* 1e\\+06; got 1e\\+20; window must be"),
        ({"rate": "3"}, "rate must be a number above 0, .*; got '3'"),
        ({"rate": [3, 4]}, "rate must be a number above 0, .*; got \\[3, 4\\]"),
        ({"fano": 1e300}, "fano .* of at least 1, at most 100; got 1e\\+300"),
        ({"repeats": None}, "repeats must be a whole number, .*; got None"),
        ({"repeats": float("nan")}, "repeats must be a whole number, .*; got nan"),
        ({"repeats": np.array([4, 2])}, "repeats must be a whole number"),
        ({"n_units": "3"}, "n_units must be a whole number of at least 1; got '3'"),
        ({"n_units": 3.0}, "n_units must be a whole number of at least 1; got 3.0"),
        ({"n_units": float("nan")}, "n_units must be a whole number of at least 1; got nan"),
        ({"n_units": 2, "n_sessions": 3}, "n_sessions must not exceed the 2 units; got 3"),
    ],
)
def test_bad_input(arguments, fault):
    with pytest.raises(InputError, match=fault):
        simulate_responses(**arguments)
