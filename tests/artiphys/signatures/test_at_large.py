"""The relation for images at large, on populations that defeat a test on the images shown."""

import weakref

import numpy as np
import pytest

from artiphys.cores import in_threads
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.estimators.signal_moments import cells_of
from artiphys.signatures.at_large import relations_over_passes
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses
from populations import POPULATIONS, draw

N = 24


def found(name, relation=0.0, **how):
    recordings = [draw(POPULATIONS[name], relation, seed).responses for seed in range(N)]
    return [signature(each, **how).isel(area=0, position=0) for each in recordings]


def share(cells, alpha=0.05):
    return np.mean([float(cell["p_value"]) < alpha for cell in cells])


def test_copies_of_a_tuning_are_no_false_alarm_and_were_one():
    assert share(found("4 units a tuning")) <= 0.17  # 4 of 24: p = 0.03
    assert share(found("4 units a tuning", resample="unit")) > 0.17  # the control


def test_one_dynamic_range_is_no_false_alarm_and_was_one():
    cells = found("one dynamic range")
    assert share(cells) <= 0.17
    assert abs(np.mean([float(cell["spearman"]) for cell in cells])) < 0.12
    assert share(found("one dynamic range", resample="unit")) > 0.17


@pytest.mark.parametrize("name", ["2 and 10 repeats", "12 and 3, very invariant"])
def test_unequal_repeats_are_answered_and_without_bias(name):
    cells = found(name, relation=0.38)
    estimates = np.array([float(cell["spearman"]) for cell in cells])
    assert np.isfinite(estimates).all()
    assert estimates.mean() == pytest.approx(0.38, abs=0.17)
    lower, upper = np.array([cell["interval"].values for cell in cells]).T
    assert ((lower >= -1) & (upper <= 1)).all()
    assert np.mean((lower < 0.38) & (upper > 0.38)) > 0.8


def test_a_relation_at_large_is_found_and_no_unit_is_left_out():
    at_large, here = found("gain noise", 0.38), found("gain noise", 0.38, resample="unit")
    assert share(here) > share(at_large) > 0.4
    assert all(int(cell["n_units"]) == 80 for cell in at_large)
    assert np.mean([int(cell["n_units"]) for cell in here]) < 79


def test_a_relation_that_bends_is_told_and_is_no_trend():
    cells = found("high at both ends")
    assert share(cells) <= 0.3  # 0.44 before there was a parabola
    assert abs(np.mean([float(cell["spearman"]) for cell in cells])) < 0.2
    assert np.mean(["bent (" in str(cell["caution"].item()) for cell in cells]) > 0.5
    assert not any("bent (" in str(cell["caution"].item()) for cell in found("base")[:8])


def test_the_order_of_images_and_units_is_no_matter():
    responses = draw(POPULATIONS["16 images"], 0.38, 0).responses
    rng = np.random.default_rng(0)
    shuffled = responses.isel(image=rng.permutation(16), unit=rng.permutation(80))
    one, other = signature(responses), signature(shuffled)
    np.testing.assert_allclose(other["interval"], one["interval"], rtol=0, atol=1e-9)
    assert other["spearman"].item() == pytest.approx(one["spearman"].item(), abs=1e-9)


def test_groups_of_images_are_all_named_and_not_too_few():
    responses = draw(POPULATIONS["16 images"], 0.38, 0).responses
    alone = responses.assign_coords(image_group=responses["image"])
    assert signature(alone).equals(signature(responses))
    pairs = responses.assign_coords(image_group=("image", [f"movie_{i // 2}" for i in range(16)]))
    assert not signature(pairs).equals(signature(responses))
    for groups, text in (
        (["a", "b"] * 8, "of 2 groups"),
        ([None, *"bcdefghijklmnop"], "1 of 16 have none"),
    ):
        with pytest.raises(InputError, match=text):
            signature(responses.assign_coords(image_group=("image", np.array(groups, object))))


