"""The signature against its parts, and its intervals against a loop."""

import re
import warnings

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from artiphys.correlations.spearman import spearman
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses

LEFT_OUT = (
    *("n_too_noisy", "n_without_signal", "n_without_repeats", "n_few_images", "n_not_measured"),
    *("n_undefined", "n_without_covariate"),
)


def all_units(result):
    """The units used and those left out, for whatever reason."""
    return sum(result[name] for name in ("n_units", *LEFT_OUT) if name in result)


def population(seed, n_unit=40, n_image=60, relation=1.0, spread=1.0):
    """Units whose common share of the response grows, or not, with their scale."""
    rng = np.random.default_rng(seed)
    scale = rng.lognormal(sigma=spread, size=(n_unit, 1, 1))
    share = relation * np.log(scale) / spread + rng.normal(size=scale.shape)
    share = 1 / (1 + np.exp(-share))
    common, own = rng.normal(size=(n_unit, n_image, 1)), rng.normal(size=(n_unit, n_image, 3))
    return scale * (np.sqrt(share) * common + np.sqrt(1 - share) * own)


@pytest.fixture
def responses(make_responses):
    return make_responses(population(0), area=["V4"] * 25 + ["IT"] * 15)


def test_each_cell_is_spearman_of_its_parts(responses):
    result = signature(responses, n_resamples=300, rng=3)
    assert result["area"].values.tolist() == ["V4", "IT"]
    assert result["position"].values.tolist() == [1, 2]
    assert {"x", "y"} <= set(result.coords)
    assert result["interval"].dims == ("area", "position", "ci_bound")
    x, r = dynamic_range(responses), invariance(responses)
    for area in ("V4", "IT"):
        members = responses["area"].values == area
        for position in (1, 2):
            cell = result.sel(area=area, position=position)
            y = r.sel(position=position)[members]
            expected = stats.spearmanr(x[members], y).statistic
            np.testing.assert_allclose(cell["spearman"], expected, rtol=1e-14)
            assert cell["n_units"] == members.sum()
            alone = spearman(x[members], y, n_resamples=300, rng=cell_seed(3))
            xr.testing.assert_equal(cell["interval"].drop_vars(["area"]), alone["interval"])


def cell_seed(rng):
    return int(np.random.default_rng(rng).integers(2**63))


def test_a_relation_is_found_and_none_is_not(make_responses):
    found = [
        signature(make_responses(population(s, relation=r)), n_resamples=99, rng=0)[
            "p_value"
        ].values
        for r in (2.0, 0.0)
        for s in range(12)
    ]
    with_relation, without = np.array(found[:12]).ravel(), np.array(found[12:]).ravel()
    assert (with_relation < 0.05).mean() > 0.9
    assert (without < 0.05).mean() < 0.3


def test_resampling_images_and_units_is_the_two_fold_bootstrap(make_responses):
    responses = make_responses(population(1, n_unit=25, n_image=20))
    result = signature(responses, resample=("image", "unit"), n_resamples=1500, rng=0)
    rng, loop = np.random.default_rng(9), []
    values = responses.values
    for _ in range(600):
        drawn = values[:, rng.integers(20, size=20)][rng.integers(25, size=25)]
        variance = drawn[:, :, 0].var(axis=1, ddof=1)
        carried = [np.corrcoef(unit[:, 0], unit[:, 1])[0, 1] for unit in drawn]
        loop.append(stats.spearmanr(variance, carried).statistic)
    z = np.arctanh(result["spearman"].sel(position=1).item())
    expected = np.tanh(2 * z - np.arctanh(np.quantile(loop, [0.975, 0.025])))
    np.testing.assert_allclose(result["interval"].sel(position=1)[0], expected, atol=0.07)
    assert (result["spearman"] == signature(responses, n_resamples=9, rng=0)["spearman"]).all()


