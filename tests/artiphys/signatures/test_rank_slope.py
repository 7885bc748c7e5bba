"""The slope of ranks: against a weighted regression and a loop, where these are what it is."""

import numpy as np
import pytest

from artiphys.signatures.estimating_equations import estimating_equations
from artiphys.signatures.held_out_scores import Scores
from artiphys.signatures.rank_slope import _as_ranks, _freedom, mean_slope, rank_slope

N_UNIT, N_IMAGE = 60, 25


def scores(seed=0, relation=0.5, noise=0.3, n_unit=N_UNIT, n_image=N_IMAGE, shared=0.0, bend=0.0):
    """Scores of units whose ranks are known, each image with noise of its own."""
    rng = np.random.default_rng(seed)
    share = rng.random(n_unit)  # of all units there could be; those drawn are ranked by it
    rank = (share.argsort().argsort() + 0.5) / n_unit
    squared = (rank - 0.5) ** 2 - 1 / 12
    rank_of_invariance = 0.5 + relation * (share - 0.5) + bend * ((share - 0.5) ** 2 - 1 / 12)
    rest = (1 - relation**2) / 12 - bend**2 / 180
    rank_of_invariance += np.sqrt(rest) * rng.normal(size=n_unit)
    scale = np.exp(rng.normal(size=n_unit))
    s = scale[:, None] * (1 + noise * rng.normal(size=(n_unit, n_image)))
    y = rank_of_invariance[:, None] * s
    y += scale[:, None] * noise * rng.normal(size=(n_unit, n_image))
    y += scale[:, None] * (rank - 0.5)[:, None] * shared * rng.normal(size=n_image)
    precision = 1 / (1 / 12 + noise**2 / n_image) * np.ones(n_unit)
    of_unit = (rank, rank, squared, rank_of_invariance, scale, precision)
    return Scores(y, s, *(np.repeat(of[:, None], n_image, 1) for of in of_unit))


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
    z = [of.correlation.slope / of.correlation.error for of in estimates]
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


def test_what_a_unit_adds_as_it_ranks_the_others_is_that_of_a_loop():
    rng = np.random.default_rng(0)
    rank, by_rank = np.round(rng.random(30), 1), rng.normal(size=30)  # some tie
    above = [
        sum((b > a) * w + (b == a) * w / 2 for b, w in zip(rank, by_rank, strict=True))
        for a in rank
    ]
    np.testing.assert_allclose(_as_ranks(rank, by_rank), (np.mean(above) - above) / 30)


def test_a_sum_of_squares_over_few_units_has_few_degrees_of_freedom():
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(4000, 50))
    found = [_freedom(of) for of in drawn]
    assert np.median(found) == pytest.approx(50, rel=0.15)
    few = np.where(np.arange(50) < 8, 1.0, 0.05) * drawn
    sums = (few**2).sum(1)
    assert np.median([_freedom(of) for of in few]) == pytest.approx(
        2 * sums.mean() ** 2 / sums.var(), rel=0.35
    )
    assert _freedom(np.ones(50)) == np.inf


def test_the_interval_knows_that_few_units_make_most_of_the_error():
    given = scores(0, relation=0.0, noise=0.5)
    alike = rank_slope(given).correlation.freedom
    few = np.where(np.arange(N_UNIT) < 3, 30.0, 1.0)[:, None]
    noisy = given._replace(y=given.y + few * given.scale * np.random.default_rng(0).normal())
    assert rank_slope(noisy).correlation.freedom < 0.5 * alike


def test_images_that_are_alike_do_not_spread_the_ranks():
    group = np.repeat(np.arange(12), 8)
    one = scores(3, relation=0.9, noise=1.5, n_image=12)
    frames = Scores(*(np.repeat(of, 8, axis=1) for of in one))
    expected = rank_slope(one).correlation.estimate
    found = rank_slope(frames, image_groups=group).correlation.estimate
    assert found == pytest.approx(expected, rel=1e-9)
    assert rank_slope(frames).correlation.estimate < 0.9 * expected  # the control


