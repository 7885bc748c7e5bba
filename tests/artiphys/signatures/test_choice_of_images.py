"""How far a variance is off by the choice of images, against variances of many choices."""

import numpy as np
import pytest
from scipy import optimize, special

from artiphys.estimators.held_out import images_held_out
from artiphys.estimators.signal_moments import cells_of
from artiphys.signatures.choice_of_images import choice_of_images

N_UNIT, N_IMAGE = 300, 40
OTHERS = N_IMAGE * 19 // 20
NORMAL = 2 / (OTHERS - 1)  # in closed form


def told(signal, noise=0.3, seed=0):
    """What noisy measurements of a signal (unit, image) tell."""
    rng = np.random.default_rng(seed)
    values = signal[..., None, None] + noise * rng.normal(size=(*signal.shape, 2, 5))
    own = np.zeros(len(signal), dtype=int)
    return choice_of_images(images_held_out(cells_of(values), own, 1).others)


def sizes(rng):
    return np.exp(rng.normal(size=(N_UNIT, 1)))


def test_a_normal_signal_has_the_relative_variance_of_its_closed_form():
    rng = np.random.default_rng(0)
    of = told(sizes(rng) * rng.normal(size=(N_UNIT, N_IMAGE)), noise=0.1)
    found = of.relative_variance(np.array([0.3, 1.0, 3.0]))
    np.testing.assert_allclose(found, NORMAL, rtol=0.2)


@pytest.mark.parametrize("shape", [4.0, 1.0, 0.5])
def test_a_skewed_signal_has_more_if_not_all_of_that_of_many_choices_of_images(shape):
    # That of a gamma distribution whose log varies as much. The tails of the sparsest are too long
    # for halves of the images to tell them: up to a third is missing.
    rng = np.random.default_rng(1)
    of = told(sizes(rng) * rng.gamma(shape, 1 / shape, size=(N_UNIT, N_IMAGE)), noise=0.1)
    of_log = np.log(rng.gamma(shape, size=(20_000, OTHERS)).var(1, ddof=1)).var()
    expected = 1 / optimize.brentq(lambda k: special.polygamma(1, k) - of_log, 0.1, 1000)
    assert expected > 1.4 * NORMAL
    assert of.mean > 1.3 * NORMAL
    assert 0.6 < of.mean / expected < 1.1


def test_noise_is_no_choice_of_images():
    rng = np.random.default_rng(2)
    signal = 3 * np.exp(0.3 * rng.normal(size=(N_UNIT, 1))) * rng.normal(size=(N_UNIT, N_IMAGE))
    quiet, noisy = (told(signal, noise).mean for noise in (0.1, 3.0))
    assert noisy == pytest.approx(quiet, rel=0.15)


def test_units_of_sparse_tuning_may_hang_more_on_the_images():
    rng = np.random.default_rng(3)
    size = sizes(rng)
    sparse = size > 1  # and of the wider dynamic range
    shape = np.where(sparse, 0.5, 8.0)
    of = told(size * rng.gamma(shape, 1 / np.sqrt(shape), size=(N_UNIT, N_IMAGE)), noise=0.1)
    narrow, wide = of.relative_variance(np.array([0.2, 5.0]))
    assert wide > 2 * narrow


def test_too_few_units_that_tell_leave_a_normal_signal():
    rng = np.random.default_rng(4)
    of = told(0.01 * rng.normal(size=(N_UNIT, N_IMAGE)), noise=3.0)
    assert (of.mean, of.slope) == (pytest.approx(NORMAL, rel=0.1), 0.0)
