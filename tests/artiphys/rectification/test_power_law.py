"""The power law of Fisher's z against variance: recovery, errors, refusals."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

from artiphys.errors import InputError
from artiphys.rectification.power_law import power_law


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


def test_errors_are_the_sandwich_of_a_regression():
    """At the optimum they are White's errors of the regression that linearises the law."""
    from statsmodels.api import OLS

    rng = np.random.default_rng(1)
    v = rng.uniform(0.2, 4, 60)
    z = np.arctanh(np.tanh(0.7 * v**0.3 + rng.normal(0, 0.05 * v, 60)))
    fit = power_law(v, np.tanh(z))
    power = v**fit.b
    jacobian = np.column_stack([power, fit.a * power * np.log(v)])
    linear = OLS(z - fit.a * power, jacobian).fit(cov_type="HC1")
    np.testing.assert_allclose([fit.error_a, fit.error_b], linear.bse, rtol=1e-5)
    # Which is not what errors of one size would give.
    assert np.abs(linear.bse / OLS(z - fit.a * power, jacobian).fit().bse - 1).max() > 0.1
