"""The slope of ranks: against a weighted regression and a loop, where these are what it is."""

import numpy as np
import pytest

from artiphys.signatures.held_out_scores import Scores
from artiphys.signatures.rank_slope import mean_slope, rank_slope

N_UNIT, N_IMAGE = 60, 25


def scores(seed=0, relation=0.5, noise=0.3, n_unit=N_UNIT, n_image=N_IMAGE, shared=0.0):
    """Scores of units whose ranks are known, each image with noise of its own."""
    rng = np.random.default_rng(seed)
    rank = rng.random(n_unit)
    rank_of_invariance = 0.5 + relation * (rank - 0.5)
    rank_of_invariance += np.sqrt((1 - relation**2) / 12) * rng.normal(size=n_unit)
    scale = np.exp(rng.normal(size=n_unit))
    s = scale[:, None] * (1 + noise * rng.normal(size=(n_unit, n_image)))
    y = rank_of_invariance[:, None] * s
    y += scale[:, None] * noise * rng.normal(size=(n_unit, n_image))
    y += scale[:, None] * (rank - 0.5)[:, None] * shared * rng.normal(size=n_image)
    precision = 1 / (1 / 12 + noise**2 / n_image) * np.ones(n_unit)
    wide = [
        np.repeat(of[:, None], n_image, 1) for of in (rank, rank_of_invariance, scale, precision)
    ]
    return Scores(y, s, *wide)


def test_without_noise_it_is_the_regression_of_one_rank_on_the_other():
    given = scores(noise=0.0)
    found = rank_slope(given)
    slope = np.polyfit(given.rank[:, 0], given.rank_of_invariance[:, 0], 1)[0]
    spread = given.rank_of_invariance[:, 0] - (given.y[:, 0] / given.s[:, 0]).mean()
    factor = np.sqrt((1 / 12) / (spread**2).mean())
    assert found.correlation.estimate == pytest.approx(slope * factor, rel=0.1)
    assert found.reliability_dynamic_range == pytest.approx(12 * given.rank[:, 0].var())


def test_scale_has_no_say_and_noise_makes_no_slope():
    estimates = [rank_slope(scores(seed, relation=0.0, noise=2.0)) for seed in range(150)]
    z = [of.correlation.estimate / of.correlation.error for of in estimates]
    assert abs(np.mean(z)) < 0.25
    assert 0.8 < np.std(z) < 1.2
    assert np.mean([of.correlation.p_value < 0.05 for of in estimates]) < 0.1
    one, other = rank_slope(scores(3)), scores(3)
    other = other._replace(y=7 * other.y, s=7 * other.s, scale=7 * other.scale)
    assert rank_slope(other).correlation.estimate == pytest.approx(one.correlation.estimate)


def test_the_relation_is_found_as_large_as_it_is():
    found = [rank_slope(scores(seed, noise=1.0)).correlation for seed in range(80)]
    assert np.mean([of.estimate for of in found]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([of.interval(0.05)[0] < 0.5 < of.interval(0.05)[1] for of in found]) > 0.88


def test_what_images_do_to_all_units_alike_is_in_the_error():
    def z(shared, known):
        of = [rank_slope(scores(s, relation=0.0, noise=0.5, shared=shared)) for s in range(100)]
        error = [np.sqrt(o.correlation.error**2 - (0 if known else o.by_images)) for o in of]
        return np.std([o.correlation.slope for o in of] / np.array(error))

    assert z(4.0, known=True) < 1.35
    assert z(4.0, known=False) > 1.5  # without it: the control


def test_units_that_go_together_and_sessions_that_differ_are_in_the_error():
    def repeated(seed):
        one = scores(seed, relation=0.0, n_unit=25)
        return Scores(*(np.repeat(of, 4, axis=0) for of in one))

    session = np.repeat(np.arange(25), 4)
    together = (session[:, None] == session).astype(float)
    for how in ({"together": together}, {"sessions": session}):
        found = [rank_slope(repeated(seed), **how) for seed in range(100)]
        z = [of.correlation.estimate / of.correlation.error for of in found]
        assert 0.75 < np.std(z) < 1.3
    alone = [rank_slope(repeated(seed)) for seed in range(100)]
    assert np.std([of.correlation.estimate / of.correlation.error for of in alone]) > 1.6
    assert rank_slope(repeated(0), together=together).n_effective < 26
    over_sessions = rank_slope(repeated(0), sessions=session).of_sessions
    assert over_sessions.freedom == 23
    strangers = rank_slope(scores(0), sessions=np.arange(N_UNIT) % 20)
    assert strangers.of_sessions.error == pytest.approx(
        rank_slope(scores(0)).correlation.error, rel=0.5
    )


def test_what_is_held_constant_takes_its_part_of_the_relation():
    given = scores(1, relation=0.9, noise=0.2, n_unit=300)
    cause = given.rank[:, :1]
    rng = np.random.default_rng(0)
    free = rank_slope(given, constant=rng.random((300, 1))).correlation.estimate
    assert free == pytest.approx(rank_slope(given).correlation.estimate, abs=0.02)
    held = rank_slope(given, constant=cause + 0.3 * rng.normal(size=(300, 1))).correlation
    assert abs(held.estimate) < free - 0.01
    beyond = rank_slope(given, constant=given.rank_of_invariance[:, :1]).correlation
    assert np.isnan(beyond.estimate)  # nothing is left to be ranked
    assert np.isfinite(beyond.p_value)


def test_no_signal_is_no_answer():
    given = scores(0)
    silent = np.random.default_rng(1).normal(size=(2, N_UNIT, N_IMAGE))
    assert np.isnan(rank_slope(given._replace(y=silent[0], s=silent[1])).correlation.estimate)


def test_passes_of_the_same_units_are_averaged_and_their_luck_with_them():
    passes = [rank_slope(scores(0, noise=0.0)), rank_slope(scores(0, noise=0.0))]
    same = mean_slope(passes)
    assert same.correlation.estimate == pytest.approx(passes[0].correlation.estimate)
    assert same.correlation.error == pytest.approx(passes[0].correlation.error)
    apart = [rank_slope(scores(seed, relation=0.0)) for seed in range(8)]
    mean = mean_slope(apart)
    assert mean.correlation.error < 0.6 * apart[0].correlation.error
