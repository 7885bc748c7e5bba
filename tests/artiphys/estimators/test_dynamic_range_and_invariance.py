"""Dynamic range and invariance: labels, noise, references, and what is refused."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from artiphys.errors import InputError
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.halves import first_half
from artiphys.estimators.invariance import invariance


def test_labels_and_attrs(make_responses):
    responses = make_responses(np.random.default_rng(0).normal(size=(4, 9, 3)))
    spread, carried = dynamic_range(responses), invariance(responses)
    assert spread.dims == ("unit",)
    assert carried.dims == ("unit", "position")
    assert carried["position"].values.tolist() == [1, 2]
    assert {"area", "source"} <= set(spread.coords)
    assert {"area", "source", "x", "y"} <= set(carried.coords)
    assert spread.attrs["units"] == "(a.u.)²"
    assert spread.attrs["reference"] == carried.attrs["reference"] == 0
    other = invariance(responses, reference=2)
    assert other["position"].values.tolist() == [0, 1]
    np.testing.assert_allclose(other.sel(position=0), carried.sel(position=2), rtol=1e-12)


@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100), shift=st.floats(-100, 100))
@settings(max_examples=20, deadline=None)
def test_scale_shift_order_of_images_and_of_dims(seed, scale, shift):
    rng = np.random.default_rng(seed)
    responses = xr.DataArray(
        rng.normal(size=(3, 10, 2)),
        dims=("unit", "image", "position"),
        coords={"position": ["middle", "left"]},
        attrs={"reference": "middle"},
    )
    changed = (scale * responses + shift).assign_attrs(responses.attrs)
    changed = changed.isel(image=rng.permutation(10)).transpose("position", "unit", "image")
    np.testing.assert_allclose(
        dynamic_range(changed), scale**2 * dynamic_range(responses), rtol=1e-9
    )
    np.testing.assert_allclose(invariance(changed), invariance(responses), rtol=1e-8, atol=1e-10)


def test_what_is_undefined_is_nan_and_counted(make_responses):
    values = np.random.default_rng(0).normal(size=(5, 8, 2))
    values[0, :, :] = 0.1  # constant: its variance is 0, its invariance undefined
    values[1, :, 1] = 0.3  # constant away from the reference
    values[2] = np.nan
    values[3, 2:, 0] = np.nan  # two images at the reference
    responses = make_responses(values)
    spread, carried = dynamic_range(responses), invariance(responses)
    assert spread[0] == 0
    assert np.isnan(spread.values).tolist() == [False, False, True, False, False]
    assert np.isnan(carried.values[:, 0]).tolist() == [True, True, True, True, False]
    assert (spread.attrs["n_undefined"], carried.attrs["n_undefined"]) == (1, 4)


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (lambda r: invariance(r.isel(position=[0])), "at least 2 values to measure invariance"),
        (lambda r: dynamic_range(r, reference=9), "9 is not among the positions"),
        (lambda r: dynamic_range(r, noise="none"), "noise must be None, 'auto'"),
        (lambda r: invariance(r, noise="corrected"), "must have a 'trial' dim"),
        (lambda r: dynamic_range(r.rename(image="frame")), "must have the dims"),
        (lambda r: dynamic_range(r.values), "must be an xarray.DataArray; got ndarray"),
    ],
)
def test_bad_input(make_responses, call, fault):
    with pytest.raises(InputError, match=fault):
        call(make_responses(np.random.default_rng(0).normal(size=(2, 5, 2))))


def test_corrected_is_the_formula_of_pospisil_and_bair(make_responses):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, 12, 3, 1)) + rng.normal(size=(5, 12, 3, 4))
    responses = make_responses(values)
    mean, noise = values.mean(3), values.var(3, ddof=1).mean(1) / 4
    signal = mean.var(1, ddof=1) - noise
    np.testing.assert_allclose(dynamic_range(responses, noise="corrected"), signal[:, 0])
    covariance = [np.cov(m[:, 0], m[:, 2])[0, 1] for m in mean]
    with np.errstate(invalid="ignore"):
        expected = covariance / np.sqrt(signal[:, 0] * signal[:, 2])
    found = invariance(responses, noise="corrected").sel(position=2)
    np.testing.assert_allclose(found, np.where(signal[:, [0, 2]].min(1) > 0, expected, np.nan))


def test_estimates_out_of_range_are_kept_and_counted(make_responses):
    rng = np.random.default_rng(1)
    values = 0.3 * rng.normal(size=(200, 10, 1, 1)) + rng.normal(size=(200, 10, 2, 3))
    responses = make_responses(values)
    spread = dynamic_range(responses, noise="corrected")
    carried = invariance(responses, noise="corrected")
    assert spread.attrs["n_negative"] == int((spread < 0).sum()) > 0
    assert carried.attrs["n_out_of_range"] == int((abs(carried) > 1).sum()) > 0
    assert carried.attrs["n_undefined"] == int(carried.isnull().sum()) > 0


def test_split_takes_the_two_from_trials_that_are_disjoint(make_responses):
    """Trials of one half are changed: only one of the two quantities may see it."""
    rng = np.random.default_rng(2)
    values = 3 * rng.normal(size=(6, 20, 1, 1)) + rng.normal(size=(6, 20, 2, 6))
    first = first_half(np.ones(values.shape, dtype=bool), 0)
    other = make_responses(np.where(first, values, values + 0.1 * rng.normal(size=values.shape)))
    own = make_responses(np.where(first, values + 0.1 * rng.normal(size=values.shape), values))
    responses = make_responses(values)
    spread = dynamic_range(responses, noise="split")
    assert (dynamic_range(other, noise="split") == spread).all()
    assert (dynamic_range(own, noise="split") != spread).all()
    assert (invariance(other, noise="split") != invariance(responses, noise="split")).all()
    # All the trials serve the bias of the ratio, which is small: the estimate itself does not move.
    np.testing.assert_allclose(
        invariance(own, noise="split"), invariance(responses, noise="split"), rtol=1e-3
    )


def test_auto_is_as_measured_without_trials_and_split_with_them(make_responses):
    responses = make_responses(np.random.default_rng(3).normal(size=(4, 9, 2, 5)))
    assert dynamic_range(responses).identical(dynamic_range(responses, noise="split"))
    averages = responses.mean("trial", keep_attrs=True)
    assert dynamic_range(averages).identical(dynamic_range(averages, noise=None))
    np.testing.assert_allclose(
        dynamic_range(responses, noise=None), dynamic_range(averages), rtol=1e-12
    )


def test_units_too_noisy_for_split_are_nan_and_counted(make_responses):
    rng = np.random.default_rng(4)
    values = rng.normal(size=(2, 30, 1, 1)) + rng.normal(size=(2, 30, 2, 6))
    values[1] = rng.normal(size=(30, 2, 6))
    carried = invariance(make_responses(values), noise="split")
    assert np.isnan(carried.values[:, 0]).tolist() == [False, True]
    assert carried.attrs["n_too_noisy"] == 1


def test_the_best_reference_is_where_the_unit_answers_most(make_responses):
    rng = np.random.default_rng(5)
    gain = np.array([[1.0, 3.0, 1.0], [1.0, 1.0, 4.0]])[:, None, :, None]
    values = gain * (5 + rng.normal(size=(2, 25, 1, 1))) + 0.1 * rng.normal(size=(2, 25, 3, 6))
    responses = make_responses(values)
    spread = dynamic_range(responses, reference="best", noise="corrected")
    assert spread["reference"].values.tolist() == ["1", "2"]
    assert spread.attrs["reference"] == "best"
    for unit, at in enumerate((1, 2)):
        known = dynamic_range(responses, reference=at, noise="corrected")[unit]
        assert float(spread[unit]) == pytest.approx(float(known), rel=0.1)
    carried = invariance(responses, reference="best", noise="corrected")
    assert carried.sizes["position"] == 3
    assert np.isnan(carried.values).tolist() == [[False, True, False], [False, False, True]]


def test_choosing_the_best_position_does_not_bias_the_estimate(make_responses):
    """All positions are alike: the chosen one is no more variable than any other."""
    rng = np.random.default_rng(6)
    responses = make_responses(rng.poisson(3.0, size=(1500, 8, 6, 6)).astype(float))
    fair = dynamic_range(responses, reference="best", noise="corrected")
    assert float(fair.mean()) == pytest.approx(0, abs=0.03)
    # The control: chosen on the same trials, the mean response is too large.
    values = responses.values
    chosen = values.mean((1, 3)).max(1)
    assert chosen.mean() > 3.2


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (lambda r: dynamic_range(r.isel(trial=[0])), "no cell has 2 trials"),
        (lambda r: dynamic_range(r, reference="best"), "needs cells of at least 3 trials"),
        (
            lambda r: dynamic_range(r.mean("trial"), reference="best"),
            "chooses on trials of its own; got averages",
        ),
    ],
)
def test_too_few_trials(make_responses, call, fault):
    with pytest.raises(InputError, match=fault):
        call(make_responses(np.random.default_rng(0).normal(size=(2, 5, 2, 2))))
