"""Rectified moments against high-precision quadrature, samples, closed forms and invariances."""

import itertools

import mpmath
import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from artiphys.errors import InputError
from artiphys.rectification.moments import rectified_moments

ratios = st.floats(-6, 8)
scales = st.floats(0.01, 100)
correlations = st.one_of(
    st.floats(-1, 1),
    st.floats(1e-12, 0.1).map(lambda d: 1 - d),
    st.floats(1e-12, 0.1).map(lambda d: d - 1),
)


def reference(mu1, mu2, sigma1, sigma2, rho):
    """Return var1, var2 and cov by integrating over S1 the mean of max(0, S2) given S1."""
    with mpmath.workdps(28):
        mu1, mu2, sigma1, sigma2, rho = map(mpmath.mpf, (mu1, mu2, sigma1, sigma2, rho))
        left = sigma2 * mpmath.sqrt(1 - rho**2)

        def mean_above(mu, sigma):
            if sigma == 0:
                return max(mu, mpmath.mpf(0))
            return mu * mpmath.ncdf(mu / sigma) + sigma * mpmath.npdf(mu / sigma)

        def integrand(y):
            given = mu2 + rho * sigma2 * (y - mu1) / sigma1
            return y * mpmath.npdf((y - mu1) / sigma1) / sigma1 * mean_above(given, left)

        middle = max(mu1, mpmath.mpf(0))
        knots = [middle + sigma1 * step for step in (-8, -4, -2, -1, -0.4, 0, 0.4, 1, 2, 4, 8, 15)]
        # Where S2 given S1 crosses 0 the integrand bends, the more sharply the nearer rho is to 1.
        if rho != 0:
            bend = mu1 - mu2 * sigma1 / (rho * sigma2)
            width = 6 * left * sigma1 / (abs(rho) * sigma2)
            knots += [bend - width, bend, bend + width]
        knots = sorted({mpmath.mpf(0), *(knot for knot in knots if knot > 0)})
        product = mpmath.quad(integrand, knots, method="gauss-legendre", maxdegree=4)
        means, variances = [], []
        for mu, sigma in ((mu1, sigma1), (mu2, sigma2)):
            mean = mean_above(mu, sigma)
            square = (mu**2 + sigma**2) * mpmath.ncdf(mu / sigma)
            square += mu * sigma * mpmath.npdf(mu / sigma)
            means.append(mean)
            variances.append(square - mean**2)
        return *(float(value) for value in variances), float(product - means[0] * means[1])


def agrees(mu1, mu2, sigma1, sigma2, rho, *, against=None):
    var1, var2, cov = reference(*(against or (mu1, mu2, sigma1, sigma2, rho)))
    moments = rectified_moments(mu1, mu2, sigma1, sigma2, rho)
    return (
        abs(moments.var1 / var1 - 1) < 1e-9
        and abs(moments.var2 / var2 - 1) < 1e-9
        and abs(moments.cov - cov) < 1e-9 * np.sqrt(var1 * var2)
    )


@pytest.mark.parametrize("rho", [-1, -0.9993, -0.6, 0, 0.3, 0.9, 0.99999, 1])
def test_moments_match_quadrature_on_a_grid(rho):
    for h, k in itertools.combinations_with_replacement((-6, -5.9, -2, 0, 0.1, 8), 2):
        assert agrees(h, k, 1, 1, rho), (h, k)


@settings(max_examples=100, deadline=None)
@given(h=ratios, k=ratios, sigma1=scales, sigma2=scales, rho=correlations)
@example(h=-6.0, k=-5.85, sigma1=1.0, sigma2=1.0, rho=1.0)
@example(h=-6.0, k=8.0, sigma1=1.0, sigma2=1.0, rho=-0.75)
def test_moments_match_quadrature_at_random(h, k, sigma1, sigma2, rho):
    assert agrees(h * sigma1, k * sigma2, sigma1, sigma2, rho)


def test_quadrature_tells_a_wrong_correlation():
    assert not agrees(0.5, 0.2, 1, 1, 0.5, against=(0.5, 0.2, 1, 1, 0.5 + 1e-8))
    assert not agrees(0.5, 0.2, 1, 1, 0.5, against=(0.5, 0.2, 1, 1 + 1e-8, 0.5))