def test_few_images_are_allowed_for_in_an_interval_for_images_at_large(make_responses, monkeypatch):
    """A sample of images takes from r_s, and a resample of it takes as much again."""
    values = population(5, n_unit=120, n_image=2000, spread=0.4, relation=3.0)
    (truth,) = signature(make_responses(values), n_resamples=9, rng=0)["spearman"].values

    def held():
        rng, inside = np.random.default_rng(6), []
        for seed in range(20):
            some = make_responses(values[:, rng.integers(2000, size=150)])
            found = signature(some, resample=("image", "unit"), n_resamples=200, rng=seed)
            lower, upper = np.moveaxis(found["interval"].values[0], -1, 0)
            assert (lower <= found["spearman"][0]).all()
            assert (upper >= found["spearman"][0]).all()
            inside.append((lower <= truth) & (truth <= upper))
        return np.mean(inside)

    assert held() > 0.9
    monkeypatch.setattr(
        "artiphys.signatures.bootstrap._reflected",
        lambda r, resamples, level: (
            min(r, np.quantile(resamples, 0.025)),
            max(r, np.quantile(resamples, 0.975)),
        ),
    )
    assert held() < 0.5  # percentiles must fail


def test_units_that_a_resample_leaves_constant_are_left_out_of_it(make_responses):
    values = population(2, n_unit=12, n_image=6)
    values[0, 1:, :] = values[0, 1, 0]  # constant unless its first image is drawn
    result = signature(make_responses(values), resample=("image", "unit"), n_resamples=200, rng=0)
    assert np.isfinite(result["interval"].values).all()


def test_two_units_give_no_number(make_responses):
    result = signature(make_responses(population(0, n_unit=2)), n_resamples=50, rng=0)
    assert result["n_units"].values.tolist() == [[2, 2]]
    assert np.isnan(result["spearman"].values).all()
    assert np.isnan(result["p_value"].values).all()


@pytest.mark.parametrize(
    ("spoil", "n_undefined", "told"),
    [
        (lambda v: v, [[0, 0], [0, 0]], None),
        (lambda v: v.__setitem__(slice(2), 1.0), [[2, 2], [0, 0]], "V4: 2 of 25 units left out: "),
        (
            lambda v: v.__setitem__((slice(24, 26), slice(None), 2), 1.0),
            [[0, 1], [0, 1]],
            "V4: 1 of 25 units left out, IT: 1 of 15 units left out: .*constant responses",
        ),
        (
            lambda v: v.__setitem__((slice(None), slice(2, None)), np.nan),
            [[25, 25], [15, 15]],
            "V4: 25 of 25 .* fewer than 3 images",
        ),
    ],
    ids=["none", "some", "one position", "two images"],
)
def test_units_left_out_are_counted_and_told_once(make_responses, spoil, n_undefined, told):
    values = population(0)
    spoil(values)
    responses = make_responses(values, area=["V4"] * 25 + ["IT"] * 15)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = signature(responses, n_resamples=9, rng=0)
    assert result["n_undefined"].values.tolist() == n_undefined
    of_all = np.array([[25], [15]])
    assert (result["n_undefined"] + result["n_units"] == of_all).all()
    messages = [str(w.message) for w in caught]
    assert len(messages) == (told is not None)
    assert told is None or re.search(told, messages[0])


def test_units_that_are_all_alike_are_told(make_responses):
    values = np.repeat(population(0, n_unit=6)[:, :, :1], 3, axis=2)  # no shift at all
    with pytest.warns(ArtiphysWarning, match="V4: at 2 of 2 positions r_s is undefined: all units"):
        result = signature(make_responses(values), n_resamples=9, rng=0)
    assert (result["n_units"] == 6).all()
    assert np.isnan(result["spearman"].values).all()


