"""The covariance of rectified inputs, against pairs and samples; other matrices are refused."""

import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys.rectification.covariance import rectified_covariance, rectified_cross_covariance
from artiphys.rectification.moments import rectified_moments


def random_covariance(n, rank, rng):
    factor = rng.normal(size=(n, rank)) * rng.uniform(0.2, 3, size=(n, 1))
    return factor @ factor.T


def test_rectified_covariance_matches_pairs():
    rng = np.random.default_rng(2)
    n = 150
    mean, cov = rng.normal(size=n), random_covariance(n, 200, rng)
    result = rectified_covariance(mean, cov)
    sigma = np.sqrt(np.diag(cov))
    for i, j in [(0, 1), (3, 70), (149, 64), (63, 64), (5, 5)]:
        rho = min(cov[i, j] / (sigma[i] * sigma[j]), 1.0)
        pair = rectified_moments(mean[i], mean[j], sigma[i], sigma[j], rho)
        assert result.cov[i, j] == pytest.approx(pair.cov, rel=1e-10)
        assert result.mean[i] == pytest.approx(pair.mean1)


@pytest.mark.parametrize("rank", [3, 40, 400])
def test_rectified_covariance_is_a_covariance(rank):
    rng = np.random.default_rng(rank)
    mean, cov = rng.normal(size=200) * 2, random_covariance(200, rank, rng)
    cov[7] = cov[:, 7] = 0
    result = rectified_covariance(mean, cov)
    np.testing.assert_array_equal(result.cov, result.cov.T)
    smallest, largest = np.linalg.eigvalsh(result.cov)[[0, -1]]
    assert smallest > -1e-12 * largest
    assert (result.cov[7] == 0).all()
    assert result.mean[7] == max(mean[7], 0)


def test_rectified_covariance_matches_ten_million_samples():
    rng = np.random.default_rng(3)
    mean, cov = np.array([0.5, -0.5, -1.5, 1.0]), random_covariance(4, 5, rng)
    root = np.linalg.cholesky(cov)
    n, total, square, fourth = 0, 0.0, 0.0, 0.0
    result = rectified_covariance(mean, cov)
    for _ in range(20):
        values = np.maximum(mean + rng.normal(size=(500_000, 4)) @ root.T, 0) - result.mean
        products = values[:, :, np.newaxis] * values[:, np.newaxis]
        n += len(values)
        total, square = total + values.sum(axis=0), square + products.sum(axis=0)
        fourth = fourth + (products**2).sum(axis=0)
    error = np.sqrt((fourth / n - (square / n) ** 2) / n)
    assert n == 10_000_000
    assert np.abs((square / n - result.cov) / error).max() < 4
    assert np.abs(total / np.sqrt(np.diag(square))).max() < 4
    # Samples enough to tell a Gaussian's covariance from the rectified one.
    assert np.abs((square / n - cov) / error).max() > 100


@pytest.mark.parametrize(
    ("mean", "cov", "match"),
    [
        ([0.0], np.eye(2), r"mean must be \(n\) and cov \(n, n\), n > 0; got shapes \(1,\)"),
        ([0.0, np.nan], np.eye(2), "mean and cov must be finite"),
        ([0.0, 0.0], [[1, 0.5], [0.4, 1]], "cov must be symmetric"),
        ([0.0, 0.0], [[1, 2], [2, 1]], "cov must be positive semi-definite"),
        ([0.0, 0.0], [[1, 0], [0, -1]], "the diagonal of cov must be at least 0; got -1"),
        ([0.0, 0.0], [[0, 0], [0, -1e-18]], "the diagonal of cov must be at least 0; got -1e-18"),
        (["a"], [[1.0]], "mean must be real numbers; got dtype <U1; convert with"),
        ([0.0], [[None]], "cov must be real numbers; got dtype object"),
        (
            [3.0, 3.0, 3.0],
            [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]],
            "its correlations have an eigenvalue of -0.8; estimate it from samples without gaps",
        ),
    ],
)
def test_rectified_covariance_refuses(mean, cov, match):
    with pytest.raises(InputError, match=match):
        rectified_covariance(mean, cov)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("n", [3, 40, 500])
def test_an_eigenvalue_below_0_is_refused_beyond_rounding(n, scale):
    rng = np.random.default_rng(n)
    deviation = rng.uniform(0.1, 10, n)
    basis, _ = np.linalg.qr(rng.normal(size=(n, n)))
    basis[:, 0] = 0  # the direction of eigenvalue 0
    cov = scale * np.multiply.outer(deviation, deviation) * (basis @ basis.T)
    below = np.copy(cov)
    below[np.diag_indices(n)] -= 1e-4 * n * scale * deviation**2
    assert rectified_covariance(np.zeros(n), cov).cov.shape == (n, n)
    with pytest.raises(InputError, match="its correlations have an eigenvalue of -"):
        rectified_covariance(np.zeros(n), below)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sample_covariance_of_fewer_images_than_inputs_is_one(dtype):
    rng = np.random.default_rng(5)
    values = (5 + rng.normal(size=(50, 700)) * rng.uniform(1e-3, 3, 700)).astype(dtype)
    values[:, ::7] = dtype(0.1)  # inputs that never vary
    cov = np.cov(values.T, dtype=dtype)
    assert np.linalg.eigvalsh(cov)[0] < 0  # by rounding
    result = rectified_covariance(values.mean(axis=0), cov)
    smallest, largest = np.linalg.eigvalsh(result.cov)[[0, -1]]
    assert smallest > -1e-6 * largest


def test_rounding_beside_a_variance_of_0_is_none_of_it():
    cov = [[1.0, 1e-20, 0.2], [1e-20, -1e-18, 0.0], [0.2, -1e-20, 1.0]]
    result = rectified_covariance([0.0, 2.0, 0.0], cov)
    assert (result.cov[1] == 0).all()
    assert result.mean[1] == 2.0
    pair = rectified_moments(0, 0, 1, 1, 0.2)
    assert result.cov[0, 2] == pytest.approx(pair.cov)
    cross = rectified_cross_covariance([0.0], [2.0, 0.0], [1.0], [-1e-18, 1.0], [[1e-20, 0.2]])
    np.testing.assert_allclose(cross, [[0.0, pair.cov]])


def test_cross_covariance_is_the_block_of_a_joint_covariance():
    rng = np.random.default_rng(4)
    n = 300
    mean, cov = rng.normal(size=700) * 2, random_covariance(700, 20, rng)
    cov[7] = cov[:, 7] = cov[650] = cov[:, 650] = 0
    joint = rectified_covariance(mean, cov).cov
    variance = np.diag(cov)
    cross = rectified_cross_covariance(mean[:n], mean[n:], variance[:n], variance[n:], cov[:n, n:])
    np.testing.assert_allclose(cross, joint[:n, n:], rtol=1e-9, atol=1e-12)
    # Neither is that of the inputs themselves.
    assert np.abs(cross - cov[:n, n:]).max() > 0.1


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([0], [0], [1], [1], [[2]]), "a correlation in it exceeds 1"),
        (([0], [0], [1], [-1], [[0]]), "variance2 must be at least 0; got -1"),
        (([0], [0, 1], [1], [1], [[0]]), r"as long by pairs; got mean1 \(1,\)"),
        (([0], [0], [1], [1], [[0, 0]]), r"cov must be \(n, m\) = \(1, 1\), not empty"),
        (([0], [np.inf], [1], [1], [[0]]), "must be finite; drop the units"),
    ],
)
def test_cross_covariance_refuses(arguments, match):
    with pytest.raises(InputError, match=match):
        rectified_cross_covariance(*arguments)