def weighted(seed, bend):
    """Scores without a trend, of units that are known the better the wider their dynamic range."""
    of = scores(seed, relation=0.0, bend=bend, n_unit=120)
    return of._replace(precision=of.precision * of.rank**2)


def test_a_bent_relation_without_a_trend_has_no_slope():
    found = [rank_slope(weighted(seed, bend=3.0)) for seed in range(60)]
    assert np.median([of.curvature for of in found]) > 3
    assert abs(np.mean([of.correlation.estimate for of in found])) < 0.05
    none = np.zeros((120, 0))
    line = [estimating_equations(weighted(seed, 3.0), none, bent=False) for seed in range(20)]
    assert np.mean([of.coefficients[1] for of in line]) > 0.3  # the control
    straight = [rank_slope(weighted(seed, bend=0.0)).curvature for seed in range(60)]
    assert np.std(straight) == pytest.approx(1, abs=0.3)


def test_units_that_hardly_respond_have_no_say_in_whether_the_relation_bends(monkeypatch):
    def slopes():
        found = []
        for seed in range(60):
            of = scores(seed, relation=0.0, n_unit=120)
            hardly = np.where(of.rank < 0.5, 30.0, 1.0)
            more = hardly * np.random.default_rng(seed).normal(size=of.y.shape)
            of = of._replace(y=of.y + of.scale * more, precision=of.precision / hardly**2)
            found.append(rank_slope(of).correlation)
        return np.std([of.slope for of in found]), np.mean([of.p_value < 0.05 for of in found])

    spread, said_yes = slopes()
    assert said_yes <= 0.1
    # The parabola of all units, whatever it costs: the control.
    monkeypatch.setattr("artiphys.signatures.rank_slope.BY_CHANCE", 0.0)
    assert slopes()[0] > 1.5 * spread


@pytest.mark.parametrize("known", ["alike", "by rank"])
def test_the_error_knows_that_units_rank_each_other(known):
    """Where invariance bends with dynamic range it matters which units happen to be there."""
    found = []
    for seed in range(300):
        of = scores(seed, 0.0, bend=3.5, n_unit=80)
        if known == "by rank":
            of = of._replace(precision=of.precision * (0.1 + of.rank**2))
        found.append(rank_slope(of).correlation)
    z = np.array([of.estimate / of.error for of in found])
    assert np.std(z) == pytest.approx(1, abs=0.1)


def test_what_images_do_to_all_units_alike_is_in_the_error():
    def z(shared, known):
        of = [rank_slope(scores(s, relation=0.0, noise=0.5, shared=shared)) for s in range(100)]
        error = [np.sqrt(o.correlation.error**2 - (0 if known else o.by_images)) for o in of]
        return np.std([o.correlation.slope for o in of] / np.array(error))

    assert z(4.0, known=True) < 1.35
    assert z(4.0, known=False) > 1.5  # without it: the control


def test_images_that_are_alike_count_together():
    group = np.repeat(np.arange(12), 5)

    def z(**how):
        found = []
        for seed in range(100):
            one = scores(seed, relation=0.0, noise=0.5, n_image=12, shared=4.0)
            of = rank_slope(Scores(*(np.repeat(each, 5, axis=1) for each in one)), **how)
            found.append(of.correlation.slope / of.correlation.error)
        return np.std(found)

    assert z(image_groups=group) < 1.35
    assert z() > 1.5  # the control


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
    assert over_sessions.freedom == pytest.approx(23, abs=2)
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
    alone = np.eye(N_UNIT)
    same = mean_slope(passes, alone)
    assert same.correlation.estimate == pytest.approx(passes[0].correlation.estimate)
    assert same.correlation.error == pytest.approx(passes[0].correlation.error)
    apart = [rank_slope(scores(seed, relation=0.0)) for seed in range(8)]
    mean = mean_slope(apart, alone)
    assert mean.correlation.error < 0.6 * apart[0].correlation.error
    pairs = np.kron(np.eye(N_UNIT // 2), np.ones((2, 2)))
    twice = same._replace(influence=np.repeat(same.influence[::2], 2))
    as_pairs, as_units = (mean_slope([twice], of).correlation.error for of in (pairs, alone))
    assert as_pairs > 1.2 * as_units
