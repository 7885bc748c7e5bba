"""What the scores say on average, against rates that are known."""

import numpy as np
import pytest
from scipy import stats

from artiphys.estimators.signal_moments import cells_of
from artiphys.signatures.held_out_scores import held_out_scores

N_UNIT, N_IMAGE, N_TRIAL = 80, 24, 4
SPREAD = 0.3  # SD of the log of the SD of the rates: noise hides much of what units differ by


def recorded(seed, silent=0):
    """Scores of simulated units, and their true rank of dynamic range among all there could be."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=N_UNIT)
    shared, own = rng.normal(size=(2, N_UNIT, N_IMAGE, 2))
    signal = (np.sqrt(0.7) * shared[..., :1] + np.sqrt(0.3) * own) * np.exp(SPREAD * z)[
        :, None, None
    ]
    signal[:silent] = 0.0
    trials = 10 + signal[..., None] + rng.normal(size=(*signal.shape, N_TRIAL))
    return held_out_scores(cells_of(trials), np.zeros(N_UNIT, int), 1), stats.norm.cdf(z)


def test_scores_tell_the_rank_in_proportion_to_the_scale():
    # Weighted by a score of the scale, true ranks follow the expected ones: their slope is 1. The
    # plain expected rank, which knows nothing of the weight, is the control: it spreads too far.
    slopes = {"rank": [], "rank_by_scale": []}
    for seed in range(40):
        of, true = recorded(seed)
        weight = of.s / of.scale
        for name, into in slopes.items():
            x = getattr(of, name)
            x = x - (weight * x).sum() / weight.sum()
            into.append((weight * x * true[:, None]).sum() / (weight * x**2).sum())
    by_scale, plain = (np.array(slopes[name]) for name in ("rank_by_scale", "rank"))
    assert by_scale.mean() == pytest.approx(1, abs=0.05)
    assert plain.mean() < 0.95


def test_silent_units_tell_nothing_however_many_they_are():
    few, many = (recorded(3, silent)[0] for silent in (8, 56))
    for of, silent in ((few, 8), (many, 56)):
        precision = of.precision.mean(1)
        assert np.median(precision[:silent]) < 0.1 * np.median(precision[silent:])
