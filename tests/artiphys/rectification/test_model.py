"""The fit of the rectified-Gaussian model: recovery, intervals, misfit, and what it refuses."""

import re
import warnings

import numpy as np
import pytest
import xarray as xr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.rectification.model import RectificationModel
from artiphys.rectification.moments import rectified_moments
from rectification_recovery import SIGMA, measured


@pytest.mark.parametrize(("rho", "seed"), [(0.4, 0), (0.7, 1), (0.9, 2)])
def test_200_units_and_500_images_give_both_parameters_within_5_percent(rho, seed):
    rng = np.random.default_rng(seed)
    m = rng.normal(0, 1, 200)
    variance, invariance = measured(m, rho, 500, rng)
    model = RectificationModel(n_images=500, n_resamples=0).fit(variance, invariance)
    assert model.rho_ == pytest.approx(rho, rel=0.05)
    assert model.sigma_ == pytest.approx(SIGMA, rel=0.05)
    lower, upper = model.interval_.sel(ci_bound="lower"), model.interval_.sel(ci_bound="upper")
    assert lower["rho"] < rho < upper["rho"]
    assert lower["sigma"] < SIGMA < upper["sigma"]
    shared = model.population_
    assert (shared["weight"] * shared["mean"]).sum() == pytest.approx(0, abs=0.25)
    deviate = ((model.mu_over_sigma_ - m) / model.mu_over_sigma_error_).values
    assert np.std(deviate[np.abs(m) < 1.5]) == pytest.approx(1, abs=0.25)


