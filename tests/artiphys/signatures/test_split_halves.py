"""The signature of disjoint halves: its jackknife against a loop, itself against the truth."""

import numpy as np
import pytest

from artiphys.estimators.halves import halves_of
from artiphys.estimators.moments import correlation_of
from artiphys.estimators.ratio_bias import noise_terms, ratio_bias
from artiphys.estimators.signal_moments import cells_of, signal_moments
from artiphys.signatures.split_halves import Halves, halves_in_splits, split_signature
from made_up_trials import spiking, trials


def halves(seed, n_unit=300, relation=0.6, noise=0.7, n_split=8):
    """Both quantities, measured in each half with errors of their own."""
    rng = np.random.default_rng(seed)
    spread = rng.normal(size=n_unit)
    carried = relation * spread + np.sqrt(1 - relation**2) * rng.normal(size=n_unit)
    errors = noise * rng.normal(size=(2, 2, n_split, n_unit))
    return Halves(spread + errors[0], (carried + errors[1])[..., None], np.zeros((n_unit, 1)))


@pytest.mark.parametrize(
    "values",
    [
        trials(0, n_unit=6, gaps=0.0),
        trials(1, n_unit=6, gaps=0.4),
        spiking(np.random.default_rng(2), 2.0, 20, 15, (2, 5)),
    ],
    ids=["whole", "with gaps", "unequal repeats"],
)
def test_both_quantities_are_those_of_one_half_after_another(values):
    found = halves_in_splits(values, 1, n_splits=4)
    cells = cells_of(values)
    whole = signal_moments(cells, 1)
    terms = noise_terms(cells, whole, 1)
    for split in range(4):
        for h, half in enumerate(halves_of(values, split)):
            moments = signal_moments(half, 1)
            bias = ratio_bias(terms, half.n, 1, whole.n_image)
            expected = correlation_of(moments) / (1 + bias)
            np.testing.assert_allclose(
                found.dynamic_range[h, split], moments.variance[:, 1], rtol=1e-10, atol=1e-10
            )
            np.testing.assert_allclose(found.invariance[h, split], expected, rtol=1e-10, atol=1e-10)


def test_the_division_by_the_reliabilities_recovers_the_relation():
    found = [split_signature(halves(seed), 0) for seed in range(40)]
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's for a bivariate normal of 0.6
    assert np.mean([f.correlation.estimate for f in found]) == pytest.approx(truth, abs=0.02)
    assert (
        np.mean([f.correlation.measured for f in found]) < truth - 0.1
    )  # without it: the negative control
    intervals = [f.correlation.interval(0.05) for f in found]
    covered = [lower < truth < upper for lower, upper in intervals]
    assert sum(covered) >= 34


def test_the_p_value_is_alpha_where_the_interval_ends_at_0():
    for seed in range(30):
        found = split_signature(halves(seed, n_unit=30, relation=0.3), 0)
        lower, upper = found.correlation.interval(0.05)
        assert (found.correlation.p_value < 0.05) == (lower > 0 or upper < 0)


def test_a_covariate_that_makes_the_relation_takes_it_away():
    rng = np.random.default_rng(0)
    cause = rng.normal(size=200)
    errors = 0.7 * rng.normal(size=(2, 2, 8, 200))
    both = Halves(cause + errors[0], (cause + errors[1])[..., None], np.zeros((200, 1)))
    assert split_signature(both, 0).correlation.p_value < 1e-6
    held = split_signature(both, 0, covariates=cause[:, None])
    assert abs(held.correlation.measured) < 0.1


def test_too_little_reliability_gives_a_p_value_and_no_estimate():
    found = split_signature(halves(0, n_unit=40, noise=20.0), 0)
    assert np.isnan([found.correlation.estimate, *found.correlation.interval(0.05)]).all()
    assert 0 < found.correlation.p_value <= 1
