"""Moments of the signal against loops and the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artiphys.estimators.halves import halves_of
from artiphys.estimators.moments import correlation_of
from artiphys.estimators.signal_moments import cells_of, noise_error, signal_moments
from made_up_trials import spiking, trials


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_moments_against_a_loop(seed):
    values = trials(seed, gaps=0.5)
    values[::2] = np.abs(values[::2])
    cells = cells_of(values)
    moments = signal_moments(cells, 1)
    for u in range(values.shape[0]):
        for p in range(values.shape[2]):
            known = [
                [values[u, i, q][~np.isnan(values[u, i, q])] for i in range(9)] for q in (1, p)
            ]
            both = [i for i in range(9) if known[0][i].size and known[1][i].size]
            means = [np.array([known[q][i].mean() for i in both]) for q in (0, 1)]
            noise = [mean_noise(known[q], both) for q in (0, 1)]
            if len(both) < 2:
                assert np.isnan(moments.variance[u, p])
                continue
            np.testing.assert_allclose(
                moments.variance[u, p], means[1].var(ddof=1) - noise[1], rtol=1e-9
            )
            np.testing.assert_allclose(
                moments.variance_reference[u, p], means[0].var(ddof=1) - noise[0], rtol=1e-9
            )
            np.testing.assert_allclose(
                moments.covariance[u, p], np.cov(means[0], means[1])[0, 1], rtol=1e-9, atol=1e-12
            )


def mean_noise(cells, images):
    """Cells of one trial take the pooled variance, as far as no mean is negative as their mean."""
    several = [x for x in cells if x.size > 1]
    if not several:
        return np.nan
    freedom = sum(x.size - 1 for x in several)
    pooled = sum(x.var() * x.size for x in several) / freedom
    level = sum(x.mean() * (x.size - 1) for x in several) / freedom
    spikes = all(x.mean() >= 0 for x in cells if x.size) and level > 0
    noise = [
        x.var(ddof=1) / x.size if x.size > 1 else pooled * (x[0] / level if spikes else 1.0)
        for x in (cells[i] for i in images)
    ]
    return np.mean(noise)


@pytest.mark.parametrize("repeats", [(4, 4), (2, 10)])
def test_corrected_moments_are_unbiased_for_unequal_repeats(repeats):
    rng = np.random.default_rng(0)
    n_unit, n_image, rho = 4000, 30, 0.6
    signal = rng.normal(size=(n_unit, n_image, 1))
    signal = np.concatenate([signal, rho * signal + 0.8 * rng.normal(size=signal.shape)], axis=2)
    values = signal[..., None] + 2 * rng.normal(size=(n_unit, n_image, 2, repeats[1]))
    n = rng.integers(*repeats, (1, n_image, 2), endpoint=True)
    values[np.broadcast_to(np.arange(repeats[1]) >= n[..., None], values.shape)] = np.nan
    moments = signal_moments(cells_of(values), 0)
    naive = np.nanmean(values, axis=3).var(axis=1, ddof=1)
    assert moments.variance.mean() == pytest.approx(1, rel=0.02)
    assert moments.covariance[:, 1].mean() == pytest.approx(rho, rel=0.02)
    assert naive.mean() > 1.5  # the negative control: uncorrected, it is noise by half
    # The ratio of the means is the correlation; the mean of the ratios is biased, but not much.
    r = moments.covariance[:, 1].mean() / moments.variance.mean()
    assert r == pytest.approx(rho, rel=0.02)


def test_the_noise_error_is_the_scatter_of_an_uncorrelated_signal_or_a_little_more():
    rng = np.random.default_rng(1)
    n_image, n_trial = 60, 5
    signal = rng.normal(size=(1, n_image, 2))
    x, y = signal[0, :, 0] - signal[0, :, 0].mean(), signal[0, :, 1]
    signal[0, :, 1] -= x * (x @ y) / (x @ x)
    values = signal[..., None] + 1.5 * rng.normal(size=(3000, n_image, 2, n_trial))
    cells = cells_of(values)
    moments = signal_moments(cells, 0)
    scatter = correlation_of(moments)[:, 1].std()
    assert 1 < np.median(noise_error(cells, moments, 0)[:, 1]) / scatter < 1.25


@pytest.mark.parametrize("repeats", [(2, 10), (2, 6)])
def test_cells_of_one_trial_are_as_noisy_as_their_spikes_are_many(repeats):
    """With one noise for all, the images that a unit answers to looked as noisy as the others."""
    values = spiking(np.random.default_rng(4), 3.0, 400, 60, repeats)
    rate = np.nanmean(values, axis=3)  # of Poisson counts the variance
    half = halves_of(values, 0)[0]
    one_by_one = halves_of(values - 1000, 0)[0]  # no spikes
    single = (half.n == 1) & np.isfinite(half.noise)
    liked = single & (rate > np.quantile(rate, 0.8, axis=1, keepdims=True))
    assert half.noise[single].mean() == pytest.approx(rate[single].mean(), rel=0.05)
    assert half.noise[liked].mean() == pytest.approx(rate[liked].mean(), rel=0.05)
    assert one_by_one.noise[liked].mean() < 0.7 * rate[liked].mean()


def test_cells_of_one_trial_share_one_noise_where_means_are_negative():
    values = np.array([[[[0.0, 2.0]], [[-5.0, np.nan]], [[4.0, 8.0]]]])
    np.testing.assert_allclose(cells_of(values).noise[0, :, 0], [1.0, (2 + 8) / 2, 4.0])
    values = np.array([[[[0.0, 2.0]], [[6.0, np.nan]], [[4.0, 8.0]]]])
    np.testing.assert_allclose(cells_of(values).noise[0, :, 0], [1.0, 5 * 6 / 3.5, 4.0])