def test_another_relation_is_not_taken_for_the_truth():
    """The negative control: the fit follows the data, and its intervals leave the old truth out."""
    rng = np.random.default_rng(3)
    variance, invariance = measured(rng.normal(0, 1, 200), 0.7, 500, rng)
    other = np.sqrt(np.clip(invariance, 0, None))
    model = RectificationModel(n_images=500, n_resamples=0).fit(variance, other)
    assert not model.interval_["rho"][0] < 0.7 < model.interval_["rho"][1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:. of 200 units left out")
@pytest.mark.parametrize("population", ["normal", "uniform"])
def test_intervals_cover(population):
    rng = np.random.default_rng(4)
    held = []
    for _ in range(60):
        m = rng.normal(0, 1, 200) if population == "normal" else rng.uniform(-2, 2, 200)
        variance, invariance = measured(m, 0.7, 500, rng)
        model = RectificationModel(n_images=500, n_resamples=0).fit(variance, invariance)
        bounds = model.interval_
        held.append(
            [
                bounds["rho"][0] <= 0.7 <= bounds["rho"][1],
                bounds["sigma"][0] <= SIGMA <= bounds["sigma"][1],
            ]
        )
    # 54 of 60 or more, with a probability of 0.98 where intervals cover 95 %.
    assert (np.sum(held, axis=0) >= 53).all()


def test_predictions_lie_on_the_curve():
    rng = np.random.default_rng(5)
    model = RectificationModel(n_images=500, n_resamples=0)
    variance, invariance = measured(rng.normal(0, 1, 100), 0.6, 500, rng)
    model.fit(variance, invariance)
    m = np.linspace(-3, 6, 19)
    truth = rectified_moments(m, m, 1, 1, model.rho_)
    predicted = model.predict(model.sigma_**2 * truth.var1)
    np.testing.assert_allclose(predicted, truth.corr, atol=1e-4)
    ends = model.predict([0.0, 5 * model.sigma_**2, np.nan])
    np.testing.assert_allclose(ends, [0, model.rho_, np.nan])


def test_parameters_do_not_hang_on_units_of_response():
    rng = np.random.default_rng(6)
    variance, invariance = measured(rng.normal(0, 1, 80), 0.7, 500, rng)
    one = RectificationModel(n_images=500, n_resamples=0).fit(variance, invariance)
    other = RectificationModel(n_images=500, n_resamples=0).fit(100 * variance, invariance)
    assert other.rho_ == pytest.approx(one.rho_, abs=2e-3)
    assert other.sigma_ == pytest.approx(10 * one.sigma_, rel=1e-2)
    shuffled = rng.permutation(80)
    order = RectificationModel(n_images=500, n_resamples=0)
    order.fit(variance[shuffled], invariance[shuffled])
    assert order.rho_ == pytest.approx(one.rho_, abs=1e-3)


def test_labels_are_kept_and_units_without_values_left_out():
    rng = np.random.default_rng(7)
    variance, invariance = measured(rng.normal(0, 1, 60), 0.7, 500, rng)
    names = [f"net/conv2/{i}" for i in range(60)]
    coords = {"unit": names, "area": ("unit", ["conv2"] * 60)}
    dynamic_range = xr.DataArray(variance, coords=coords, dims="unit", attrs={"units": "(a.u.)²"})
    shift = xr.DataArray(invariance, coords=coords, dims="unit")
    dynamic_range[3], shift[5] = 0.0, np.nan
    model = RectificationModel(n_images=500, n_resamples=0).fit(dynamic_range, shift)
    assert (model.n_units_, model.n_left_out_) == (58, 2)
    assert model.mu_over_sigma_.dims == ("unit",)
    assert list(model.mu_over_sigma_["unit"].values) == names
    assert np.isnan(model.mu_over_sigma_[[3, 5]]).all()
    assert set(model.residuals_) == {"fisher_z", "distance"}
    assert model.residuals_["area"].dims == ("unit",)
    predicted = model.predict(dynamic_range)
    assert list(predicted["unit"].values) == names
    residual = (np.arctanh(shift) - np.arctanh(predicted)).where(dynamic_range > 0)
    np.testing.assert_allclose(
        model.residuals_["fisher_z"].dropna("unit"), residual.dropna("unit"), atol=1e-12
    )


def test_goodness_of_fit_tells_units_of_one_kind_from_a_mixture():
    rng = np.random.default_rng(8)
    m = rng.normal(0, 1, 150)
    alike = RectificationModel(n_images=500, n_resamples=40, rng=0).fit(*measured(m, 0.7, 500, rng))
    assert alike.goodness_of_fit_.p_value > 0.05
    assert alike.goodness_of_fit_.chi_square < 2 * alike.goodness_of_fit_.dof
    assert alike.n_images_effective_ > 300
    assert alike.rho_scatter_ == 0
    mixed = RectificationModel(n_images=500, n_resamples=40, rng=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArtiphysWarning)
        mixed.fit(*measured(m, np.clip(rng.normal(0.7, 0.1, 150), 0, 0.95), 500, rng))
    assert mixed.goodness_of_fit_.p_value <= 0.05
    assert mixed.n_images_effective_ < 150
    assert mixed.rho_scatter_ == pytest.approx(0.2, rel=0.3)


def of_several_rho(seed, n_images):
    rng = np.random.default_rng(seed)
    m, rho = rng.normal(0, 1, 100), np.clip(rng.normal(0.7, 0.1, 100), 0, 0.95)
    return measured(m, rho, n_images, rng)


def assert_estimates_near(model, rho, sigma):
    assert model.rho_ == pytest.approx(rho, rel=0.1)
    assert model.sigma_ == pytest.approx(sigma, rel=0.15)


@pytest.mark.filterwarnings("ignore::artiphys.errors.ArtiphysWarning")
@pytest.mark.parametrize("n_images", [None, 500])
@pytest.mark.parametrize("seed", [4, 5, 9])
def test_units_that_differ_in_rho_do_not_carry_the_estimates_away(seed, n_images):
    model = RectificationModel(n_images=n_images, n_resamples=0)
    assert_estimates_near(model.fit(*of_several_rho(seed, 500)), 0.7, SIGMA)
    assert model.interval_["sigma"][0] < SIGMA < model.interval_["sigma"][1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::artiphys.errors.ArtiphysWarning")
@pytest.mark.parametrize("n_images", [500, 5000])
def test_none_of_30_populations_that_differ_in_rho_runs_away(n_images):
    for seed in range(30):
        model = RectificationModel(n_images=n_images, n_resamples=0)
        assert_estimates_near(model.fit(*of_several_rho(seed, n_images)), 0.7, SIGMA)


@pytest.mark.parametrize("n_images", [None, 500])
def test_a_unit_far_off_the_curve_moves_nothing(n_images):
    rng = np.random.default_rng(19)
    variance, invariance = measured(rng.normal(0, 1, 200), 0.7, 500, rng)
    model = RectificationModel(n_images=n_images, n_resamples=0)
    sigma = model.fit(variance, invariance).sigma_
    invariance[variance.argmin()] = 0.9999
    assert model.fit(variance, invariance).sigma_ == pytest.approx(sigma, rel=0.01)
    assert model.residuals_["distance"].max() > 5


def test_without_the_number_of_images_the_scatter_says_it():
    rng = np.random.default_rng(9)
    model = RectificationModel().fit(*measured(rng.normal(0.5, 1, 200).clip(-1.5), 0.7, 300, rng))
    assert model.n_images_effective_ == pytest.approx(300, rel=0.35)
    assert model.rho_ == pytest.approx(0.7, rel=0.05)
    assert np.isnan(model.goodness_of_fit_.p_value)


def test_the_power_law_stands_beside_it():
    rng = np.random.default_rng(10)
    variance, invariance = measured(rng.uniform(-1, 2, 150), 0.7, 500, rng)
    model = RectificationModel(n_images=500, n_resamples=0).fit(variance, invariance)
    a, b = model.power_law_
    approximation = np.tanh(a * variance**b)
    np.testing.assert_allclose(approximation, model.predict(variance), atol=0.05)
    assert model.power_law_error_.b < 0.1 * b


def test_summary_has_the_scalars():
    rng = np.random.default_rng(11)
    model = RectificationModel(n_images=500, n_resamples=0)
    summary = model.fit(*measured(rng.normal(0, 1, 60), 0.7, 500, rng)).summary()
    assert summary["rho"].item() == model.rho_
    assert summary["sigma_interval"].dims == ("ci_bound",)
    assert summary["n_units"].item() == 60
    assert summary["chi_square"].item() == model.goodness_of_fit_.chi_square


def test_conventions_of_scikit_learn():
    model = RectificationModel(n_images=100, rng=3)
    assert model.get_params() == {"n_images": 100, "level": 0.95, "n_resamples": 200, "rng": 3}
    copy = clone(model)
    assert copy is not model
    assert copy.get_params() == model.get_params()
    assert copy.set_params(level=0.8) is copy
    assert copy.level == 0.8
    with pytest.raises(InputError, match="'images' is no parameter of RectificationModel"):
        copy.set_params(images=3)
    assert repr(model) == "RectificationModel(n_images=100, level=0.95, n_resamples=200, rng=3)"


def test_scikit_learn_is_told_whether_the_model_is_fitted(data):
    model = RectificationModel(n_resamples=0)
    with pytest.raises(NotFittedError, match="This RectificationModel instance is not fitted yet"):
        check_is_fitted(model)
    check_is_fitted(model.fit(*data))


def test_a_refused_fit_leaves_nothing_of_the_one_before(data):
    model = RectificationModel(n_resamples=0).fit(*data)
    with pytest.raises(InputError, match="cannot be identified by 2 units"):
        model.fit([1.0, 2.0], [0.1, 0.2])
    assert [name for name in vars(model) if name.endswith("_")] == []
    with pytest.raises(InputError, match="the model is not fitted yet: call fit"):
        model.predict([1.0])


def test_invariances_of_several_positions_are_refused(data):
    variance, invariance = data
    several = xr.DataArray(np.column_stack([invariance] * 2), dims=("unit", "position"))
    with pytest.raises(InputError, match=r"the dim 'unit' alone; got \('unit', 'position'\)"):
        RectificationModel().fit(variance, several)


def test_other_units_are_refused(data):
    variance, invariance = (xr.DataArray(values, dims="unit") for values in data)
    variance = variance.assign_coords(unit=[f"a{i}" for i in range(40)])
    invariance = invariance.assign_coords(unit=[f"b{i}" for i in range(40)])
    with pytest.raises(InputError, match="must be of the same units in one order"):
        RectificationModel().fit(variance, invariance)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"n_images": 2}, "n_images must be at least 4, or None where unknown; got 2"),
        ({"level": 1.5}, r"level must lie in \(0, 1\); got 1.5"),
        ({"n_resamples": -1}, "n_resamples must be at least 0; got -1"),
    ],
)
def test_parameters_are_checked(data, parameters, match):
    with pytest.raises(InputError, match=match):
        RectificationModel(**parameters).fit(*data)


