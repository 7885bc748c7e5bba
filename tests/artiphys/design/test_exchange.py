"""The relation between exchanged invariance and dynamic range is the one that was asked for."""

import numpy as np
import pytest
from scipy import stats

from artiphys.design.exchange import exchanged, true_relation
from artiphys.design.recorded import population_of
from artiphys.simulation import related


@pytest.fixture(scope="module")
def units(long_recording):
    return population_of(long_recording.responses, 0)


@pytest.mark.parametrize("relation", [0.0, 0.5, -0.3])
def test_over_all_exchanges_it_is_what_was_asked(units, relation):
    rng = np.random.default_rng(0)
    found = np.array([true_relation(exchanged(units, relation, rng)) for _ in range(300)])
    assert np.isnan(found[:, 0]).all()
    n_error = found[:, 1:].std(0, ddof=1) / np.sqrt(300)
    assert np.abs(found[:, 1:].mean(0) - relation).max() < 4 * n_error.max() + 0.02
    if relation == 0:
        assert found[:, 1].std() == pytest.approx(1 / np.sqrt(149), rel=0.15)


def test_the_true_relation_is_that_of_rates(units):
    other = exchanged(units, 0.6, np.random.default_rng(1))
    rates = other.rates()
    variance = rates[:, :, 0].var(1)
    standard = (rates - rates.mean(1, keepdims=True)) / rates.std(1, keepdims=True)
    for position in (1, 2):
        correlation = (standard[:, :, 0] * standard[:, :, position]).mean(1)
        expected = stats.spearmanr(variance, correlation).statistic
        assert true_relation(other)[position] == pytest.approx(expected, abs=0.01)


def test_within_sessions_each_keeps_its_invariances(units):
    session = np.arange(150) % 3
    other = exchanged(units, 0.0, np.random.default_rng(0), session)
    assert (other.invariance != units.invariance).any()
    for each in range(3):
        kept = [np.sort(u.invariance[session == each, 1]) for u in (units, other)]
        np.testing.assert_array_equal(*kept)


def test_a_unit_brings_its_invariance_at_all_positions(units):
    other = exchanged(units, 0.0, np.random.default_rng(0))
    rows = {tuple(row) for row in units.invariance.round(12)}
    assert {tuple(row) for row in other.invariance.round(12)} == rows


def test_units_without_signal_take_no_part(units):
    deviation = units.deviation.copy()
    deviation[:10, 0] = 0.0
    silent = type(units)(**vars(units) | {"deviation": deviation})
    other = exchanged(silent, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(other.invariance[:10], units.invariance[:10])
    assert (other.invariance[10:] != units.invariance[10:]).any()


@pytest.mark.parametrize("relation", [-1.0, 0.0, 0.4, 0.8, 1.0])
def test_an_order_has_the_rank_correlation(relation):
    rng = np.random.default_rng(0)
    x, y = rng.gamma(1.0, size=(2, 4000))
    index = related(x, y, relation, rng.standard_normal(4000))
    assert sorted(index) == list(range(4000))
    assert stats.spearmanr(x, y[index]).statistic == pytest.approx(relation, abs=0.04)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_units_that_were_alike_stay_as_much_alike(units, share):
    """Clusters of 3 units; dynamic range has nothing to do with it."""
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(50), 3)
    rho = np.sqrt(share) * rng.normal(size=50)[cluster] + np.sqrt(1 - share) * rng.normal(size=150)
    invariance = units.invariance.copy()
    invariance[:, 1:] = (0.5 + 0.1 * rho)[:, None]
    alike = units.with_invariance(invariance)
    wanted = _mean_correlation(rho.reshape(50, 3))
    found, true = [], []
    for _ in range(100):
        other = exchanged(alike, 0.0, rng, alike=cluster)
        found.append(_mean_correlation(other.invariance[:, 1].reshape(50, 3)))
        true.append(true_relation(other)[1])
    assert wanted == pytest.approx(share, abs=0.2)
    assert np.mean(found) == pytest.approx(max(0, wanted), abs=0.06)
    assert abs(np.mean(true)) < 0.05


def _mean_correlation(of_cluster):
    """Return the mean correlation of the members of clusters (cluster, member)."""
    return np.corrcoef(of_cluster.T)[np.triu_indices(3, 1)].mean()


def test_a_neuron_recorded_four_times_is_one_unit(units):
    """Without a relation r_s of 100 units varies as that of 25, and a test may not be surprised."""
    four = units.of_units(np.tile(np.arange(25), 4))
    neuron = np.tile(np.arange(25), 4)
    rng = np.random.default_rng(0)
    apart, together = (
        np.std([true_relation(exchanged(four, 0.0, rng, alike=each))[1] for _ in range(200)])
        for each in (None, neuron)
    )
    assert apart == pytest.approx(1 / np.sqrt(99), rel=0.2)
    assert together == pytest.approx(1 / np.sqrt(24), rel=0.2)


def test_groups_of_one_and_one_group_say_nothing_of_likeness(units):
    free, one, each = (
        exchanged(units, 0.0, np.random.default_rng(0), alike=labels).invariance
        for labels in (None, np.zeros(150), np.arange(150))
    )
    np.testing.assert_array_equal(free, one)
    np.testing.assert_array_equal(free, each)
