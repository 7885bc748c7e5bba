"""What the scores say on average, against rates that are known."""

import numpy as np
import pytest
from scipy import stats

from artiphys.estimators.signal_moments import cells_of
from artiphys.signatures.held_out_scores import held_out_scores

N_UNIT, N_IMAGE, N_TRIAL = 80, 24, 4
SPREAD = 0.3  # SD of the log of the SD of the rates: noise hides much of what units differ by


def recorded(seed, silent=0, *, spread=SPREAD, n_trial=N_TRIAL, noise=(1.0, 0.0, 0.0)):
    """Scores of simulated units, and their true rank of dynamic range among all there could be.

    `noise` has the median of its SD over units, and how far the log of it goes with dynamic range
    and by itself.
    """
    rng = np.random.default_rng(seed)
    z = rng.normal(size=N_UNIT)
    shared, own = rng.normal(size=(2, N_UNIT, N_IMAGE, 2))
    signal = (np.sqrt(0.7) * shared[..., :1] + np.sqrt(0.3) * own) * np.exp(spread * z)[
        :, None, None
    ]
    signal[:silent] = 0.0
    median, along, apart = noise
    size = median * np.exp(along * z + apart * np.random.default_rng((seed, 1)).normal(size=N_UNIT))
    of_trials = size[:, None, None, None] * rng.normal(size=(*signal.shape, n_trial))
    trials = 10 + signal[..., None] + of_trials
    return held_out_scores(cells_of(trials), np.zeros(N_UNIT, int), 1), stats.norm.cdf(z)


def slope_of_true_ranks(ranks, true, weight):
    """Slope of true ranks (unit) on the expected ones (unit, image)."""
    x = ranks - (weight * ranks).sum() / weight.sum()
    return (weight * x * true[:, None]).sum() / (weight * x**2).sum()


def test_scores_tell_the_rank_in_proportion_to_the_scale():
    # Weighted by a score of the scale, true ranks follow the expected ones: their slope is 1. The
    # plain expected rank, which knows nothing of the weight, is the control: it spreads too far.
    slopes = {"rank": [], "rank_by_scale": []}
    for seed in range(40):
        of, true = recorded(seed)
        for name, into in slopes.items():
            into.append(slope_of_true_ranks(getattr(of, name), true, of.s / of.scale))
    by_scale, plain = (np.array(slopes[name]) for name in ("rank_by_scale", "rank"))
    assert by_scale.mean() == pytest.approx(1, abs=0.05)
    assert plain.mean() < by_scale.mean() - 0.05


def test_ranks_are_known_where_units_of_wide_dynamic_range_are_the_noisy_ones():
    # And where trials are few. With the units distributed as if noise had nothing to do with
    # variance the slope is 1.08: more units seem to be of little variance than there are.
    slopes = []
    for seed in range(40):
        of, true = recorded(seed, spread=0.6, n_trial=2, noise=(0.8, 0.3, 0.6))
        slopes.append(slope_of_true_ranks(of.rank_by_scale, true, of.s / of.scale))
    assert np.mean(slopes) == pytest.approx(1, abs=0.05)


def test_units_of_very_different_scale_are_ranked():
    rng = np.random.default_rng(0)
    scale = np.where(np.arange(60) % 2 == 0, 1e-60, 1.0)
    trials = scale[:, None, None, None] * rng.gamma(2.0, size=(60, 30, 2, 4))
    of = held_out_scores(cells_of(trials), np.zeros(60, int), 1)
    rank = of.rank.mean(1)
    assert rank[::2].max() < rank[1::2].min()
    assert np.isfinite(of.y).all()


def test_silent_units_tell_nothing_however_many_they_are():
    few, many = (recorded(3, silent)[0] for silent in (8, 56))
    for of, silent in ((few, 8), (many, 56)):
        precision = of.precision.mean(1)
        assert np.median(precision[:silent]) < 0.1 * np.median(precision[silent:])