def test_it_has_to_be_fitted_first():
    with pytest.raises(InputError, match="not fitted yet: .* before predict"):
        RectificationModel().predict([1.0])
    with pytest.raises(InputError, match="not fitted yet: .* before summary"):
        RectificationModel().summary()


@pytest.mark.parametrize(
    ("draw", "n_images"),
    [
        (lambda rng: 1 - rng.exponential(1, 200), 500),
        (lambda rng: rng.uniform(-1.5, 0, 100), None),
        (lambda rng: rng.normal(-1, 0.5, 100), None),
    ],
)
def test_intervals_reach_the_truth_where_the_population_stops_short_of_the_end(draw, n_images):
    rng = np.random.default_rng(21)
    held = 0
    for _ in range(15):
        variance, invariance = measured(draw(rng), 0.7, 500, rng)
        model = RectificationModel(n_images=n_images, n_resamples=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ArtiphysWarning)
            bounds = model.fit(variance, invariance).interval_["sigma"]
        held += bounds[0] < SIGMA < bounds[1]
    assert held >= 12


def test_scatter_that_images_do_not_explain_is_said():
    rng = np.random.default_rng(17)
    variance, invariance = measured(rng.normal(0, 1, 100), rng.uniform(0.4, 0.9, 100), 500, rng)
    with pytest.warns(ArtiphysWarning) as record:
        RectificationModel(n_images=500, n_resamples=0).fit(variance, invariance)
    told = " ".join(str(w.message) for w in record)
    assert re.search(r"as if there were \d+ images, not 500: they differ in rho or sigma", told)


