"""The signature of disjoint halves: its jackknife against a loop, itself against the truth."""

import numpy as np
import pytest
from scipy import stats

from artiphys.correlations.jackknife import (
    partial_correlations,
    rank_correlations,
    rank_correlations_with_each_replaced,
    rank_correlations_without_each,
)
from artiphys.signatures.split_halves import Halves, halves_in_splits, split_signature


def quantities(seed, n_unit=25, ties=False):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, 4, n_unit)) + rng.normal(size=n_unit)
    keep = rng.random((3, n_unit)) < 0.9
    return (np.round(values, 0) if ties else values), keep


@pytest.mark.parametrize("ties", [False, True])
def test_rank_correlations_are_spearmans(ties):
    values, keep = quantities(0, ties=ties)
    found = rank_correlations(values, keep)
    for split in range(3):
        expected = stats.spearmanr(values[split][:, keep[split]], axis=1).statistic
        np.testing.assert_allclose(found[split], expected, rtol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_each_unit_left_out_is_each_unit_left_out(ties):
    values, keep = quantities(1, ties=ties)
    found = rank_correlations_without_each(values, keep)
    for unit in range(values.shape[-1]):
        others = keep & (np.arange(values.shape[-1]) != unit)
        np.testing.assert_allclose(found[:, unit], rank_correlations(values, others), atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_each_unit_replaced_is_each_unit_replaced(ties):
    values, keep = quantities(3, ties=ties)
    replaced, _ = quantities(4, ties=ties)
    found = rank_correlations_with_each_replaced(values, keep, replaced)
    for unit in range(values.shape[-1]):
        changed = np.where(np.arange(values.shape[-1]) == unit, replaced, values)
        np.testing.assert_allclose(found[:, unit], rank_correlations(changed, keep), atol=1e-12)


def test_partial_correlations_are_those_of_residuals():
    values, keep = quantities(2)
    keep[:] = True
    found = partial_correlations(rank_correlations(values, keep), 2)[0, 0, 1]
    ranks = stats.rankdata(values[0], axis=1)
    basis = np.column_stack([np.ones(ranks.shape[1]), *ranks[2:]])
    residuals = [r - basis @ np.linalg.lstsq(basis, r, rcond=None)[0] for r in ranks[:2]]
    np.testing.assert_allclose(found, np.corrcoef(residuals)[0, 1], rtol=1e-10)


def halves(seed, n_unit=300, relation=0.6, noise=0.7, n_split=8):
    """Both quantities, measured in each half with errors of their own."""
    rng = np.random.default_rng(seed)
    spread = rng.normal(size=n_unit)
    carried = relation * spread + np.sqrt(1 - relation**2) * rng.normal(size=n_unit)
    errors = noise * rng.normal(size=(2, 2, n_split, n_unit))
    return Halves(spread + errors[0], (carried + errors[1])[..., None], np.zeros((n_unit, 1)))


def test_the_division_by_the_reliabilities_recovers_the_relation():
    found = [split_signature(halves(seed), 0) for seed in range(40)]
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's for a bivariate normal of 0.6
    assert np.mean([f.spearman for f in found]) == pytest.approx(truth, abs=0.02)
    assert np.mean([f.attenuated for f in found]) < truth - 0.1  # without it: the negative control
    covered = [f.lower < truth < f.upper for f in found]
    assert sum(covered) >= 34


def test_the_p_value_is_alpha_where_the_interval_ends_at_0():
    for seed in range(30):
        found = split_signature(halves(seed, n_unit=30, relation=0.3), 0)
        assert (found.p_value < 0.05) == (found.lower > 0 or found.upper < 0)


def test_a_covariate_that_makes_the_relation_takes_it_away():
    rng = np.random.default_rng(0)
    cause = rng.normal(size=200)
    errors = 0.7 * rng.normal(size=(2, 2, 8, 200))
    both = Halves(cause + errors[0], (cause + errors[1])[..., None], np.zeros((200, 1)))
    assert split_signature(both, 0).p_value < 1e-6
    held = split_signature(both, 0, covariates=cause[:, None])
    assert abs(held.attenuated) < 0.1


def test_a_session_effect_widens_the_interval():
    rng = np.random.default_rng(0)
    sessions = np.repeat(np.arange(6), 20)
    shared = rng.normal(size=(2, 6))[:, sessions]
    errors = 0.5 * rng.normal(size=(2, 2, 8, 120))
    both = Halves(shared[0] + errors[0], (shared[1] + errors[1])[..., None], np.zeros((120, 1)))
    alone = split_signature(both, 0)
    grouped = split_signature(both, 0, groups=sessions)
    assert grouped.spearman == alone.spearman
    assert grouped.upper - grouped.lower > 1.5 * (alone.upper - alone.lower)


def test_too_little_reliability_gives_a_p_value_and_no_estimate():
    found = split_signature(halves(0, n_unit=40, noise=20.0), 0)
    assert np.isnan([found.spearman, found.lower, found.upper]).all()
    assert 0 < found.p_value <= 1


def test_a_set_of_images_is_those_images():
    values = np.random.default_rng(0).normal(size=(5, 12, 2, 6))
    values += 3 * np.random.default_rng(1).normal(size=(5, 12, 1, 1))
    shown = np.arange(12) != 3
    whole, without = halves_in_splits(values, 0, 4, images=(None, shown))
    blanked = np.where(shown[:, None, None], values, np.nan)
    (expected,) = halves_in_splits(blanked, 0, 4)
    np.testing.assert_allclose(without.dynamic_range, expected.dynamic_range, rtol=1e-9)
    np.testing.assert_allclose(without.invariance, expected.invariance, rtol=1e-9)
    assert not np.allclose(whole.dynamic_range, without.dynamic_range)
