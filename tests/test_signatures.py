"""The signature against its parts, and its intervals against a loop."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from artiphys.errors import InputError
from artiphys.estimators import dynamic_range, invariance
from artiphys.rank_correlation import spearman
from artiphys.signatures import signature


def population(seed, n_unit=40, n_image=60, relation=1.0):
    """Units whose common share of the response grows, or not, with their scale."""
    rng = np.random.default_rng(seed)
    scale = rng.lognormal(size=(n_unit, 1, 1))
    share = relation * np.log(scale) + rng.normal(size=scale.shape)
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
    spread, carried = dynamic_range(responses), invariance(responses)
    for area in ("V4", "IT"):
        members = responses["area"].values == area
        for position in (1, 2):
            cell = result.sel(area=area, position=position)
            y = carried.sel(position=position)[members]
            assert cell["spearman"] == stats.spearmanr(spread[members], y).statistic
            assert cell["n_units"] == members.sum()
            alone = spearman(spread[members], y, n_resamples=300, rng=cell_seed(3))
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
    expected = np.quantile(loop, [0.025, 0.975])
    np.testing.assert_allclose(result["interval"].sel(position=1)[0], expected, atol=0.07)
    assert (result["spearman"] == signature(responses, n_resamples=9, rng=0)["spearman"]).all()


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
    ("arguments", "fault"),
    [
        ({"by": "layer"}, "one of \\['unit', 'area', 'source'\\]; got 'layer'"),
        ({"resample": ("trial",)}, "resample must be one of"),
        ({"level": 1}, "level must lie between 0 and 1"),
        ({"reference": 5}, "5 is not among the positions"),
    ],
)
def test_bad_input(responses, arguments, fault):
    with pytest.raises(InputError, match=fault):
        signature(responses, **arguments)
