"""What cannot identify the model is refused, and what hardly can is warned of."""

import warnings

import numpy as np
import pytest

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.rectification.model import RectificationModel
from rectification_recovery import measured


def constant(values):
    return np.full_like(values, 0.5)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda v, r: (v[:2], r[:2]), "cannot be identified by 2 units: 2 have as many numbers"),
        (
            lambda v, r: (np.repeat([0.5, 1.0], 30), np.repeat([0.3, 0.5], 30)),
            "cannot be identified by 2 distinct units, repeated to 60; 3 at least",
        ),
        (lambda v, r: (v * np.nan, r), "cannot be identified by 0 units"),
        (lambda v, r: (constant(v), r), "cannot be identified by a constant dynamic_range"),
        (lambda v, r: (v, constant(r)), "cannot be identified by a constant invariance: all 40"),
        (lambda v, r: (-v, r), "dynamic_range must not be negative; 40 of 40 are"),
        (lambda v, r: (v - np.sort(v)[1], r), "dynamic_range must not be negative; 1 of 40"),
        (lambda v, r: (v, -r), "every invariance is negative or 0"),
        (lambda v, r: (v, -r + 1), r"here it does not \(Spearman's r_s = -0\.\d\d over 40 units\)"),
        (lambda v, r: (v, r[:3]), "must be as long; got 40 and 3"),
        (lambda v, r: (v[:, np.newaxis], r), r"dynamic_range must be one value a unit, \(unit\)"),
    ],
)
def test_data_that_cannot_identify_it_are_refused(data, change, match):
    with pytest.raises(InputError, match=match):
        RectificationModel(n_images=500).fit(*change(*data))


def test_correlations_beyond_1_are_left_out_and_said(data):
    variance, invariance = data
    invariance[[0, 1]] = 1.02, 1 - 4e-15  # as np.corrcoef has it where one image drives a unit
    with pytest.warns(ArtiphysWarning, match="2 of 40 units left out: their invariance is ±1"):
        model = RectificationModel(n_images=500, n_resamples=0).fit(variance, invariance)
    assert model.n_left_out_ == 2


def test_a_relation_within_chance_is_said():
    rng = np.random.default_rng(13)
    variance = rng.uniform(0.5, 1, 60)
    z = rng.normal(1, 0.1, 60) + 0.02 * variance
    with pytest.warns(ArtiphysWarning) as record:
        RectificationModel(n_images=500, n_resamples=0).fit(variance, np.tanh(z))
    assert any("does not rise with dynamic range beyond chance" in str(w.message) for w in record)


def test_units_of_one_kind_are_said():
    rng = np.random.default_rng(16)
    variance, invariance = measured(np.zeros(100), 0.7, 500, rng)
    with pytest.warns(ArtiphysWarning) as record:
        RectificationModel(n_images=500, n_resamples=0).fit(variance, invariance)
    assert any("do not differ in mu/sigma beyond sampling" in str(w.message) for w in record)


def test_an_open_sigma_is_said():
    rng = np.random.default_rng(20)
    variance, invariance = measured(rng.normal(-1, 0.3, 30), 0.7, 500, rng)
    with pytest.warns(ArtiphysWarning) as record:
        RectificationModel().fit(variance, invariance)
    told = " ".join(str(w.message) for w in record)
    assert "the data hardly identify sigma: its 95 % interval" in told


def test_units_short_of_the_end_are_said():
    rng = np.random.default_rng(14)
    variance, invariance = measured(rng.normal(-1.5, 0.3, 60), 0.7, 500, rng)
    with pytest.warns(ArtiphysWarning) as record:
        RectificationModel(n_images=500, n_resamples=0).fit(variance, invariance)
    told = " ".join(str(w.message) for w in record)
    assert "hardly any unit (0.0 %) is likely to be above mu/sigma = 1.5" in told


SHORT_OF_THE_END = {
    "normal(-2, 0.3)": lambda rng: rng.normal(-2, 0.3, 100),
    "normal(-1, 0.5)": lambda rng: rng.normal(-1, 0.5, 100),
    "uniform(-1.5, 0)": lambda rng: rng.uniform(-1.5, 0, 100),
    "one place": lambda rng: np.full(100, 0.5),
}


@pytest.mark.parametrize("draw", SHORT_OF_THE_END.values(), ids=SHORT_OF_THE_END)
@pytest.mark.parametrize("seed", range(3))
def test_by_default_units_short_of_the_end_are_said(draw, seed):
    rng = np.random.default_rng(seed)
    variance, invariance = measured(draw(rng), 0.7, 500, rng)
    with pytest.warns(ArtiphysWarning, match="which alone tells sigma|hardly"):
        RectificationModel().fit(variance, invariance)


@pytest.mark.parametrize("seed", range(5))
def test_units_that_reach_the_end_are_not_warned_of(seed):
    rng = np.random.default_rng(seed)
    variance, invariance = measured(rng.normal(0, 1, 200), 0.7, 500, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ArtiphysWarning)
        warnings.filterwarnings("ignore", "1 of 200 units left out")
        RectificationModel(n_images=500, n_resamples=0).fit(variance, invariance)


def test_warnings_point_to_the_call_of_fit():
    rng = np.random.default_rng(14)
    variance, invariance = measured(rng.normal(-1.5, 0.3, 60), 0.7, 500, rng)
    invariance[0] = 1.02
    with pytest.warns(ArtiphysWarning) as record:
        RectificationModel(n_images=500, n_resamples=0).fit(variance, invariance)
    assert len(record) > 1
    assert {warning.filename for warning in record} == {__file__}