@pytest.mark.parametrize(
    ("h", "k", "rho"),
    [(-6.1, -6.1, 0.3), (-9, -9, 0.97), (-20, -20.5, 0.9999), (-37, -37, 0.5), (-8, 12, 0.6)],
)
def test_correlation_stays_accurate_where_responses_all_but_vanish(h, k, rho):
    with mpmath.workdps(30):
        # Price's theorem, by another rule in another variable than the module's.
        def density(angle):
            s = mpmath.sin(angle)
            power = (mpmath.mpf(h) ** 2 + mpmath.mpf(k) ** 2 - 2 * h * k * s) / 2
            return (rho - s) * mpmath.exp(-power / mpmath.cos(angle) ** 2) / (2 * mpmath.pi)

        end = mpmath.asin(rho)
        knots = [end * (1 - mpmath.mpf(2) ** (-step / 3)) for step in range(42)]
        cov = rho * mpmath.ncdf(h) * mpmath.ncdf(k) + mpmath.quad(density, [*knots, end])
        variances = []
        for m in (mpmath.mpf(h), mpmath.mpf(k)):
            mean = m * mpmath.ncdf(m) + mpmath.npdf(m)
            variances.append(mpmath.ncdf(m) - mean * (mean - m))
        expected = float(cov / mpmath.sqrt(variances[0] * variances[1]))
    moments = rectified_moments(h, k, 1, 1, rho)
    assert moments.corr == pytest.approx(expected, rel=1e-9)
    assert moments.var1 == pytest.approx(float(variances[0]), rel=1e-9)


def test_moments_at_zero_mean_have_a_closed_form():
    rho = np.linspace(-1, 1, 41)
    moments = rectified_moments(0, 0, 2, 3, rho)
    cov = 6 * (np.sqrt(1 - rho**2) + rho * (np.pi / 2 + np.arcsin(rho)) - 1) / (2 * np.pi)
    np.testing.assert_allclose(moments.cov, cov, atol=1e-13)
    np.testing.assert_allclose(moments.mean2, 3 / np.sqrt(2 * np.pi))
    np.testing.assert_allclose(moments.var1, 4 * (0.5 - 1 / (2 * np.pi)))


def test_moments_match_a_simulation():
    rng = np.random.default_rng(0)
    mean, cov = [0.4, -0.8], [[1.0, 1.2], [1.2, 4.0]]
    values = np.maximum(rng.multivariate_normal(mean, cov, size=1_000_000), 0)
    moments = rectified_moments(*mean, 1.0, 2.0, 0.6)
    np.testing.assert_allclose([moments.mean1, moments.mean2], values.mean(axis=0), rtol=0.005)
    expected = [[moments.var1, moments.cov], [moments.cov, moments.var2]]
    np.testing.assert_allclose(expected, np.cov(values.T), rtol=0.02)


@given(h=st.floats(-37, 7), gap=st.floats(1e-3, 3), sigma=scales)
def test_variance_strictly_increases_with_mu_over_sigma(h, gap, sigma):
    moments = rectified_moments(sigma * np.array([h, h + gap]), 0, sigma, 1, 0)
    assert moments.var1[1] > moments.var1[0]


@given(h=st.floats(-37, 6), gap=st.floats(1e-3, 3), rho=st.floats(0.01, 0.99))
def test_correlation_strictly_increases_with_mu_over_sigma(h, gap, rho):
    mu = np.array([h, h + gap])
    moments = rectified_moments(mu, mu, 1, 1, rho)
    assert moments.corr[1] > moments.corr[0]


@pytest.mark.parametrize("alone", [True, False])
def test_both_strictly_increase_all_along_in_steps_of_a_thousandth(alone):
    rng = np.random.default_rng(7)
    mu = np.linspace(-6, 6, 12_001)
    rho = rng.uniform(1e-3, 0.99, size=(20, 1))
    if alone:  # a rule of its own where all pairs share a correlation
        results = [rectified_moments(mu, mu, 1, 1, r) for r in rho]
        variance, corr = (np.array([m[place] for m in results]) for place in (2, 5))
    else:  # in any order, so that neighbours are not worked on side by side
        mu, rho = np.broadcast_arrays(mu, rho)
        order = rng.permutation(mu.size)
        back = np.argsort(order)
        mixed = rectified_moments(mu.ravel()[order], mu.ravel()[order], 1, 1, rho.ravel()[order])
        variance, corr = (values[back].reshape(mu.shape) for values in (mixed.var1, mixed.corr))
    assert np.diff(variance).min() > 0
    assert np.diff(corr).min() > 0


