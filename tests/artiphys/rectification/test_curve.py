"""The relation of variance and invariance of one rectified input, and its power law."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

from artiphys.errors import InputError
from artiphys.rectification.curve import power_law, rectified_quadrants, single_input_relation
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


@given(a=st.floats(0.1, 2), b=st.floats(-2, 3), scale=st.floats(1e-3, 1e3))
def test_power_law_is_recovered_exactly(a, b, scale):
    relative = np.array([0.3, 0.5, 0.9, 1.0, 1.2])
    a_here = a * scale**-b
    fit = power_law(scale * relative, np.tanh(a * relative**b))
    assert fit.b == pytest.approx(b, abs=1e-5)
    assert fit.a == pytest.approx(a_here, rel=1e-4)


def test_power_law_matches_scipy_and_its_errors_hold():
    rng = np.random.default_rng(0)
    fits, errors = [], []
    for _ in range(300):
        v = rng.uniform(0.2, 4, 80)
        z = 0.7 * v**0.3 + rng.normal(0, 0.05, 80)
        fit = power_law(v, np.tanh(z))
        fits.append(fit[:2])
        errors.append([fit.error_a, fit.error_b])
    expected, _ = scipy.optimize.curve_fit(lambda v, a, b: a * v**b, v, z, p0=(1, 0.5))
    np.testing.assert_allclose(fits[-1], expected, rtol=1e-4)
    np.testing.assert_allclose(np.mean(fits, axis=0), [0.7, 0.3], atol=0.003)
    np.testing.assert_allclose(np.std(fits, axis=0), np.mean(errors, axis=0), rtol=0.15)


@pytest.mark.parametrize(
    ("variance", "invariance", "match"),
    [
        ([1.0, 2.0], [0.1, 0.2], r"of 3 units or more; got shapes \(2,\) and \(2,\)"),
        ([1.0, 2.0, 3.0], [0.1, 0.2], r"got shapes \(3,\) and \(2,\)"),
        ([1.0, 2.0, 0.0], [0.1, 0.2, 0.3], "variance must be above 0 and invariance within"),
        ([1.0, 2.0, 3.0], [0.1, 0.2, 1.0], r"invariance within \(-1, 1\)"),
        (["a", "b", "c"], [0.1, 0.2, 0.3], "variance must be real numbers; got dtype <U1"),
        ([1.0, 2.0, 3.0], [0.1, 0.2, None], "invariance must be real numbers; got dtype object"),
        ([2.0, 2.0, 2.0], [0.1, 0.2, 0.3], "variance must differ between units .* all 3 are 2"),
    ],
)
def test_power_law_refuses(variance, invariance, match):
    with pytest.raises(InputError, match=match):
        power_law(variance, invariance)


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
