"""The translation-invariance index: a ratio of sums, free of noise."""

import numpy as np
import pytest
from scipy import stats

from artiphys.errors import InputError
from artiphys.estimators.translation_invariance import translation_invariance


def noisy(seed, n_unit=300, n_image=40, n_trial=6, noise=1.5):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(n_unit, n_image, 1, 1))
    return signal + noise * rng.normal(size=(n_unit, n_image, 2, n_trial))


def test_the_index_is_the_ratio_of_sums(make_responses):
    rng = np.random.default_rng(3)
    values = rng.normal(size=(6, 15, 4)) + rng.normal(size=(6, 15, 1))
    found = translation_invariance(make_responses(values))
    for unit, responses in enumerate(values):
        covariance = np.cov(responses.T)
        products = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        off = ~np.eye(4, dtype=bool)
        expected = covariance[off].sum() / products[off].sum()
        assert float(found[unit]) == pytest.approx(expected)


def test_noise_does_not_lower_the_corrected_index(make_responses):
    responses = make_responses(noisy(4, noise=1.0))
    assert float(translation_invariance(responses).median()) == pytest.approx(1, abs=0.01)
    naive = translation_invariance(responses, noise=None)
    assert float(naive.median()) < 0.9
    np.testing.assert_allclose(
        naive, translation_invariance(responses.mean("trial", keep_attrs=True)), rtol=1e-12
    )


def test_positions_without_signal_are_left_out_and_counted(make_responses):
    values = np.random.default_rng(5).normal(size=(2, 10, 3))
    values[0, :, 2] = 1.0
    found = translation_invariance(make_responses(values))
    pair = stats.pearsonr(values[0, :, 0], values[0, :, 1]).statistic
    assert float(found[0]) == pytest.approx(pair)
    assert found.attrs["n_positions_left_out"] == 1
    with pytest.raises(InputError, match="noise must be None, 'auto' or 'corrected'"):
        translation_invariance(make_responses(values), noise="split")
    with pytest.raises(InputError, match="at least 2 values"):
        translation_invariance(make_responses(values[:, :, :1]))
