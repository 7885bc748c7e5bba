"""How likely a measured variance is: against scipy, and against a quadrature."""

import numpy as np
import pytest
from scipy import stats

from artiphys.signatures.variance_likelihood import log_likelihood_of_variance

GRID = np.geomspace(0.3, 3.0, 9)
NORMAL_CONSTANT = np.log(2 * np.pi) / 2


def of_grid(measured, relative, alone, per_signal, true=GRID):
    """Log-likelihoods (grid) of one measured variance."""
    noise = np.array([[[[alone, per_signal]]]])
    by_images = np.full((1, 1, true.size), relative)
    found = log_likelihood_of_variance(np.array([[measured]]), true[None], by_images, noise)[0, 0]
    return found - NORMAL_CONSTANT


def by_quadrature(measured, relative, alone, per_signal, true=GRID):
    """The same, over the variances that the images shown may have."""
    place, weight = np.polynomial.legendre.leggauss(600)
    shown = true[:, None] * stats.gamma.ppf((place + 1) / 2, 1 / relative, scale=relative)
    density = stats.norm.pdf(measured, shown, np.sqrt(alone + per_signal * shown))
    return np.log((density * weight / 2).sum(1))


@pytest.mark.parametrize("shape", [1.5, 4.0, 40.0])
def test_without_noise_the_likelihood_is_that_of_a_gamma_distribution(shape):
    expected = stats.gamma.logpdf(0.8, shape, scale=GRID / shape)
    np.testing.assert_allclose(of_grid(0.8, 1 / shape, 1e-14, 0.0), expected, atol=0.004)


def test_where_noise_is_all_the_likelihood_is_that_of_a_normal_distribution():
    sd = np.sqrt(0.2 + 0.1 * GRID)
    expected = stats.norm.logpdf(-0.4, GRID, sd)
    np.testing.assert_allclose(of_grid(-0.4, 1e-8, 0.2, 0.1), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("relative", "alone", "per_signal"),
    [(0.8, 0.01, 0.05), (0.3, 0.01, 0.05), (0.1, 0.01, 0.02), (0.1, 0.2, 0.1), (0.05, 0.02, 0.05)],
)
@pytest.mark.parametrize("measured", [-0.3, -0.1, 0.05, 0.3, 1.0, 2.0])
def test_the_likelihood_is_that_of_a_gamma_distribution_with_noise(
    measured, relative, alone, per_signal
):
    exact = by_quadrature(measured, relative, alone, per_signal)
    found = of_grid(measured, relative, alone, per_signal)
    one, other = (np.average(np.log(GRID), weights=np.exp(of - of.max())) for of in (found, exact))
    assert one == pytest.approx(other, abs=0.12)


def test_the_less_is_measured_the_smaller_is_the_variance_expected():
    true = np.geomspace(0.01, 100.0, 60)
    for relative, alone in ((0.8, 0.01), (0.8, 1e-4), (0.3, 0.05), (0.1, 0.2), (0.05, 1e-3)):
        expected = []
        for measured in np.linspace(2.0, -1.0, 40):
            likelihood = of_grid(measured, relative, alone, 0.05, true)
            weight = np.exp(likelihood - likelihood.max())
            expected.append(np.average(np.log(true), weights=weight))
        assert np.diff(expected).max() < 0.1
        assert expected[-1] < expected[0] - 1
