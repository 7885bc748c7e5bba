"""A recording whose relation is destroyed: no relation is found in it, unless it was not."""

import numpy as np
import pytest
import xarray as xr

from artiphys import processes
from artiphys.design import control as module
from artiphys.design.control import control
from artiphys.errors import InputError
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses


@pytest.fixture(scope="module")
def related():
    """A recording with a strong relation."""
    return simulate_responses(
        relation=0.9, n_units=50, n_images=30, n_positions=3, rate=30.0, rng=1
    ).responses


@pytest.fixture(scope="module")
def found(related):
    return control(related, n_experiments=24, rng=0)


def test_what_it_says(related, found):
    own = signature(related)
    assert found["rejection_rate"].dims == ("area", "position")
    assert found["spearman"].dims == ("area", "position", "experiment")
    assert found["interval"].dims == ("area", "position", "ci_bound")
    assert found["position"].values.tolist() == [1, 2]
    np.testing.assert_array_equal(found["spearman_recorded"], own["spearman"])
    np.testing.assert_array_equal(found["p_value_recorded"], own["p_value"])
    share = (found["p_value"] < 0.05).mean("experiment")
    np.testing.assert_allclose(found["rejection_rate"], share)
    assert (found["interval"].sel(ci_bound="lower") <= share).all()
    assert (found["interval"].sel(ci_bound="upper") >= share).all()
    assert (found["n_answered"] == 24).all()


def test_the_relation_is_gone(found):
    assert (found["spearman_recorded"] > 0.5).all()
    assert np.abs(found["spearman_true"].mean("experiment")).max() < 0.1
    assert np.abs(found["spearman"].mean("experiment")).max() < 0.15
    assert found["rejection_rate"].max() <= 0.2


def test_a_relation_that_is_not_destroyed_is_found(related, monkeypatch):
    """What would be said if nothing was exchanged."""
    monkeypatch.setattr(module, "exchanged", lambda units, *_: units)
    kept = control(related, n_experiments=10, rng=0)
    assert kept["rejection_rate"].min() >= 0.9


def test_the_naive_test_is_shown_to_be_naive():
    """Redrawn noise does what that of the recording did: it makes a relation out of none."""
    noisy = simulate_responses(relation="none", n_units=80, n_images=40, rate=5.0, rng=3).responses
    naive = control(noisy, n_experiments=25, rng=0, noise=None, n_resamples=200)
    assert naive["rejection_rate"].item() > 0.6
    own = naive["spearman_recorded"].item()
    assert float(naive["spearman"].mean()) == pytest.approx(own, abs=0.2)
    assert control(noisy, n_experiments=25, rng=0)["rejection_rate"].item() < 0.25


def test_a_relation_that_is_given_is_found(recording):
    given = control(recording.responses, relation=0.85, n_experiments=20, rng=0)
    assert float(given["spearman_true"].mean()) == pytest.approx(0.85, abs=0.05)
    assert given["rejection_rate"].item() > 0.7


@pytest.mark.parametrize("images", ["shown", "new"])
def test_neither_processes_nor_time_change_a_number(recording, images, monkeypatch):
    for name in ("HERE", "WORTH_PROCESSES"):
        monkeypatch.setattr(processes, name, 0.0)
    few = recording.responses.isel(unit=slice(0, 25))
    one, two = (control(few, n_experiments=4, images=images, jobs=j, rng=7) for j in (1, 2))
    xr.testing.assert_identical(one, two)
    assert not one["spearman"].equals(control(few, n_experiments=4, rng=8)["spearman"])


def test_a_recording_is_redrawn_as_it_was_measured(monkeypatch):
    """The same cells and numbers of trials, in spikes/s, in each area by itself."""
    responses = simulate_responses(
        n_units=50, n_images=30, repeats=(4, 9), rate=80.0, rng=0
    ).responses
    responses = responses.assign_coords(area=("unit", ["V4", "IT"] * 25))
    responses[3, 4] = np.nan
    seen = []
    monkeypatch.setattr(module, "signature", lambda r, **how: seen.append(r) or signature(r, **how))
    found = control(responses, images="shown", n_experiments=3, rng=0)
    assert found["area"].values.tolist() == ["V4", "IT"]
    assert len(seen) == 4
    for drawn in seen[1:]:
        np.testing.assert_array_equal(drawn.isnull(), responses.isnull())
        spikes = drawn.values[~np.isnan(drawn.values)] * 0.2
        assert np.abs(spikes - np.round(spikes)).max() < 1e-9
        assert drawn.attrs == responses.attrs
        mean = drawn.mean(("image", "trial")) / responses.mean(("image", "trial"))
        assert float(mean.median()) == pytest.approx(1, abs=0.1)


def test_within_sessions_what_lies_between_them_stays():
    """Sessions that differ in both quantities keep a relation that no exchange within them ends."""
    responses = simulate_responses(
        relation=0.95, n_units=60, n_images=30, rate=40.0, n_sessions=1, rng=2
    ).responses
    order = responses.mean(("image", "trial")).isel(position=0).argsort().values
    session = np.empty(60, dtype=int)
    session[order] = np.arange(60) // 20
    responses = responses.assign_coords(source=("unit", [f"s{s}" for s in session]))
    free = control(responses, n_experiments=10, rng=0)["spearman_true"].mean()
    kept = control(responses, n_experiments=10, rng=0, within="source")["spearman_true"].mean()
    assert float(kept) > float(free) + 0.3


def test_an_area_of_few_units_has_no_answer():
    few = simulate_responses(n_units=6, n_images=20, rng=0).responses
    with pytest.warns(match="too few"):
        found = control(few, n_experiments=3, rng=0)
    assert found["n_answered"].item() == 0
    assert np.isnan(found["rejection_rate"].item())
    assert np.isnan(found["interval"]).all()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"relation": 2}, "relation must be a number of at least -1, at most 1"),
        ({"images": "old"}, "images must be 'auto', 'shown' or 'new'"),
        ({"n_experiments": 0}, "n_experiments must be a whole number of at least 1"),
        ({"alpha": 1.0}, "alpha must lie between 0 and 1"),
        ({"jobs": 0, "alpha": 2}, "alpha must lie.*; jobs must be a whole number"),
        ({"within": "electrode"}, r"within must be a coordinate along 'unit', one of .*'source'"),
        ({"alike": "electrode"}, r"alike must be a coordinate along 'unit', one of .*'source'"),
        ({"by": "layer"}, "layer"),
        ({"reference": 9}, "reference"),
        ({"reference": "best"}, "one reference position for all units; got 'best'"),
        ({"rng": -1}, "rng must be a seed"),
    ],
)
def test_bad_input(recording, arguments, fault):
    with pytest.raises(InputError, match=fault):
        control(recording.responses, **{"n_experiments": 1} | arguments)


def test_averages_have_no_control(recording):
    with pytest.raises(InputError, match="trial"):
        control(recording.truth["rate"])


@pytest.mark.slow
def test_the_rate_is_the_nominal_one(recording):
    found = control(recording.responses, n_experiments=400, rng=0)
    lower, upper = found["interval"].values.ravel()
    assert lower < 0.07
    assert upper > 0.03
