"""Moments of the signal against loops and the truth, and halves that share nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artiphys.estimators.ratio_bias import noise_terms, ratio_bias
from artiphys.estimators.signal_moments import (
    cells_of,
    correlation_of,
    first_half,
    halves_of,
    halves_of_splits,
    noise_error,
    signal_moments,
    splits_by_images,
)


def trials(seed, n_unit=4, n_image=9, n_position=3, n_trial=6, gaps=0.3):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_unit, n_image, n_position, n_trial)) + 5 * rng.normal(
        size=(n_unit, n_image, 1, 1)
    )
    values[rng.random(values.shape) < gaps] = np.nan
    return values


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


def test_the_bias_of_the_ratio_is_taken_off():
    """The centre of the correlations does not hang on the signal-to-noise ratio."""
    rng = np.random.default_rng(2)
    signal = rng.normal(size=(6000, 40, 1))
    signal = np.concatenate([signal, 0.8 * signal + 0.6 * rng.normal(size=signal.shape)], axis=2)
    values = signal[..., None] + 1.2 * rng.normal(size=(6000, 40, 2, 4))
    plain, less = half_correlations(values)
    true = np.corrcoef(signal[..., 0].ravel(), signal[..., 1].ravel())[0, 1]
    assert np.nanmedian(less) == pytest.approx(true, abs=0.01)
    assert np.nanmedian(plain) > true + 0.03


def half_correlations(values):
    """Return the correlations of the second half, (unit), as they are and less their bias."""
    cells, half = cells_of(values), halves_of(values, 0)[1]
    whole = signal_moments(cells, 0)
    plain = correlation_of(signal_moments(half, 0))
    bias = ratio_bias(noise_terms(cells, whole, 0), half.n, 0, whole.n_image)
    return plain[:, 1], (plain / (1 + bias))[:, 1]


def spiking(rng, mean_rate, n_unit, n_image, repeats, tuning=0.7):
    """Return counts of units that answer to few images much, and at both positions alike."""
    rate = mean_rate * np.exp(tuning * rng.normal(size=(n_unit, n_image, 1)) - tuning**2 / 2)
    counts = rng.poisson(np.broadcast_to(rate[..., None], (n_unit, n_image, 2, max(repeats))))
    n = rng.integers(repeats[0], repeats[1] + 1, (1, n_image, 2, 1))
    return np.where(np.arange(max(repeats)) < n, counts, np.nan)


def test_noise_counts_where_the_signal_is():
    """Spikes vary most at a unit's best images: twice the bias that their mean noise says."""
    values = spiking(np.random.default_rng(3), 6.0, 6000, 60, (4, 4))
    plain, less = half_correlations(values)
    cells = cells_of(values)
    moments = signal_moments(cells, 0)
    by_mean_noise = (moments.noise / moments.variance)[:, 1].mean() * 2 / (2 * 60) * 2
    assert np.mean(plain) - 1 > 1.4 * by_mean_noise
    assert np.mean(less) == pytest.approx(1, abs=0.25 * (np.mean(plain) - 1))


@pytest.mark.parametrize("repeats", [(2, 10), (2, 4)])
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


@given(seed=st.integers(0, 10**6), gaps=st.sampled_from([0.0, 0.3, 0.7]))
@settings(max_examples=20, deadline=None)
def test_halves_share_no_trial_and_leave_none_out(seed, gaps):
    measured = ~np.isnan(trials(seed, gaps=gaps))
    first = first_half(measured, 3)
    second = measured & ~first
    assert not (first & second).any()
    assert ((first | second) == measured).all()
    by_trials = ~splits_by_images(measured.sum(-1))
    assert (np.abs(first.sum(-1) - second.sum(-1))[by_trials] <= 1).all()
    whole_images = first[~by_trials].any((2, 3)) & second[~by_trials].any((2, 3))
    assert not whole_images.any()


@given(seed=st.integers(0, 10**6), gaps=st.sampled_from([0.0, 0.3, 0.7]))
@settings(max_examples=20, deadline=None)
def test_many_splits_at_once_are_the_same_halves(seed, gaps):
    values = trials(seed, gaps=gaps)
    at_once = halves_of_splits(values, range(3))
    for h in (0, 1):
        one_by_one = [halves_of(values, split)[h] for split in range(3)]
        for name in ("mean", "n", "noise"):
            expected = np.concatenate([getattr(cells, name) for cells in one_by_one])
            np.testing.assert_allclose(
                getattr(at_once[h], name), expected, rtol=1e-7, atol=1e-10, err_msg=name
            )


def test_halves_do_not_hang_on_which_other_units_are_there():
    measured = ~np.isnan(trials(0, gaps=0.2))
    np.testing.assert_array_equal(first_half(measured, 1)[2:], first_half(measured[2:], 1))


def test_two_repeats_are_split_by_images():
    n = np.full((1, 10, 2), 2)
    assert splits_by_images(n).tolist() == [True]
    assert splits_by_images(n + 1).tolist() == [False]
    first = first_half(np.ones((1, 10, 2, 2), dtype=bool), 0)
    assert first.all((2, 3)).sum() == first.any((2, 3)).sum() == 5


def test_padding_changes_no_half():
    values = trials(0, gaps=0.2)
    padded = np.concatenate([values, np.full((*values.shape[:3], 3), np.nan)], axis=3)
    first = first_half(~np.isnan(padded), 2)
    np.testing.assert_array_equal(first[..., : values.shape[3]], first_half(~np.isnan(values), 2))
