"""A distribution from noisy measurements: against a loop, and against the one they came from."""

import numpy as np
from scipy import stats

from artiphys.estimators.mixing import mixing_distribution

GRID = np.linspace(-4, 4, 81)


def log_likelihood(measured, error):
    return stats.norm.logpdf(measured[:, None], GRID, error)


def test_the_steps_are_those_of_a_loop():
    measured = np.random.default_rng(0).normal(size=7)
    found = mixing_distribution(log_likelihood(measured, 0.5), n_steps=3)
    weights = np.full(GRID.size, 1 / GRID.size)
    for _ in range(3):
        total = np.zeros(GRID.size)
        for value in measured:
            terms = weights * stats.norm.pdf(value, GRID, 0.5)
            total += terms / terms.sum()
        weights = total / measured.size
    np.testing.assert_allclose(found.weights, weights, rtol=1e-9)
    np.testing.assert_allclose(found.posterior.sum(1), 1)
    np.testing.assert_allclose(found.cumulative[-1], 1 - found.weights[-1] / 2)


def test_the_spread_is_the_true_one_and_each_is_drawn_to_where_it_belongs():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=4000)
    measured = truth + 0.8 * rng.normal(size=4000)
    mixing = mixing_distribution(log_likelihood(measured, 0.8))
    mean = mixing.weights @ GRID
    assert abs(np.sqrt(mixing.weights @ (GRID - mean) ** 2) - 1) < 0.06
    expected = mixing.expected(GRID)
    assert abs(np.polyfit(expected, truth, 1)[0] - 1) < 0.05  # no more and no less than it tells
    assert np.polyfit(measured, truth, 1)[0] < 0.7  # the measurement itself tells less: the control
    ranks = mixing.expected(mixing.cumulative)
    assert abs(np.polyfit(ranks, stats.norm.cdf(truth), 1)[0] - 1) < 0.05


def test_a_likelihood_of_any_scale_is_taken():
    measured = np.random.default_rng(2).normal(size=9)
    found = mixing_distribution(log_likelihood(measured, 0.5) - 1e4)
    expected = mixing_distribution(log_likelihood(measured, 0.5))
    np.testing.assert_allclose(found.weights, expected.weights)


def test_several_at_once_are_each_as_alone():
    rng = np.random.default_rng(5)
    stacked = np.stack([log_likelihood(rng.normal(size=30), noise) for noise in (0.3, 0.6, 0.9)])
    together = mixing_distribution(stacked)
    values = np.stack([GRID, GRID**2, np.abs(GRID)])
    for k, of_one in enumerate(stacked):
        alone = mixing_distribution(of_one)
        np.testing.assert_allclose(together.weights[k], alone.weights)
        np.testing.assert_allclose(together.posterior[k], alone.posterior)
        np.testing.assert_allclose(together.cumulative[k], alone.cumulative)
        np.testing.assert_allclose(together.expected(values)[k], alone.expected(values[k]))
