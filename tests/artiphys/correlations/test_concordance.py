"""Concordance, unit by unit, against a loop over pairs and scipy's tau."""

import numpy as np
import pytest
from scipy import stats

from artiphys.correlations import concordance as module
from artiphys.correlations.concordance import concordance
from artiphys.correlations.ranks import centred_ranks


def ranks_of(values):
    return centred_ranks(values, np.ones(values[:, 0].shape, dtype=bool))


@pytest.mark.parametrize("n_unit", [2, 3, 17, 64, 65])
@pytest.mark.parametrize("n_different", [1, 3, 10**6])
def test_concordance_is_that_of_a_loop_over_pairs(n_unit, n_different):
    values = np.random.default_rng(n_unit).integers(n_different, size=(3, 4, n_unit)).astype(float)
    found = concordance(ranks_of(values))
    sign = np.sign(values[..., None] - values[:, :, None])
    assert np.array_equal(found, np.einsum("saij,sbij->siab", sign, sign))


def test_its_mean_is_kendalls_tau_a():
    values = np.random.default_rng(0).normal(size=(1, 2, 300))
    found = concordance(ranks_of(values))[0, :, 0, 1].mean() / 299
    assert found == pytest.approx(stats.kendalltau(*values[0]).statistic)


def test_blocks_of_splits_change_nothing(monkeypatch):
    ranks = ranks_of(np.random.default_rng(1).normal(size=(5, 3, 30)))
    whole = concordance(ranks)
    monkeypatch.setattr(module, "BLOCK", 1)
    assert np.array_equal(concordance(ranks), whole)


def test_of_one_quantity_or_of_no_units_there_is_little_to_say():
    assert concordance(ranks_of(np.arange(3.0)[None, None])).ravel().tolist() == [2, 2, 2]
    assert concordance(np.empty((2, 4, 0))).shape == (2, 0, 4, 4)
