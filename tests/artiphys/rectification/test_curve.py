"""The relation of variance and invariance of one rectified input, and units exactly on it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artiphys.errors import InputError
from artiphys.rectification.curve import (
    exact_curve,
    rectified_quadrants,
    single_input_relation,
)
from artiphys.rectification.moments import rectified_moments


def test_relation_is_the_moments():
    relation = single_input_relation([0.3, 0.8], sigma=2.0, mu_over_sigma=[-1.0, 0.0, 1.0])
    moments = rectified_moments(-2.0, -2.0, 2.0, 2.0, 0.8)
    here = relation.sel(rho=0.8, mu_over_sigma=-1.0)
    assert here["variance"].item() == pytest.approx(moments.var1)
    assert here["correlation"].item() == pytest.approx(moments.corr)
    assert here["fisher_z"].item() == pytest.approx(np.arctanh(moments.corr))


@given(rho=st.floats(0.05, 0.98))
def test_variance_and_correlation_rise_together(rho):
    relation = single_input_relation(rho).isel(rho=0)
    assert (relation["variance"].diff("mu_over_sigma") > 0).all()
    assert (relation["correlation"].diff("mu_over_sigma") > 0).all()
    assert (relation["correlation"] < rho).all()


def test_power_law_is_a_good_approximation():
    relation = single_input_relation(np.linspace(0.05, 0.98, 30))
    assert (relation["r_squared"] > 0.985).all()
    assert (relation["largest_error"] < 0.025).all()
    # Which is no rule of nature: over a wide enough stretch the curve bends.
    wide = single_input_relation(0.5, mu_over_sigma=np.linspace(-6, 6, 121)).isel(rho=0)
    assert (wide["power_law"] / wide["fisher_z"]).max() > 3


@pytest.mark.parametrize("rho", [0.0, 1.0, -0.5, np.nan])
def test_relation_refuses_correlations_without_a_rise(rho):
    with pytest.raises(InputError, match=r"rho must lie in \(0, 1\)"):
        single_input_relation(rho)


def test_relation_refuses_no_scale():
    with pytest.raises(InputError, match="sigma must be above 0; got 0"):
        single_input_relation(0.5, sigma=0)


@given(mu_over_sigma=st.floats(-2, 2), rho=st.floats(-0.95, 0.95))
def test_quadrants_hold_everything(mu_over_sigma, rho):
    quadrants = rectified_quadrants(mu_over_sigma, rho)
    probability = quadrants["probability"]
    assert probability.sum() == pytest.approx(1)
    assert probability.min() >= -1e-12
    assert (quadrants["density"] >= 0).all()
    step = 8 / 160
    x = quadrants["reference"].values
    above = (x > 0)[:, np.newaxis] & (x > 0)
    summed = (quadrants["density"].values * above).sum() * step**2
    assert summed == pytest.approx(probability.sel(quadrant="both").item(), abs=0.06)
    on_axis = quadrants["axis_density"].values
    assert (on_axis[x <= 0] == 0).all()
    expected = probability.sel(quadrant="reference").item()
    assert on_axis.sum() * step == pytest.approx(expected, abs=0.02)


def test_quadrants_refuse_a_line():
    with pytest.raises(InputError, match=r"rho must lie in \(-1, 1\) for a density; got 1"):
        rectified_quadrants(0.0, 1.0)


def test_units_nearly_on_a_curve_are_left_to_the_likelihood():
    rng = np.random.default_rng(5)
    m = rng.normal(0, 1, 100)
    truth = rectified_moments(m, m, 1, 1, 0.8)
    z = np.arctanh(truth.corr)
    assert exact_curve(np.log(truth.var1), z) is not None
    assert exact_curve(np.log(truth.var1), z + 1e-3 * rng.normal(size=m.size)) is None
    other_curve = np.sort(z)[np.argsort(np.argsort(truth.var1))] ** 2
    assert exact_curve(np.log(truth.var1), other_curve) is None
