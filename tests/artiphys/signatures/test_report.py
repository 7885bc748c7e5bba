"""What a signature says in words."""

import re
import warnings

import numpy as np
import pytest
import xarray as xr

from artiphys.comparison.compare import compare
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.signatures.report import summary, verdict
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses


def test_a_relation_is_said_to_be_found():
    responses = simulate_responses(n_units=200, n_images=100, rate=60, rng=0).responses
    text = verdict(signature(responses))
    assert "units of wider dynamic range are more invariant" in text
    assert "95 % interval" in text


def test_without_a_relation_the_naive_test_is_shown_to_say_yes():
    responses = simulate_responses(relation="none", rate=6.0, rng=1).responses
    text = verdict(signature(responses))
    assert "no relation was found" in text
    assert "The responses as measured would have said 0." in text
    assert "Left out:" in verdict(signature(responses, resample="unit"))


def test_too_little_is_said_to_be_too_little():
    responses = simulate_responses(n_units=12, n_images=10, repeats=2, rate=0.3, rng=0).responses
    with pytest.warns(ArtiphysWarning):
        text = verdict(signature(responses))
    assert "nothing can be said" in text


def test_data_on_which_calibration_found_something_amiss_are_told():
    def on_these_images(**given):
        responses = simulate_responses(**given, rng=0).responses
        return verdict(signature(responses, resample="unit"))

    assert "few images (30) for what 1" in on_these_images(n_units=150, n_images=30, rate=60.0)
    assert "noisy (the reliability of invariance is 0.1" in on_these_images(rate=3.0)
    unseen = on_these_images(relation="none", rate=2.0, repeats=8)
    assert re.search(r"of 80 units \d+ answer too little or too noisily", unseen)
    clean = simulate_responses(rate=40.0, rng=0).responses
    for resample in ("unit", None):
        result = signature(clean, resample=resample)
        assert result["caution"].item() == ""
        assert "Caution" not in verdict(result)


def test_units_of_one_tuning_are_told():
    responses = simulate_responses(n_units=40, rate=40.0, rng=0).responses
    twice = xr.concat(
        [responses, responses.assign_coords(unit=[f"{u}b" for u in range(40)])], "unit"
    )
    assert "of 80 units 80 share their tuning with another" in verdict(signature(twice))


def test_a_comparison_in_words():
    both, truth = simulate_responses(n_units=120, rate=40.0, rng=0)
    rates = both.isel(trial=0, drop=True).copy(data=truth["rate"].values)
    result = compare(rates[:60], both[60:], n_passes=2, rng=0)
    text = verdict(result)
    assert "simulated and simulated, position 1: they do not measurably differ" in text
    assert "As measured the difference would have been" in text
    p_value, q_value = (result["p_value"].copy(data=[[[value]]]) for value in (0.04, 0.2))
    text = verdict(result.assign(p_value=p_value, q_value=q_value))
    assert "differ, allowing for 1 test (p = 0.040 by itself, false discovery rate 0.200)" in text
    assert "95 % interval of this test by itself " in text
    with pytest.warns(ArtiphysWarning, match="no difference can be given"):
        assert "nothing can be said" in verdict(compare(rates[:5], both[60:], matched=False))


def test_one_test_of_several_does_not_contradict_its_verdict():
    """By itself the second of four positions has p < 0.05, and an interval without 0."""
    responses = simulate_responses(relation="none", n_positions=5, n_units=50, rng=45).responses
    result = signature(responses)
    text = verdict(result).split("\n\n")[1]
    assert float(result["p_value"][0, 1]) < 0.05 < float(result["q_value"][0, 1])
    assert "no relation was found, allowing for 4 tests (p = 0.0" in text
    assert " by itself, false discovery rate 0." in text
    assert "95 % interval of this test by itself -0." in text
    alone = verdict(signature(responses.isel(position=[0, 2])))
    assert "by itself" not in alone
    assert "false discovery rate" in alone


def with_depth(n_missing=4, **changes):
    given = {"n_units": 40, "rate": 60.0, "n_images": 80, "n_sessions": 4, "rng": 0}
    responses = simulate_responses(**given | changes).responses
    depth = np.random.default_rng(0).normal(size=responses.sizes["unit"])
    depth[:n_missing] = np.nan
    return responses.assign_coords(depth=("unit", depth), layer=("unit", np.arange(depth.size)))


