"""Trials that are drawn have the mean and the variance of those that were recorded."""

import numpy as np
import pytest

from artiphys.design.noise import TrialNoise, noise_of

SHAPE = (3, 40, 2)  # unit, image, position
MEASURED = np.ones((*SHAPE, 4000), dtype=bool)


def noise(linear, quadratic=0.0, constant=0.0, spike=1.0):
    return TrialNoise(*(np.full(3, value) for value in (linear, quadratic, constant, spike)))


def rates(low=0.05, high=12.0):
    return np.random.default_rng(0).uniform(low, high, SHAPE)


@pytest.mark.parametrize("given", [noise(1.0), noise(2.5), noise(1.4, 0.2), noise(0.6)])
def test_counts_have_the_mean_and_variance(given):
    mean = rates()
    drawn = given.trials(mean, MEASURED, np.random.default_rng(1))
    assert (drawn == np.round(drawn)).all()
    assert drawn.min() >= 0
    error = np.sqrt(given.variance(mean) / 4000)
    assert np.abs((drawn.mean(-1) - mean) / error).max() < 4.5
    wanted = given.variance(mean)
    if given.linear[0] < 1:  # whole numbers cannot vary less than the fraction of their mean does
        assert (drawn.var(-1) < mean).all()
        wanted, drawn, mean = (each[mean > 3] for each in (wanted, drawn, mean))
    assert np.mean(drawn.var(-1, ddof=1) / wanted) == pytest.approx(1, abs=0.03)


def test_rates_are_whole_numbers_of_spikes():
    given = noise(2.0 / 0.2, spike=1 / 0.2)  # in spikes/s, variance = 2 mean in spikes
    drawn = given.trials(rates(1, 60), MEASURED, np.random.default_rng(1))
    counts = drawn * 0.2
    assert np.abs(counts - np.round(counts)).max() < 1e-9
    again = noise_of(drawn[..., :50])
    assert again.is_counts
    np.testing.assert_allclose(again.spike, 5.0)
    np.testing.assert_allclose(again.variance(rates(1, 60)), given.variance(rates(1, 60)), rtol=0.2)


@pytest.mark.parametrize("n_trials", [3, 20])
@pytest.mark.parametrize(("linear", "quadratic"), [(1.0, 0.0), (2.0, 0.0), (1.2, 0.3)])
def test_the_noise_of_a_recording_is_found(linear, quadratic, n_trials):
    rng = np.random.default_rng(2)
    mean = rng.gamma(2.0, 3.0, (200, 40, 2))
    given = TrialNoise(*(np.full(200, v) for v in (linear, quadratic, 0.0, 1.0)))
    found = noise_of(given.trials(mean, np.ones((*mean.shape, n_trials), bool), rng))
    for level in (1.0, 6.0, 15.0):
        wanted = linear * level + quadratic * level**2
        at = np.full((200, 1, 1), level)
        rel = 0.2 if n_trials > 3 else 0.4  # neither of the two may be negative
        assert np.median(found.variance(at)) == pytest.approx(wanted, rel=rel)
    total = found.variance(mean).mean() / given.variance(mean).mean()
    assert total == pytest.approx(1, abs=0.05)


def test_what_was_not_measured_is_not_drawn():
    measured = MEASURED[..., :5].copy()
    measured[0, 3] = False
    measured[1, :, :, 2] = False
    mean = rates()
    mean[2, 5, 1] = np.nan
    drawn = noise(1.0).trials(mean, measured, np.random.default_rng(0))
    measured[2, 5, 1] = False
    np.testing.assert_array_equal(np.isfinite(drawn), measured)


def test_responses_below_zero_have_one_variance():
    rng = np.random.default_rng(0)
    mean = rng.normal(0, 3, SHAPE)
    found = noise_of(mean[..., None] + rng.normal(0, 2, (*SHAPE, 50)))
    assert not found.is_counts
    assert not found.is_positive
    np.testing.assert_allclose(found.variance(mean), 4.0, rtol=0.1)
    drawn = found.trials(mean, MEASURED, rng)
    np.testing.assert_allclose(drawn.mean(-1), mean, atol=0.2)
    np.testing.assert_allclose(drawn.var(-1), 4.0, rtol=0.15)


def test_positive_responses_that_are_no_counts_stay_none():
    rng = np.random.default_rng(0)
    found = noise_of(rng.gamma(4.0, 1.0, (3, 40, 2, 10)))
    assert found.is_positive
    assert not found.is_counts


def test_a_unit_without_repeats_has_the_noise_of_the_median_unit():
    values = noise(2.0).trials(rates(), MEASURED[..., :30], np.random.default_rng(0))
    values[1, :, :, 1:] = np.nan
    found = noise_of(values)
    others = found.linear[[0, 2]] + 0 * found.quadratic[[0, 2]]
    assert found.linear[1] == pytest.approx(np.median(others))