@pytest.mark.parametrize("trials", [False, True])
def test_units_of_no_known_group_are_left_out_and_told(make_responses, trials):
    values = np.repeat(population(0)[..., None], 4, axis=-1) if trials else population(0)
    values = values + 0.1 * np.random.default_rng(0).normal(size=values.shape)
    depth = np.repeat([2.0, np.nan, 1.0], [20, 5, 15])
    responses = make_responses(values, unit_coords={"depth": depth})
    asked = {"by": "depth", "n_resamples": 9, "rng": 0}
    with pytest.warns(ArtiphysWarning, match="'depth' is missing \\(NaN\\) for 5 of 40 units"):
        result = signature(responses, **asked)
    assert result["depth"].values.tolist() == [2.0, 1.0]
    known = signature(responses[np.isfinite(depth)], **asked)
    xr.testing.assert_allclose(result, known)
    with pytest.raises(InputError, match="missing \\(NaN\\) for every unit; choose another"):
        signature(responses.assign_coords(depth=("unit", np.full(40, np.nan))), **asked)


@pytest.mark.parametrize("dim", ["unit", "image", "position"])
def test_an_empty_selection_is_refused(responses, dim):
    with pytest.raises(InputError, match=f"at least one entry along each dim; \\['{dim}'\\] are"):
        signature(responses.isel({dim: []}))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"rng": -1}, "rng must be a seed .*; got -1"),
        ({"rng": "seven"}, "rng must be a seed"),
        ({"n_resamples": True}, "n_resamples must be a whole number .* got True"),
        ({"n_resamples": 10.0}, "n_resamples must be a whole number"),
        ({"level": "high"}, "level must lie between 0 and 1"),
        ({"level": True}, "level must lie between 0 and 1"),
        ({"by": "layer"}, "one of \\['unit', 'area', 'source'\\]; got 'layer'"),
        ({"resample": ("trial",)}, "resample must be one of"),
        ({"level": 1}, "level must lie between 0 and 1"),
        ({"reference": 5}, "5 is not among the positions"),
    ],
)
def test_bad_input(responses, arguments, fault):
    with pytest.raises(InputError, match=fault):
        signature(responses, **arguments)


def test_units_given_twice_are_refused(responses):
    with pytest.raises(InputError, match="'unit' labels must be unique; 40 repeat, e.g. u0, u1, "):
        signature(xr.concat([responses, responses], "unit"))


def with_trials(seed=0, **changes):
    given = {"relation": "rectification", "n_units": 60, "rate": 40.0, "n_positions": 3}
    return simulate_responses(**given | changes, rng=seed).responses


def test_on_these_images_the_estimate_is_divided_by_the_reliability_of_its_parts():
    responses = with_trials()
    result = signature(responses, resample="unit")
    parts = result["reliability_dynamic_range"] * result["reliability_invariance"]
    np.testing.assert_allclose(
        result["spearman"], result["spearman_attenuated"] / np.sqrt(parts), rtol=1e-12
    )
    assert (all_units(result) == 60).all()


@pytest.mark.parametrize("resample", ["unit", ("image", "unit"), None])
def test_trials_give_the_estimate_and_what_the_naive_test_says(resample):
    responses = with_trials()
    result = signature(responses, resample=resample)
    assert result["interval"].dims == ("area", "position", "ci_bound")
    assert result["position"].values.tolist() == [1, 2]
    assert {"x", "y"} <= set(result.coords)
    assert (all_units(result) == 60).all()
    x, y = dynamic_range(responses, noise=None), invariance(responses, noise=None)
    naive = stats.spearmanr(x, y.sel(position=1)).statistic
    assert float(result["spearman_naive"].sel(position=1)[0]) == pytest.approx(naive)
    assert result.attrs["noise"] == "split"


def test_by_default_the_answer_is_about_images_at_large_where_there_are_trials():
    responses = with_trials()
    assert signature(responses).attrs["resample"] == "image and unit"
    xr.testing.assert_identical(
        signature(responses), signature(responses, resample=("image", "unit"))
    )
    averages = responses.mean("trial", keep_attrs=True)
    assert "over unit" in signature(averages, n_resamples=9).attrs["interval_method"]


@pytest.mark.parametrize("resample", [None, "unit"])
def test_a_group_does_not_hang_on_the_others(resample):
    responses = with_trials(n_units=40).assign_coords(area=("unit", ["V4"] * 22 + ["IT"] * 18))
    both = signature(responses, resample=resample)
    alone = signature(responses[responses["area"] == "IT"], resample=resample)
    for name in ("spearman", "interval", "p_value", "spearman_naive", "n_units"):
        np.testing.assert_allclose(both[name].sel(area=["IT"]), alone[name], rtol=1e-9)