@pytest.mark.parametrize("rho", [1e-3, 0.3, 0.7, 0.99, 1 - 1e-6])
def test_neither_decreases_beyond_what_the_last_digits_hold(rho):
    mu = np.linspace(5, 12, 70_001)
    moments = rectified_moments(mu, mu, 1, 1, rho)
    eps = np.finfo(float).eps
    assert np.diff(moments.var1).min() >= -eps
    # Half a digit each for two deviations, two products, a variance and a quotient, twice.
    assert np.diff(moments.corr).min() >= -6 * eps * rho


@pytest.mark.parametrize("rho", [1e-6, 0.3, 0.9, 0.9999, 1 - 1e-9, 1])
def test_moments_are_finite_and_monotone_far_beyond(rho):
    mu = np.concatenate([-np.logspace(9, 0, 500), np.linspace(-1, 60, 200), np.logspace(2, 9, 50)])
    moments = rectified_moments(mu, mu, 1, 1, rho)
    for values in moments:
        assert np.isfinite(values).all()
    rounding = 6 * np.finfo(float).eps
    assert np.diff(moments.var1).min() > -rounding
    assert np.diff(moments.corr).min() > -rounding
    assert moments.corr[-1] == pytest.approx(rho, rel=1e-12)
    assert moments.corr[0] == (1 if rho == 1 else 0)


@given(h=ratios, k=ratios, rho=correlations)
def test_covariance_has_the_sign_of_rho_and_is_bounded(h, k, rho):
    moments = rectified_moments(h, k, 1, 1, rho)
    assert moments.cov * rho >= 0
    assert abs(moments.corr) <= 1
    assert moments.corr == pytest.approx(moments.cov / np.sqrt(moments.var1 * moments.var2))


@given(h=ratios, k=ratios, sigma1=scales, sigma2=scales, rho=correlations)
def test_moments_are_symmetric_and_scale(h, k, sigma1, sigma2, rho):
    one = rectified_moments(h * sigma1, k * sigma2, sigma1, sigma2, rho)
    other = rectified_moments(k * sigma2, h * sigma1, sigma2, sigma1, rho)
    assert other.cov == pytest.approx(one.cov, rel=1e-9)
    unit = rectified_moments(h, k, 1, 1, rho)
    assert one.mean1 == pytest.approx(sigma1 * unit.mean1)
    assert one.var2 == pytest.approx(sigma2**2 * unit.var2)
    assert one.corr == pytest.approx(unit.corr, abs=1e-9)


def test_limits_are_exact():
    mu = np.array([-3.0, 0.0, 0.7, 5.0])
    none = rectified_moments(mu, 1.3, 1, 2, 0)
    assert (none.cov == 0).all()
    assert (none.corr == 0).all()
    same = rectified_moments(mu, mu, 1, 1, 1)
    assert (same.corr == 1).all()
    np.testing.assert_allclose(same.cov, same.var1, rtol=1e-15)
    still = rectified_moments([2, 0, -2], [2, 0, -2], 0, 0, 0.5)
    np.testing.assert_array_equal(still.mean1, [2, 0, 0])
    np.testing.assert_array_equal(still.var1, 0)
    np.testing.assert_array_equal(still.cov, 0)
    narrow = rectified_moments([2, 0, -2], [2, 0, -2], 1e-8, 1e-8, 0.5)
    np.testing.assert_allclose(still.corr, narrow.corr)
    far = rectified_moments([-np.inf, np.inf], [-np.inf, np.inf], 2, 3, 0.5)
    np.testing.assert_array_equal(far.mean1, [0, np.inf])
    np.testing.assert_array_equal(far.var1, [0, 4])
    np.testing.assert_array_equal(far.cov, [0, 3])
    np.testing.assert_array_equal(far.corr, [0, 0.5])


