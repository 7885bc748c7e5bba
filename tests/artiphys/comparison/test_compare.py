"""A model against a recording: what is the same, what is not, and what cannot be said."""

import warnings

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from artiphys.comparison.compare import compare
from artiphys.comparison.experiment import matched_responses
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.responses.schema import validate
from artiphys.signatures.report import verdict
from artiphys.signatures.shortfalls import MIN_UNITS
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses
from environment import missing

QUICK = {"n_passes": 2, "rng": 0}


def network(seed=1, relation="rectification", **more):
    """Rates as a network's responses: no trials, no noise."""
    arguments = {"n_units": 80, "repeats": 1} | more
    responses, truth = simulate_responses(relation=relation, **arguments, rng=seed)
    values = responses.isel(trial=0, drop=True).copy(data=truth["rate"].values)
    return values.assign_attrs(units="a.u.").assign_coords(
        area=("unit", ["conv3"] * values.shape[0])
    )


def recording(seed=2, relation="none", **more):
    arguments = {"n_units": 60, "rate": 15.0, "repeats": (2, 6), "area": "V4"} | more
    return simulate_responses(relation=relation, **arguments, rng=seed).responses


@pytest.fixture(scope="module")
def pair():
    return network(), recording()


def test_a_network_recorded_is_no_different_from_itself_but_seems_so():
    p_values, naive = [], []
    for seed in range(24):
        both, truth = simulate_responses(relation="none", n_units=150, rate=6.0, rng=seed)
        rates = both.isel(trial=0, drop=True).copy(data=truth["rate"].values)
        found = compare(rates[:90], both[90:], n_passes=2, rng=seed)
        p_values.append(found["p_value"].item())
        naive.append(found["p_value_naive"].item())
    assert np.mean(np.array(naive) < 0.05) > 0.7
    assert np.mean(np.array(p_values) < 0.05) < 0.2


def test_a_real_difference_is_found():
    model = network(n_units=200, n_images=100)
    shuffled = recording(n_units=150, n_images=100, rate=60.0, repeats=6)
    result = compare(model, shuffled, **QUICK).squeeze()
    assert result["p_value"] < 0.05
    assert result["difference"] > 0
    assert "they differ" in verdict(compare(model, shuffled, **QUICK))


def test_the_brains_side_is_its_signature(pair):
    result = compare(*pair, **QUICK)
    alone = signature(pair[1])
    assert result["spearman_brain"].item() == alone["spearman"].item()
    assert result["n_units_brain"].item() == alone["n_units"].item()
    assert result["spearman_brain_naive"].item() == pytest.approx(alone["spearman_naive"].item())
    lower, upper = result["interval"].values.ravel()
    assert lower < result["difference"].item() < upper
    difference = result["spearman_model"] - result["spearman_brain"]
    xr.testing.assert_allclose(result["difference"], difference.rename("difference"))


def test_unmatched_takes_both_as_they_are(pair):
    result = compare(*pair, matched=False)
    for side, array in zip(("model", "brain"), pair, strict=True):
        alone = signature(array, noise=None, n_resamples=9, rng=0)
        assert result[f"spearman_{side}"].item() == pytest.approx(alone["spearman"].item())
    assert result.attrs["matched"].startswith("nothing")
    assert compare(*pair, **QUICK)["difference_naive"].item() == result["difference"].item()


def test_a_seed_gives_the_same_and_passes_take_the_luck_away():
    pair = network(n_units=40, n_images=30), recording(n_units=30, n_images=30, rate=40.0)
    xr.testing.assert_identical(compare(*pair, **QUICK), compare(*pair, **QUICK))
    spread = [
        np.std([compare(*pair, n_passes=n, rng=s)["spearman_model"].item() for s in range(15)])
        for n in (1, 9)
    ]
    assert spread[1] < 0.6 * spread[0]


def test_scale_and_offset_of_the_model_do_not_matter(pair):
    model, brain = pair
    one, other = compare(model, brain, **QUICK), compare(7 * model - 100, brain, **QUICK)
    xr.testing.assert_allclose(one["difference"], other["difference"])


def test_layers_and_areas_are_all_compared():
    model, brain = network(n_positions=3, n_units=160), recording(n_positions=3)
    model = model.assign_coords(area=("unit", ["conv2"] * 80 + ["conv3"] * 80))
    brain = brain.assign_coords(area=("unit", ["V4"] * 40 + ["IT"] * 20))
    result = compare(model, brain, **QUICK)
    assert dict(result.sizes) == {"layer": 2, "area": 2, "position": 2, "ci_bound": 2}
    assert result["area"].values.tolist() == ["V4", "IT"]
    assert verdict(result).count("position ") >= 8
    assert "Reference positions: 0 of the network" in verdict(result)
    known = np.isfinite(result["p_value"].values)
    expected = stats.false_discovery_control(result["p_value"].values[known])
    np.testing.assert_allclose(result["q_value"].values[known], expected)