def test_one_split_is_the_spearman_of_its_two_estimates():
    responses = with_trials(repeats=(2, 6), rate=3.0)
    with pytest.warns(ArtiphysWarning, match="units left out: .*too noisy"):
        result = signature(responses, noise="split", n_resamples=50, rng=0)
    x, y = (f(responses, noise="split").values for f in (dynamic_range, invariance))
    expected = stats.spearmanr(x, y[:, 0], nan_policy="omit").statistic
    assert float(result["spearman"][0, 0]) == pytest.approx(expected)


def test_without_a_relation_the_naive_test_says_yes_and_the_default_does_not():
    found = [
        signature(simulate_responses(relation="none", rate=6.0, rng=seed).responses)
        for seed in range(30)
    ]
    assert np.mean([f["p_value_naive"].item() < 0.05 for f in found]) > 0.85
    assert np.mean([f["p_value"].item() < 0.05 for f in found]) <= 0.17  # 5 of 30: p = 0.003
    assert abs(np.mean([f["spearman"].item() for f in found])) < 0.1


def test_false_discovery_rate_is_over_all_groups_and_positions(responses):
    result = signature(responses, n_resamples=99, rng=0)
    expected = stats.false_discovery_control(result["p_value"].values.ravel())
    np.testing.assert_allclose(result["q_value"].values.ravel(), expected)


def test_wider_intervals_for_images_and_for_sessions_at_large():
    responses = with_trials(n_units=40, n_images=20, n_sessions=5, n_positions=2)
    widths = {}
    for resample in (("unit",), ("image", "unit"), ("session", "unit")):
        interval = signature(responses, resample=resample)["interval"]
        widths[resample] = float(interval.diff("ci_bound")[0, 0, 0])
    assert widths["image", "unit"] > widths["unit",]
    assert np.isfinite(widths["session", "unit"])
    averages = responses.mean("trial", keep_attrs=True)
    bootstrap = signature(averages, resample=("session", "unit"), n_resamples=99, rng=0)
    assert np.isfinite(bootstrap["interval"].values).all()


def test_covariates_are_held_constant(make_responses):
    rng = np.random.default_rng(1)
    cause = rng.normal(size=80)
    common, own = rng.normal(size=(80, 60, 1)), rng.normal(size=(80, 60, 2))
    share = 1 / (1 + np.exp(-cause - 0.7 * rng.normal(size=80)))[:, None, None]
    scale = np.exp(cause + 0.5 * rng.normal(size=80))[:, None, None]
    values = scale * (np.sqrt(share) * common + np.sqrt(1 - share) * own)
    responses = make_responses(values, unit_coords={"depth": cause})
    asked = {"n_resamples": 200, "rng": 0}
    assert float(signature(responses, **asked)["spearman"][0, 0]) > 0.5
    held = signature(responses, covariates=("depth",), **asked)
    assert abs(float(held["spearman"][0, 0])) < 0.35
    trials = responses.expand_dims(trial=5, axis=3).copy()
    trials.values += 0.5 * rng.normal(size=trials.shape)
    assert float(signature(trials)["spearman"][0, 0]) > 0.5
    assert abs(float(signature(trials, covariates=["depth"])["spearman"][0, 0])) < 0.45
    measured = signature(trials, covariates=["mean_response", "n_repeats"])
    assert np.isfinite(measured["p_value"].values).all()