def test_moments_broadcast_and_keep_nan():
    moments = rectified_moments(np.zeros((3, 1)), np.nan, 1, np.ones(4), 0.5)
    assert moments.cov.shape == (3, 4)
    assert np.isnan(moments.cov).all()
    assert not np.isnan(moments.var1).any()
    assert np.ndim(rectified_moments(0, 0, 1, 1, 0.5).corr) == 0
    assert rectified_moments(np.empty(0), 0, 1, 1, 0.5).corr.shape == (0,)


def test_long_arrays_equal_short_ones():
    rng = np.random.default_rng(1)
    arguments = [*rng.uniform(-7, 8, (2, 300_000)), 1.0, 2.0, rng.uniform(-1, 1, 300_000)]
    long = rectified_moments(*arguments)
    some = slice(123_450, 123_460)
    short = rectified_moments(*(value[some] if np.ndim(value) else value for value in arguments))
    for one, other in zip(long, short, strict=True):
        np.testing.assert_allclose(one[some], other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((0, 0, -1, 1, 0), "sigma1 must be at least 0; got -1"),
        ((0, 0, 1, -2, 0), "sigma2 must be at least 0; got -2"),
        ((0, 0, 1, 1, [0, 1.5]), r"rho must lie in \[-1, 1\]; got \|rho\| = 1.5"),
        (
            (np.zeros(2), np.zeros(3), 1, 1, 0),
            r"must broadcast together; got shapes \(2,\), \(3,\)",
        ),
        (("a", 0, 1, 1, 0), "mu1 must be real numbers; got 'a'; convert with"),
        ((0, 0, 1, ["1"], 0), "sigma2 must be real numbers; got dtype <U1"),
        ((0, None, 1, 1, 0), "mu2 must be real numbers; got None"),
        ((0, 0, 1, 1, [0.5, None]), "rho must be real numbers; got dtype object"),
        ((0, 0, [[1], [1, 2]], 1, 0), "sigma1 must be real numbers; got .* inhomogeneous"),
        ((0, 0, 1, 1, 0.5j), "rho must be real numbers; got 0.5j"),
    ],
)
def test_moments_refuse(arguments, match):
    with pytest.raises(InputError, match=match):
        rectified_moments(*arguments)


def units(values, names):
    return xr.DataArray(values, dims="unit", coords={"unit": list(names)}, attrs={"units": "a.u."})


def test_moments_of_labelled_arrays_are_labelled():
    mu = units([-1.0, 0.0, 2.0], "abc")
    rho = xr.DataArray([0.2, 0.7], dims="position", coords={"position": ["close", "far"]})
    moments = rectified_moments(mu, mu, 1.0, units([1.0, 2.0, 3.0], "abc"), rho)
    assert moments._fields == tuple(m.name for m in moments)
    assert moments.cov.dims == ("unit", "position")
    assert moments.cov.attrs == {}
    plain = rectified_moments(0.0, 0.0, 1.0, 2.0, 0.7)
    for labelled, value in zip(moments, plain, strict=True):
        assert labelled.sel(unit="b", position="far").item() == value
    chunked = rectified_moments(mu.chunk(unit=1), mu, 1.0, units([1.0, 2.0, 3.0], "abc"), rho)
    xr.testing.assert_identical(chunked.corr, moments.corr)
    assert isinstance(rectified_moments(mu[0], 0, 1, 1, 0.5).corr, xr.DataArray)


@pytest.mark.parametrize(
    ("mu2", "match"),
    [
        (units([0.0, 1.0], "ba"), "must have the same labels in the same order .* use xr.align"),
        (units([0.0, 1.0, 2.0], "abc"), "must have the same labels in the same order"),
        (np.zeros(2), r"mu2 must be a DataArray or a number .* got shape \(2,\); name its dims"),
        (units(["x", "y"], "ab"), "mu2 must be real numbers; got dtype <U1"),
    ],
)
def test_moments_of_arrays_labelled_otherwise_are_refused(mu2, match):
    with pytest.raises(InputError, match=match):
        rectified_moments(units([0.0, 1.0], "ab"), mu2, 1, 1, 0.5)