def test_positions_pair_by_shift_by_label_or_by_name():
    model, brain = network(n_positions=3), recording(n_positions=4)
    with pytest.warns(ArtiphysWarning, match="go with none: 3 of the recording"):
        result = compare(model, brain, **QUICK)
    assert result["position"].values.tolist() == [1, 2]
    shifted = brain.assign_coords(shift=("position", [0.0, 0.25, 0.125, np.nan]))
    with pytest.warns(ArtiphysWarning, match="go with none: 3 of the recording"):
        result = compare(
            model.assign_coords(shift=("position", [0, 0.125, 0.25])), shifted, **QUICK
        )
    assert result["position_model"].values.tolist() == [1, 2]
    assert result["position"].values.tolist() == [2, 1]
    with pytest.warns(ArtiphysWarning, match="2 of the network; 1, 2 of the recording"):
        result = compare(model, brain, positions={1: 3}, **QUICK)
    assert result["position"].values.tolist() == [3]


@pytest.mark.parametrize(
    ("positions", "fault"),
    [
        ({9: 1}, r"\[9\] are not among the network's positions"),
        ({1: 9}, r"\[9\] are not among the recording's positions"),
        ({1: 1, 2: 1}, "each position of the recording may be named once"),
        ({0: 1}, "the references .* go together"),
        ({}, "must name a pair beside the references"),
        ({0: 0}, "must name a pair beside the references"),
    ],
)
def test_positions_that_cannot_be_paired(positions, fault):
    with pytest.raises(InputError, match=fault):
        compare(network(n_positions=3), recording(n_positions=3), positions=positions)


def test_without_a_common_position():
    brain = recording().assign_coords(position=["fovea", "left"]).assign_attrs(reference="fovea")
    with pytest.raises(InputError, match=r"\[1\] goes with one of the recording \['left'\]"):
        compare(network(), brain)
    with pytest.raises(InputError, match="the recording must have a position beside the reference"):
        compare(network(), recording(n_positions=1))


def test_a_model_with_fewer_images_is_refused_and_with_more_is_drawn_from():
    brain = recording(n_images=40).assign_coords(image=[f"v4_{i}" for i in range(40)])
    with pytest.raises(InputError, match=r"the 40 images of the recording .* got 30"):
        compare(network(n_images=30), brain)
    result = compare(network(n_images=90), brain, **QUICK)
    assert result.attrs["matched"].startswith("as many images as recorded")
    same = compare(network(n_images=90), recording(n_images=40), **QUICK)
    assert same.attrs["matched"].startswith("the recording's images")


def test_averages_are_matched_in_their_images_alone():
    averages = recording().mean("trial", keep_attrs=True)
    with pytest.warns(ArtiphysWarning, match="no trials: its noise is unknown"):
        result = compare(network(), averages, **QUICK)
    assert np.isfinite(result["p_value"]).all()
    assert "spearman_model_naive" not in result


def test_what_cannot_be_matched_is_refused(pair):
    model, brain = pair
    with pytest.raises(InputError, match="the network must have no 'trial' dim"):
        compare(brain, brain)
    assert compare(brain, brain, matched=False)["difference"].item() == 0
    with pytest.raises(InputError, match="no cell has 2 trials"):
        compare(model, brain.isel(trial=[0]))
    with pytest.raises(InputError, match="to resample sessions the recording must have"):
        compare(model, brain, matched=False, resample=("session", "unit"))
    with pytest.raises(InputError, match="resample must be one of"):
        compare(model, brain, resample=("trial",))
    for resample in (3, (1, "unit")):
        with pytest.raises(InputError, match="resample must be one of"):
            compare(model, brain, resample=resample)
        with pytest.raises(InputError, match="resample must be one of"):
            signature(brain, resample=resample)
    with pytest.raises(InputError, match="by_model must be a coordinate along 'unit'"):
        compare(model, brain, by_model="layer")
    with pytest.raises(InputError, match="by_brain must be a coordinate along 'unit'"):
        compare(model, brain, by_brain="layer")
    with pytest.raises(InputError, match="n_passes must be a whole number"):
        compare(model, brain, n_passes=0)
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        compare(model, brain, level=95)
    with pytest.raises(InputError, match="n_passes must be a whole number"):
        compare(model, brain, n_passes="many")
    with pytest.raises(InputError, match="positions must be a mapping"):
        compare(model, brain, positions=[1])
    with pytest.raises(InputError, match="must be finite, or NaN where not measured; 120 are"):
        compare(model.where(model["unit"] != model["unit"][0], np.inf), brain)
    with pytest.raises(
        InputError, match="the recording's responses: 'position' labels must be unique"
    ):
        compare(model, brain.isel(position=[0, 1, 1]))
    with pytest.raises(
        InputError, match="the recording's responses: 'image' labels must be unique; "
    ):
        compare(model, brain.isel(image=[0, 1, 1]))
    with pytest.raises(InputError, match="matched must be True or False; got 'no'"):
        compare(model, brain, matched="no")
    with pytest.raises(InputError, match="is missing .* for every unit"):
        compare(model.assign_coords(size=("unit", np.full(80, np.nan))), brain, by_model="size")
    with pytest.raises(InputError, match="rng must be a seed"):
        compare(model, brain, rng=-1)
    with pytest.raises(InputError, match="responses must have the dims"):
        compare(model.isel(image=0), brain)
    with pytest.raises(InputError, match="must be an xarray.DataArray"):
        compare(model.values, brain)