@pytest.mark.parametrize("trials", [True, False])
def test_units_without_a_covariate_are_counted_named_and_left_out(trials):
    responses = with_trials(n_units=40) if trials else with_trials(n_units=40).mean("trial")
    responses = responses.assign_attrs(reference=0)
    depth = np.r_[np.full(6, np.nan), np.inf, np.random.default_rng(0).normal(size=33)]
    responses = responses.assign_coords(depth=("unit", depth))
    asked = {"covariates": ["depth"], "n_resamples": 9, "rng": 0}
    named = r"'depth' is missing \(NaN\) for 7 of 40 units, .* simulated_0/0, .*/4 and 2 more"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = signature(responses, **asked)
    assert len(caught) == 1
    assert re.search(named, str(caught[0].message))
    assert caught[0].filename == __file__
    assert (result["n_without_covariate"] == 7).all()
    rest = signature(responses[7:], **asked)
    np.testing.assert_allclose(result["spearman"], rest["spearman"], atol=0.02)
    assert (all_units(result) == 40).all()


@pytest.mark.parametrize("name", ["signal_to_noise", "n_repeats"])
def test_covariates_of_trials_need_trials(responses, name):
    with pytest.raises(InputError, match=f"'{name}' is measured from single trials; got averages"):
        signature(responses, covariates=[name])
    coordinate = responses.assign_coords({name: ("unit", np.arange(40.0))})
    found = signature(coordinate, covariates=name, n_resamples=9, rng=0)
    assert found.attrs["covariates"] == name


def test_the_best_reference_is_each_units_own():
    result = signature(with_trials(repeats=9), reference="best")
    assert result["position"].values.tolist() == [0, 1, 2]
    assert (result["n_units"] < 60).all()
    assert result["n_units"].sum() == 120  # each at two of the three
    assert result.attrs["reference"] == "best"


def test_too_noisy_recordings_say_so():
    responses = simulate_responses(n_units=12, n_images=10, repeats=2, rate=0.3, rng=0).responses
    with pytest.warns(ArtiphysWarning, match="too few of 12 units"):
        result = signature(responses, resample="unit")
    assert np.isnan(result["p_value"].values).all()
    with pytest.warns(ArtiphysWarning, match=r"too few of 12 units|too little signal"):
        result = signature(responses)
    assert np.isnan(result["p_value"].values).all()


@pytest.mark.parametrize(
    ("change", "n"),
    [
        (lambda r: r.isel(unit=[0, 1]), 2),
        (lambda r: r.isel(image=[0]), 20),
        (lambda r: r.where(r < 0), 20),
        (lambda r: r.copy(data=np.full(r.shape, 3.0)), 20),
    ],
    ids=["two units", "one image", "all NaN", "constant"],
)
@pytest.mark.filterwarnings("ignore::artiphys.errors.ArtiphysWarning")
def test_nothing_to_measure_gives_no_number(change, n):
    responses = change(with_trials(n_units=20, n_images=12))
    if not bool(responses.notnull().any()):
        with pytest.raises(InputError, match="something that was measured; got NaN only"):
            signature(responses)
        return
    result = signature(responses)
    assert np.isnan(result["spearman"].values).all()
    assert np.isnan(result["p_value"].values).all()
    assert (all_units(result) == n).all()


def test_one_repeat_and_one_position_are_refused():
    responses = with_trials(n_units=10)
    with pytest.raises(InputError, match="no cell has 2 trials"):
        signature(responses.isel(trial=[0]))
    with pytest.raises(InputError, match="at least 2 values to measure invariance"):
        signature(responses.isel(position=[0]))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"covariates": ["colour"]}, "covariates must be among .*; got 'colour'"),
        (
            {"covariates": [np.arange(10.0)]},
            r"must be names, among \['mean_response', .*\]; got ndarray; make numbers a coordinate",
        ),
        ({"covariates": np.arange(10.0)}, "covariates must be names, .*; got float64"),
        ({"covariates": None}, "covariates must be names, .*; got NoneType"),
        ({"noise": "corrected", "resample": ("image", "unit")}, "draws images for noise=None"),
        (
            {"noise": None, "resample": ("image", "unit"), "reference": "best"},
            "draws images for noise=None",
        ),
        (
            {"noise": None, "resample": ("session", "unit"), "covariates": ["mean_response"]},
            "with covariates needs trials",
        ),
    ],
)
def test_arguments_that_do_not_go_together(arguments, fault):
    with pytest.raises(InputError, match=fault):
        signature(with_trials(n_units=10), **arguments)
