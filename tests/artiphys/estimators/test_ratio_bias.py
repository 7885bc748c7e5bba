"""The bias of a ratio of noisy moments, against simulation."""

import numpy as np
import pytest

from artiphys.estimators.halves import halves_of
from artiphys.estimators.moments import correlation_of
from artiphys.estimators.ratio_bias import noise_terms, ratio_bias
from artiphys.estimators.signal_moments import cells_of, signal_moments


def trials(seed, n_unit=4, n_image=9, n_position=3, n_trial=6, gaps=0.3):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_unit, n_image, n_position, n_trial)) + 5 * rng.normal(
        size=(n_unit, n_image, 1, 1)
    )
    values[rng.random(values.shape) < gaps] = np.nan
    return values


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


def test_noise_counts_where_the_signal_is():
    """Spikes vary most at a unit's best images: twice the bias that their mean noise says."""
    values = spiking(np.random.default_rng(3), 6.0, 6000, 60, (4, 4))
    plain, less = half_correlations(values)
    cells = cells_of(values)
    moments = signal_moments(cells, 0)
    by_mean_noise = (moments.noise / moments.variance)[:, 1].mean() * 2 / (2 * 60) * 2
    assert np.mean(plain) - 1 > 1.4 * by_mean_noise
    assert np.mean(less) == pytest.approx(1, abs=0.25 * (np.mean(plain) - 1))
