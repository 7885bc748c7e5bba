"""The difference of two rank correlations: its interval, its p-value, and that they agree."""

import numpy as np
import pytest

from artiphys.correlations.difference import difference_of
from artiphys.correlations.inference import RankCorrelation, jackknife_correlation


def sample(rng, n, rho):
    x = rng.normal(size=n)
    return x, rho * x + np.sqrt(1 - rho**2) * rng.normal(size=n)


def test_the_p_value_is_alpha_where_the_interval_ends_at_0():
    rng = np.random.default_rng(1)
    for _ in range(40):
        pair = [jackknife_correlation(*sample(rng, 60, rho)) for rho in (0.5, 0.2)]
        found = difference_of(*pair)
        assert (found.p_value < 0.05) == (found.lower > 0 or found.upper < 0)
        at_p = difference_of(*pair, level=1 - found.p_value)
        assert min(abs(at_p.lower), abs(at_p.upper)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("rho", "low", "high"), [(0.6, 0.02, 0.08), (0.0, 0.9, 1.0)])
def test_it_rejects_at_its_level_and_finds_what_is_there(rho, low, high):
    rng = np.random.default_rng(2)
    p = [
        difference_of(
            jackknife_correlation(*sample(rng, 100, 0.6)),
            jackknife_correlation(*sample(rng, 60, rho)),
        ).p_value
        for _ in range(400)
    ]
    assert low <= np.mean(np.array(p) < 0.05) <= high


def test_the_difference_turns_with_its_sides():
    one, other = RankCorrelation(0.5, 0.1, 50, 0.8), RankCorrelation(0.1, 0.2, 30, 1.0)
    found, turned = difference_of(one, other), difference_of(other, one)
    assert found.difference == pytest.approx(0.525)
    assert turned.difference == -found.difference
    assert (turned.lower, turned.upper) == pytest.approx((-found.upper, -found.lower))
    assert turned.p_value == pytest.approx(found.p_value)


def test_perfect_and_missing_relations():
    perfect = jackknife_correlation(np.arange(9.0), np.arange(9.0))
    assert difference_of(perfect, perfect).p_value == 1.0
    found = difference_of(perfect, RankCorrelation(0.0, 0.3, 20, 1.0))
    assert 0 < found.p_value < 0.01
    missing = RankCorrelation(*[np.nan] * 4)
    assert np.isnan(difference_of(perfect, missing)).all()


@pytest.mark.parametrize("rounding", [0.0, 1e-17, -1e-16, 1e-15])
def test_a_difference_of_rounding_is_none(rounding):
    one, other = RankCorrelation(0.3 + rounding, 0.2, 28, 1.0), RankCorrelation(0.3, 0.2, 28, 1.0)
    assert difference_of(one, other).p_value == 1.0
    assert (
        difference_of(
            RankCorrelation(rounding, 0.2, 28, 0.7), RankCorrelation(0, 0.2, 28, 1)
        ).p_value
        == 1.0
    )