@pytest.mark.parametrize("averaged", [False, True])
def test_what_is_held_constant_is_said_and_who_lacks_it(averaged):
    responses = with_depth()
    responses = responses.mean("trial", keep_attrs=True) if averaged else responses
    asked = {"covariates": ["depth", "layer"], "n_resamples": 99, "rng": 0}
    with pytest.warns(ArtiphysWarning, match="covariate 'depth' is missing .* for 4 of 40 units"):
        result = signature(responses, **asked)
    text = verdict(result)
    assert "position 1: with depth and layer held constant, " in text
    assert "4 without depth or layer" in text
    assert f"in {result['n_units'].item()} of 40 units." in text
    assert ("The responses as measured, with nothing held constant," in text) is not averaged
    assert "held constant" not in verdict(signature(responses, n_resamples=99, rng=0))


def test_too_few_units_with_a_covariate_are_told():
    missing = pytest.warns(ArtiphysWarning, match="'depth' is missing")
    with (
        missing,
        pytest.warns(ArtiphysWarning, match="too few of 40 .* every covariate, .*; hold"),
    ):
        text = verdict(signature(with_depth(n_missing=30), covariates="depth"))
    assert "which is too few: it takes 11." in text
    assert "30 without depth." in text


@pytest.mark.parametrize("noise", ["corrected", "split"])
def test_another_estimate_from_trials_says_what_it_leaves_out_and_the_naive_test(noise):
    responses = simulate_responses(relation="none", rate=6.0, rng=1).responses
    with pytest.warns(ArtiphysWarning, match="units left out"):
        result = signature(responses, noise=noise, n_resamples=99, rng=0)
    text = verdict(result)
    naive = signature(responses)["spearman_naive"]
    assert result["spearman_naive"].item() == pytest.approx(naive.item())
    assert f"The responses as measured would have said {naive.item():.2f} (p < 0.001)" in text
    assert (
        f"Left out: {result['n_undefined'].item()} undefined (no more variance than noise" in text
    )
    assert "take the default of noise" in text or "the default of noise averages" in text


def test_the_naive_estimate_from_trials_says_what_it_is():
    responses = simulate_responses(relation="none", rate=6.0, rng=1).responses
    text = verdict(signature(responses, noise=None, n_resamples=99, rng=0))
    assert "Caution: noise adds to dynamic range" in text
    assert "would have said" not in text


@pytest.mark.parametrize(("n_sessions", "said"), [(1, "1 session"), (2, "2 sessions")])
def test_too_few_sessions_are_said_to_be_the_cause(n_sessions, said):
    responses = with_depth(n_sessions=n_sessions)
    asked = {"resample": ("session", "unit"), "n_resamples": 9, "rng": 0}
    with pytest.warns(ArtiphysWarning, match=f"in {said}, which is too few to tell of sessions"):
        result = signature(responses, **asked)
    assert result["n_sessions"].item() == n_sessions
    text = verdict(result)
    assert f"units could be measured, in {said}, which is too few to tell of sessions" in text
    averages = signature(responses.mean("trial", keep_attrs=True), **asked)
    assert "without an interval, which takes 3 sessions, of which there " in verdict(averages)
    assert "nan" not in verdict(averages)


@pytest.mark.parametrize("position", [0, 1])
def test_one_repeat_is_told_from_not_measured(position):
    responses = with_depth(n_positions=3)
    responses[:, :, position, 1:] = np.nan
    responses[0, :, position] = np.nan
    with pytest.warns(ArtiphysWarning, match="too few of 40 units could be measured"):
        result = signature(responses)
    cell = result.sel(position=1, area="simulated")
    assert (int(cell["n_without_repeats"]), int(cell["n_not_measured"])) == (39, 1)
    text = verdict(result).split("\n\n")[0]
    assert "39 of one repeat, which does not say how noisy it is, 1 not measured." in text


def test_units_all_alike_are_said_to_be():
    responses = simulate_responses(n_units=12, n_positions=2, rng=0).responses
    alike = responses.mean("trial", keep_attrs=True).copy()
    alike[:] = alike[:1].values
    with pytest.warns(ArtiphysWarning, match="all units are alike"):
        text = verdict(signature(alike, n_resamples=9, rng=0))
    assert "nothing can be said; the 12 units are all alike in dynamic range or in inv" in text


