"""The bias of a ratio of noisy moments, against simulation."""

import numpy as np
import pytest

from artiphys.estimators.halves import halves_of
from artiphys.estimators.moments import correlation_of
from artiphys.estimators.ratio_bias import noise_terms, ratio_bias
from artiphys.estimators.signal_moments import cells_of, signal_moments
from made_up_trials import spiking


def half_correlations(values):
    """Return the correlations of the second half, (unit), as they are and less their bias."""
    cells, half = cells_of(values), halves_of(values, 0)[1]
    whole = signal_moments(cells, 0)
    plain = correlation_of(signal_moments(half, 0))
    bias = ratio_bias(noise_terms(cells, whole, 0), half.n, 0, whole.n_image)
    return plain[:, 1], (plain / (1 + bias))[:, 1]


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
