"""Signal to noise, split-half reliability and the square root."""

import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys.estimators.reliability import signal_to_noise, split_half_reliability, square_root


def noisy(seed, n_unit=300, n_image=40, n_trial=6, noise=1.5):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(n_unit, n_image, 1, 1))
    return signal + noise * rng.normal(size=(n_unit, n_image, 2, n_trial))


def test_signal_to_noise_is_that_of_one_trial(make_responses):
    responses = make_responses(noisy(0))
    found = signal_to_noise(responses)
    assert found.dims == ("unit", "position")
    assert float(found.mean()) == pytest.approx(1 / 1.5**2, rel=0.03)
    few = signal_to_noise(responses.where(responses["trial"] < 2))
    upward = 40 / 38  # the mean of 1 / chi² of 40 degrees of freedom
    assert float(few.mean()) == pytest.approx(upward / 1.5**2, rel=0.05)


def test_split_half_reliability_is_the_correlation_with_as_many_trials_again(make_responses):
    found = split_half_reliability(make_responses(noisy(1)))
    expected = 1 / (1 + 1.5**2 / 6)
    assert float(found.mean()) == pytest.approx(expected, abs=0.02)
    control = split_half_reliability(
        make_responses(np.random.default_rng(0).normal(size=(300, 40, 2, 6)))
    )
    assert float(control.median()) == pytest.approx(0, abs=0.05)


def test_the_square_root_evens_out_poisson_noise(make_responses):
    rng = np.random.default_rng(2)
    mean = np.array([5.0, 20.0, 80.0])[:, None, None, None]
    responses = make_responses(rng.poisson(mean, size=(3, 2000, 1, 2)), units="spikes")
    spread = square_root(responses).std(("image", "trial"))
    np.testing.assert_allclose(spread[:, 0], 0.5, rtol=0.08)
    assert square_root(responses).attrs["transform"] == "square root"
    with pytest.raises(InputError, match="must not be negative for a square root; 1 are"):
        square_root(make_responses([[[-1.0]]]))