def test_a_position_with_images_of_one_group_has_no_answer():
    responses = draw(POPULATIONS["base"], 0.38, 0).responses
    movies = np.repeat([f"movie_{m}" for m in range(6)], 10)
    responses = responses.assign_coords(image_group=("image", movies))
    of_first = responses.where(
        (responses["position"] == 0) | (responses["image_group"] == "movie_0")
    )
    with pytest.warns(ArtiphysWarning, match="record more repeats or more images"):
        assert np.isnan(signature(of_first)["p_value"].item())


def test_few_sessions_are_told_with_the_interval_over_them():
    cell = found("5 sessions that differ")[0]
    over = signature(
        draw(POPULATIONS["5 sessions that differ"], 0.0, 0).responses, resample=("session", "unit")
    ).isel(area=0, position=0)
    lower, upper = over["interval"].values
    assert f"over sessions at large, {lower:.2f} to {upper:.2f}" in str(cell["caution"].item())
    assert int(over["n_sessions"]) == 5
    assert float(over["spearman"]) == float(cell["spearman"])


def test_noise_alone_is_no_answer():
    values = np.random.default_rng(0).poisson(3.0, size=(40, 30, 2, 5)).astype(float)
    recording = draw(POPULATIONS["base"], 0.0, 0).responses[:40, :30]
    with pytest.warns(ArtiphysWarning, match="too little signal, or too much noise, to rank 40"):
        cell = signature(recording.copy(data=values))
    assert np.isnan(cell["p_value"]).all()


def test_a_unit_that_never_varies_is_left_out_and_moves_nothing():
    recording = draw(POPULATIONS["base"], 0.0, 1).responses
    spoilt = recording.copy()
    spoilt[3] = spoilt[3].where(np.isnan(spoilt[3]), 0.0)
    found = signature(spoilt).isel(area=0, position=0)
    assert int(found["n_without_signal"]) == 1
    others = signature(recording[np.arange(80) != 3]).isel(area=0, position=0)
    np.testing.assert_allclose(found["spearman"], others["spearman"])


def test_passes_over_the_same_units_average():
    trials = [draw(POPULATIONS["base"], 0.0, 4).responses.values for _ in range(2)]
    (one,) = relations_over_passes([cells_of(trials[0])], [1])
    (both,) = relations_over_passes([cells_of(of) for of in trials], [1])
    assert both.spearman == pytest.approx(one.spearman)
    assert both.n_units == one.n_units == 80


@pytest.mark.filterwarnings("ignore::artiphys.errors.ArtiphysWarning")
def test_areas_and_positions_are_one_list_of_tasks_and_each_as_it_is_alone(monkeypatch):
    lists = []

    def noted(work, items, **more):
        lists.append(len(items))
        return in_threads(work, items, **more)

    monkeypatch.setattr("artiphys.signatures.at_large.in_threads", noted)
    responses = simulate_responses(n_units=90, n_images=20, n_positions=3, rng=0).responses
    areas = np.repeat(["V2", "V4", "IT"], [20, 30, 40])
    together = signature(responses.assign_coords(area=("unit", areas)))
    assert lists == [3 * 2]
    for area in ("V2", "V4", "IT"):
        of_area = responses[areas == area]
        alone = signature(of_area.assign_coords(area=("unit", areas[areas == area])))
        for name in ("spearman", "interval", "p_value", "caution"):
            np.testing.assert_array_equal(together.sel(area=area)[name], alone.isel(area=0)[name])


def test_passes_are_in_memory_one_at_a_time():
    responses = simulate_responses(n_units=20, n_images=12, rng=0).responses
    made, alive = [], []

    def passes():
        for _ in range(3):
            alive.append(sum(of() is not None for of in made))
            cells = cells_of(responses.values)
            made.append(weakref.ref(cells.mean))
            yield cells
            del cells

    relations_over_passes(passes(), [1])
    assert alive == [0, 0, 0]