def spoilt(array, kind):
    """A recording that little can be said of."""
    array = array.copy(deep=True)
    if kind == "no signal":
        rng = np.random.default_rng(0)
        array.values = np.where(np.isnan(array), np.nan, rng.poisson(3, array.shape))
    elif kind == "never measured":
        array.values[:] = np.nan
    elif kind == "constant":
        array.values = np.where(np.isnan(array), np.nan, 5.0)
    elif kind == "zero":
        array.values = np.where(np.isnan(array), np.nan, 0.0)
    elif kind == "one image":
        array = array.isel(image=[0])
    elif kind == "two units":
        array = array.isel(unit=[0, 1])
    elif kind == "one unit":
        array = array.isel(unit=[0])
    elif kind == "one repeat":
        array = array.isel(trial=[0])
    elif kind == "never at the reference":
        array.values[:, :, 0] = np.nan
    elif kind == "never away":
        array.values[:, :, 1] = np.nan
    elif kind == "seven units":
        array.values[7:] = np.nan
    return array


KINDS = (
    *("no signal", "never measured", "constant", "zero", "one image", "two units", "one unit"),
    *("one repeat", "never at the reference", "never away", "seven units"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_poor_recording_is_answered_with_a_reason(pair, kind):
    """An answer that says there is none, or a refusal; no crash, no number."""
    model, brain = pair
    poor = spoilt(brain, kind)
    refusal = {
        "never measured": "the recording holds no measured response",
        "one repeat": "no cell has 2 trials, .* compare unmatched",
    }
    if kind in refusal:
        with pytest.raises(InputError, match=refusal[kind]):
            compare(model, poor, **QUICK)
        return
    with pytest.warns(ArtiphysWarning, match=r"no difference can be given .* V4 \("):
        result = compare(model, poor, **QUICK)
    assert np.isnan(result["difference"]).all()
    assert np.isnan(result["p_value"]).all()
    assert result["n_units_brain"].item() < MIN_UNITS or kind in ("no signal", "never away")
    assert "nothing can be said" in verdict(result)


@pytest.mark.parametrize("kind", KINDS)
def test_a_poor_recording_has_a_signature_that_says_so(pair, kind):
    poor = spoilt(pair[1], kind)
    if kind in ("never measured", "one repeat"):
        why = "got NaN only" if kind == "never measured" else "no cell has 2 trials"
        with pytest.raises(InputError, match=why):
            signature(poor)
        return
    with pytest.warns(
        ArtiphysWarning, match=r"too few (to tell|of \d+ units)|no estimate|too little"
    ):
        result = signature(poor)
    assert np.isnan(result["spearman"]).all()


@pytest.mark.parametrize("kind", ["constant", "never measured", "seven units", "two units"])
def test_a_poor_model_is_answered_with_a_reason(pair, kind):
    model, brain = pair
    with pytest.warns(ArtiphysWarning, match=r"no difference can be given .* conv3 \("):
        result = compare(spoilt(model, kind), brain, **QUICK)
    assert np.isnan(result["difference"]).all()
    assert np.isfinite(result["spearman_brain"]).all()


def test_some_bad_units_are_left_out(pair):
    model, brain = (array.copy(deep=True) for array in pair)
    model.values[:10] = 3.0
    model.values[10] = np.nan
    brain.values[0] = np.nan
    brain.values[1] = np.where(np.isnan(brain.values[1]), np.nan, 4.0)
    result = compare(model, brain, **QUICK)
    clean = compare(model[11:], brain[2:], **QUICK)
    assert result["spearman_brain"].item() == pytest.approx(clean["spearman_brain"].item())
    assert MIN_UNITS <= result["n_units_model"].item() <= 69
    assert np.isfinite(result["p_value"]).all()


def test_units_of_no_layer_are_left_out(pair):
    model, brain = pair
    size = np.where(np.arange(80) < 40, np.nan, 1.0)
    with pytest.warns(ArtiphysWarning, match="missing .* for 40 of 80 units; they are left out"):
        result = compare(model.assign_coords(size=("unit", size)), brain, by_model="size", **QUICK)
    assert result["layer"].values.tolist() == [1.0]


def test_sessions_and_images_widen_the_interval():
    model, brain = network(), recording(n_sessions=4, rate=40.0)
    widths = {}
    for resample in (("unit",), ("session", "unit"), ("image", "unit")):
        interval = compare(model, brain, resample=resample, **QUICK)["interval"].values.ravel()
        widths[resample] = interval[1] - interval[0]
    assert widths["image", "unit"] > widths[("unit",)]
    with pytest.raises(InputError, match="needs the coordinate 'source'"):
        compare(model, brain.drop_vars("source"), resample=("session", "unit"))
    one = brain.drop_vars("source").assign_coords(source="one for all")
    with pytest.raises(InputError, match="needs the coordinate 'source' along 'unit'"):
        compare(model, one, resample=("session", "unit"))


def test_areas_may_be_dates():
    model, brain = network(), recording(rate=40.0)
    dates = np.array(["2020-01-01", "2020-02-01"], dtype="datetime64[ns]")
    of_unit = dates[np.arange(brain.sizes["unit"]) % 2]
    result = compare(model, brain.assign_coords(day=("unit", of_unit)), by_brain="day", **QUICK)
    assert (result["area"].values == dates).all()
    assert (result["n_units_brain"] > 0).all()


def test_too_few_sessions_are_told():
    model, brain = network(), recording(n_sessions=2, rate=40.0)
    reason = r"area V4 \(\d+ units could be measured, in 2 sessions, which is too few"
    with pytest.warns(ArtiphysWarning, match=reason):
        compare(model, brain, resample=("session", "unit"), **QUICK)


def test_a_network_is_no_different_from_itself():
    model = network(n_units=30, n_images=15, n_positions=3, relation="none")
    with pytest.warns(ArtiphysWarning, match="no trials"):
        result = compare(model, model, **QUICK)
    np.testing.assert_array_equal(result["p_value"], 1.0)


@pytest.mark.parametrize("chunks", [{"unit": 7}, {"image": 9}, {"unit": 7, "image": 9}], ids=str)
@pytest.mark.parametrize("how", ["at large", "on these images", "averages"])
def test_a_network_in_chunks_is_compared_as_in_memory(pair, chunks, how):
    try:
        import dask
    except ImportError:
        missing("the extra 'dask'")
    brain = pair[1].isel(image=slice(20))
    brain = brain.mean("trial", keep_attrs=True) if how == "averages" else brain
    model = pair[0].assign_coords(image=[f"other {i}" for i in range(pair[0].sizes["image"])])
    more = QUICK | ({"resample": "unit"} if how == "on these images" else {})
    left = []

    def noting(graph, keys, **arguments):
        found = dask.get(graph, keys, **arguments)
        left.extend(np.shape(sums)[1] for result in found for sums in result if np.ndim(sums) == 3)
        return found

    with warnings.catch_warnings(), dask.config.set(scheduler=noting):
        warnings.filterwarnings("ignore", "the recording has no trials")
        found, expected = (compare(of, brain, **more) for of in (model.chunk(chunks), model))
    xr.testing.assert_allclose(found, expected, rtol=1e-9)
    assert set(left) == (set() if how == "averages" else {20})  # no image that was not drawn


def test_matched_responses_are_a_recording_of_the_model(pair):
    model, brain = pair
    seen = validate(matched_responses(model, brain, rng=0))
    assert seen["unit"].values.tolist() == model["unit"].values.tolist()
    assert seen.attrs["units"] == "spikes/s"
    assert seen.sizes["image"] == brain.sizes["image"]
    n = [np.isfinite(array.values).sum(-1) for array in (seen, brain)]
    assert np.median(n[0]) == np.median(n[1])
    with pytest.raises(InputError, match="must have a 'trial' dim"):
        matched_responses(model, brain.mean("trial", keep_attrs=True))
    with pytest.raises(InputError, match="no recorded unit has two images"):
        matched_responses(model, spoilt(brain, "never at the reference"))