PLACES = {
    "normal": np.random.default_rng(1).normal(0, 1, 200),
    "beyond the end": np.linspace(-2, 6, 40),
    "below threshold": np.linspace(-2, -0.5, 50),
    "far below": np.linspace(-3, -1.5, 50),
    "three": np.array([-1.0, 0.0, 1.0]),
}


@pytest.mark.parametrize("sigma", [1e-3, 2.0, 500.0])
@pytest.mark.parametrize("rho", [0.3, 0.8, 0.97])
@pytest.mark.parametrize("m", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("n_images", [None, 500])
def test_units_exactly_on_a_curve_give_its_parameters(m, rho, sigma, n_images):
    truth = rectified_moments(sigma * m, sigma * m, sigma, sigma, rho)
    model = RectificationModel(n_images=n_images, n_resamples=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "invariance does not rise .* beyond chance")
        model.fit(truth.var1, truth.corr)
    assert model.rho_ == pytest.approx(rho, rel=1e-3)
    assert model.sigma_ == pytest.approx(sigma, rel=1e-3)
    within = m < 3  # beyond, hardly anything is cut off
    np.testing.assert_allclose(model.mu_over_sigma_.values[within], m[within], atol=0.01)
    np.testing.assert_allclose(model.predict(truth.var1), truth.corr, atol=1e-5)
