"""What the test does on a recording: its false-positive rate and its power, by simulation."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from artiphys.design.control import control
from artiphys.simulation import simulate_responses
from artiphys_report.simulations import RELATIONS, calibrated

N = 12


@pytest.fixture(scope="module")
def responses():
    return simulate_responses(n_units=30, n_images=24, rate=60.0, repeats=8, rng=3).responses


@pytest.fixture(scope="module")
def cell(responses):
    found = calibrated(responses, n=N, reference=0, seed=4, jobs=1, by="area")
    assert found.note == ""
    assert list(found.cells) == [("simulated", 1)]
    return found.cells["simulated", 1]


@pytest.mark.parametrize("number", range(len(RELATIONS)))
def test_each_share_is_that_of_a_control_with_its_interval(responses, cell, number):
    relation = RELATIONS[number]
    expected = control(responses, relation=relation, n_experiments=N, rng=[4, number], jobs=1)
    count = int((expected["p_value"] < 0.05).sum())
    found = cell.design.isel(design=0).sel(relation=relation)
    assert float(found["power"]) == pytest.approx(count / N)
    bounds = proportion_confint(count, N, method="wilson")
    np.testing.assert_allclose(found["interval"], bounds)
    if relation == 0:
        np.testing.assert_array_equal(cell.without["spearman"], expected["spearman"][0, 0])


def test_a_strong_relation_is_found_more_often_than_none(cell):
    power = cell.design["power"].values[0]
    assert power[-1] > power[0]
    assert 0 < float(cell.design["detectable"][0]) <= 0.75 or "No true" in cell.words[-1]


def test_the_design_is_the_recordings(cell):
    assert [int(cell.design[f"n_{of}"][0]) for of in ("units", "images", "repeats")] == [30, 24, 8]


def test_words_say_rate_and_interval(cell):
    n = int(np.isfinite(cell.without["p_value"]).sum())  # one may give no answer
    assert n >= N - 1
    count = round(float(cell.without["rejection_rate"]) * n)
    assert f"p < 0.05 in {count} of {n} recordings like this one" in cell.words[0]
    assert "false-positive rate" in cell.words[0]


def test_little_power_is_a_caution():
    weak = simulate_responses(n_units=14, n_images=10, rate=2.0, repeats=2, rng=0).responses
    found = calibrated(weak, n=6, reference=0, seed=0, jobs=1, by="area")
    (one,) = found.cells.values()
    assert any("find a true r_s of 0.5 in" in text for text in one.cautions)


def test_a_test_that_finds_relations_of_nothing_is_a_caution():
    """A control of the control: noise left in, the naive test says yes each time."""
    noisy = simulate_responses(n_units=80, n_images=60, relation="none", rng=1).responses
    found = calibrated(noisy, n=6, reference=0, seed=0, jobs=1, by="area", noise=None)
    (one,) = found.cells.values()
    assert any("without a relation" in text for text in one.cautions)


def test_without_trials_or_when_not_asked_for_there_are_none(responses):
    how = {"reference": 0, "seed": 0, "jobs": 1, "by": "area"}
    assert "no single trials" in calibrated(responses.mean("trial"), n=5, **how).note
    assert "as asked" in calibrated(responses, n=0, **how).note