def test_averages_have_a_verdict_too():
    responses = simulate_responses(n_units=20, n_positions=3, rng=0).responses
    averages = responses.mean("trial", keep_attrs=True)
    text = verdict(signature(averages, n_resamples=99, rng=0))
    assert text.count("simulated, position") == 2
    assert "as measured" not in text


def test_a_caution_that_several_share_is_said_once():
    responses = simulate_responses(relation="none", n_positions=3, rate=4.0, rng=3).responses
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArtiphysWarning)
        result = signature(responses)
    reliabilities = result["reliability_invariance"].values.ravel()
    result["caution"] = result["caution"].astype(object)
    result["caution"][:] = [
        [f"few units (12): without; noisy (it is {each:.2f}): where; and so on" for each in pair]
        for pair in reliabilities.reshape(1, -1)
    ]
    text = verdict(result)
    low, high = sorted(f"{each:.2f}" for each in reliabilities)
    assert text.count("Caution") == 2
    assert "\n\nCaution, all of these: few units (12): without.\n\n" in text
    assert f"Caution, all of these: noisy (it is {low} to {high}): where; and so on." in text
    result["caution"][0, 0] = "few units (12): without"
    assert "\nCaution: noisy (it is 0." in verdict(result)


def test_the_reference_is_named_whatever_it_is():
    responses = simulate_responses(n_units=40, rate=60.0, rng=0).responses
    assert verdict(signature(responses)).endswith("\n\nReference position: 0.")
    best = verdict(signature(responses, reference="best"))
    assert "Reference position: each unit's own best, chosen on trials of its own." in best


def test_what_is_beyond_a_bound_is_told_as_one():
    result = signature(simulate_responses(n_units=40, rate=60.0, rng=0).responses)
    assert "*" not in verdict(result)
    result["interval"][:] = [-0.22, 2.59]
    text = verdict(result)
    assert "95 % interval -0.22 to > 1*, in " in text
    assert text.splitlines()[-1].startswith("* Beyond ±1 once corrected for noise")
    assert result["interval"].max() == 2.59


def test_bad_input():
    with pytest.raises(
        InputError, match="must come from artiphys.signature or artiphys.compare; it lacks"
    ):
        verdict(xr.Dataset({"spearman": 0.3}))


def test_of_many_cells_it_is_said_how_many_say_what():
    found, none = (
        simulate_responses(relation=relation, n_positions=3, rate=40.0, rng=3).responses
        for relation in ("rectification", "none")
    )
    both = xr.concat(
        [
            found.assign_coords(area=("unit", ["V4"] * found.sizes["unit"])),
            none.assign_coords(
                area=("unit", ["IT"] * none.sizes["unit"]),
                unit=[f"{name}b" for name in none["unit"].values],
            ),
        ],
        "unit",
    )
    result = signature(both, resample="unit")
    result["caution"] = result["caution"].astype(object)
    result["caution"][:] = [["few units (12): so", ""], ["few units (14): so", "noisy (0.2)"]]
    head, *cautions, reference = summary(result)
    n = int((result["q_value"] < 0.05).sum())
    assert head.startswith("Of 4 cells of area and position (false discovery rate 0.05): ")
    assert f"units of wider dynamic range are more invariant in {n}" in head
    assert f"no relation was found in {4 - n}." in head
    assert cautions == [
        "Caution, V4, position 1 and IT, position 1: few units (12 to 14): so.",
        "Caution, IT, position 2: noisy (0.2).",
    ]
    assert reference == "Reference position: 0."


def test_many_differences_are_counted_too():
    result = xr.Dataset(
        {
            name: (("layer", "area", "position"), np.reshape(values, (1, 1, 3)))
            for name, values in {
                "difference": [0.5, 0.1, np.nan],
                "p_value": [0.001, 0.4, np.nan],
                "q_value": [0.002, 0.4, np.nan],
            }.items()
        },
        attrs={"reference_model": 0, "reference_brain": "middle"},
    )
    assert summary(result) == [
        "Of 3 cells of layer, area and position (false discovery rate 0.05): they differ in 1, "
        "they do not measurably differ in 1, nothing can be said in 1.",
        "Reference positions: 0 of the network, middle of the recording.",
    ]
