"""Sampling errors of log variance and Fisher z, against quadrature and against samples."""

import numpy as np
import pytest

from artiphys.rectification.moments import rectified_moments
from artiphys.rectification.sampling_error import _standardised_fourth_moments, sampling_error


def fourth_moments_by_quadrature(m, rho):
    """Return them by brute force, on a fine grid over both inputs."""
    z = np.linspace(-9, 9, 1201)
    first, second = np.meshgrid(z, z, indexing="ij")
    power = (first**2 - 2 * rho * first * second + second**2) / (2 * (1 - rho**2))
    weight = np.exp(-power)
    weight /= weight.sum()
    u, v = (np.maximum(values + m, 0) for values in (first, second))
    u, v = ((y - (weight * y).sum()) for y in (u, v))
    variance = (weight * u * u).sum()
    return [(weight * p).sum() / variance**2 for p in (u**4, u**3 * v, u * u * v * v)]


@pytest.mark.parametrize("m", [-2.0, 0.0, 1.5])
@pytest.mark.parametrize("rho", [-0.4, 0.3, 0.9])
def test_fourth_moments_match_quadrature(m, rho):
    computed = _standardised_fourth_moments(np.array(m), rho)
    np.testing.assert_allclose(computed, fourth_moments_by_quadrature(m, rho), rtol=1e-3)


def test_far_above_threshold_it_is_normal_theory():
    error = sampling_error(9.0, 0.6)
    assert error.var_log_variance == pytest.approx(2)
    assert error.var_fisher_z == pytest.approx(1)
    assert error.cov == pytest.approx(0.6)
    assert error.bias_log_variance == pytest.approx(-1)
    assert error.bias_fisher_z == pytest.approx(0.6 / 2)


@pytest.mark.parametrize(("m", "rho"), [(-1.0, 0.7), (0.0, 0.3), (1.0, 0.95)])
def test_errors_match_samples(m, rho):
    rng = np.random.default_rng(0)
    n_images, n_samples = 1000, 4000
    first = rng.normal(size=(n_samples, n_images))
    second = rho * first + np.sqrt(1 - rho**2) * rng.normal(size=first.shape)
    first, second = (np.maximum(values + m, 0) for values in (first, second))
    log_variance = np.log(first.var(axis=1, ddof=1))
    first -= first.mean(axis=1, keepdims=True)
    second -= second.mean(axis=1, keepdims=True)
    product = (first * second).sum(axis=1)
    z = np.arctanh(product / np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1)))
    error = sampling_error(m, rho)
    covariance = n_images * np.cov(log_variance, z)
    np.testing.assert_allclose(covariance[0, 0], error.var_log_variance, rtol=0.1)
    np.testing.assert_allclose(covariance[1, 1], error.var_fisher_z, rtol=0.1)
    np.testing.assert_allclose(covariance[0, 1], error.cov, rtol=0.15)
    for values, mean, bias in (
        (log_variance, error.log_variance, error.bias_log_variance),
        (z, error.fisher_z, error.bias_fisher_z),
    ):
        standard_error = values.std() / np.sqrt(n_samples)
        assert values.mean() == pytest.approx(mean + bias / n_images, abs=4 * standard_error)
    # Normal theory, 2/n and 1/n, would be far off.
    assert error.var_log_variance > 2.1 or m > 0


def test_means_are_those_of_the_moments():
    m = np.linspace(-4, 4, 9)
    error, moments = sampling_error(m, 0.5), rectified_moments(m, m, 1, 1, 0.5)
    np.testing.assert_allclose(error.log_variance, np.log(moments.var1))
    np.testing.assert_allclose(np.tanh(error.fisher_z), moments.corr)
