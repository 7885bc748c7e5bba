"""A jackknifed rank correlation: its error against samples, its interval against its p-value."""

import numpy as np
import pytest
from scipy import stats

from artiphys.correlations.inference import (
    BoundedCorrelation,
    RankCorrelation,
    jackknife_correlation,
)


def sample(rng, n, rho):
    x = rng.normal(size=n)
    return x, rho * x + np.sqrt(1 - rho**2) * rng.normal(size=n)


def test_the_correlation_is_spearmans_and_its_error_fishers():
    rng = np.random.default_rng(0)
    found = [jackknife_correlation(*sample(rng, 80, 0.5)) for _ in range(200)]
    z = np.arctanh([f.measured for f in found])
    assert np.mean([f.error for f in found]) == pytest.approx(z.std(), rel=0.15)
    x, y = sample(rng, 80, 0.5)
    assert jackknife_correlation(x, y).estimate == pytest.approx(stats.spearmanr(x, y).statistic)


def test_the_p_value_is_1_less_the_level_of_the_interval_that_ends_at_0():
    correlation = RankCorrelation(0.3, 0.2, 28, 0.8)
    lower, upper = correlation.interval(correlation.p_value)
    assert lower == pytest.approx(0, abs=1e-12)
    assert upper > correlation.estimate == pytest.approx(0.375)


@pytest.mark.parametrize("slope", [-2.5, -1.1, -0.6, 0.2, 0.9, 1.0, 1.6, 3.0])
@pytest.mark.parametrize("error", [0.05, 0.3, 0.8, 1.4])
def test_an_interval_within_bounds_holds_0_where_the_p_value_says_so(slope, error):
    found = BoundedCorrelation(slope, error, 30.0)
    lower, upper = found.interval(0.05)
    assert -1 <= lower < upper <= 1
    assert (lower > 0 or upper < 0) == (found.p_value < 0.05)
    assert np.isnan(found.estimate) == (error > 1)
