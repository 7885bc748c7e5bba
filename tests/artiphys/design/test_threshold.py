"""Where a power curve reaches a share, against curves that are known."""

import numpy as np
import pytest
from scipy.stats import norm

from artiphys.design.threshold import threshold

GRID = np.linspace(0, 0.8, 9)


def curve(at, slope=8.0):
    """Return a power curve that is 0.8 at a relation."""
    return norm.cdf(norm.ppf(0.8) + slope * (GRID - at))


@pytest.mark.parametrize("at", [0.2, 0.37, 0.55])
def test_the_crossing_is_found(at):
    counts = np.round(1000 * curve(at)).astype(int)
    estimate, lower, upper = threshold(GRID, counts, 1000, 0.8, np.random.default_rng(0))
    assert estimate == pytest.approx(at, abs=0.005)
    assert lower < at < upper < lower + 0.05


def test_the_interval_covers():
    rng = np.random.default_rng(1)
    held = []
    for _ in range(60):
        counts = rng.binomial(40, curve(0.42))
        _, lower, upper = threshold(GRID, counts, 40, 0.8, rng)
        held.append(lower <= 0.42 <= upper)
    assert 0.88 <= np.mean(held) <= 1.0


def test_where_it_is_never_or_always_reached():
    rng = np.random.default_rng(0)
    found = threshold(GRID, np.full(9, 10), 100, 0.8, rng)
    assert found == (np.inf, np.inf, np.inf)
    assert threshold(GRID, np.full(9, 100), 100, 0.8, rng)[0] == 0.0


def test_a_dip_is_smoothed():
    counts = np.array([5, 10, 30, 70, 90, 85, 100, 100, 100])
    estimate, _, _ = threshold(GRID, counts, 100, 0.8, np.random.default_rng(0))
    assert 0.3 < estimate < 0.4
