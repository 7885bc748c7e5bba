"""How far a variance is off by the choice of images, against variances of many choices."""

import numpy as np
import pytest
from scipy import optimize, special

from artiphys.estimators.held_out import images_held_out
from artiphys.estimators.signal_moments import cells_of
from artiphys.signatures.choice_of_images import ChoiceOfImages, choice_of_images

N_UNIT, N_IMAGE = 300, 40
OTHERS = N_IMAGE * 19 // 20
NORMAL = 2 / (OTHERS - 1)  # in closed form


def others(signal, noise=0.3, seed=0):
    """What all images but a fold's say, of noisy trials of a signal (unit, image)."""
    rng = np.random.default_rng(seed)
    values = signal[..., None, None] + noise * rng.normal(size=(*signal.shape, 2, 5))
    return images_held_out(cells_of(values), np.zeros(len(signal), dtype=int), 1).others


def relative(of, *variances, n=OTHERS):
    return of.relative_variance(np.array([variances], dtype=float), np.array([[n]]))[0, 0]


def sizes(rng, n_unit=N_UNIT):
    return np.exp(rng.normal(size=(n_unit, 1)))


@pytest.mark.parametrize("n_image", [6, 8, 16, 40])
def test_a_normal_signal_has_the_relative_variance_of_its_closed_form(n_image):
    rng = np.random.default_rng(0)
    of = choice_of_images(others(sizes(rng) * rng.normal(size=(N_UNIT, n_image)), noise=0.1))
    n = n_image - np.ceil(n_image / 20)
    np.testing.assert_allclose(relative(of, 0.5, 1.0, 2.0, n=n), 2 / (n - 1), rtol=0.2)


@pytest.mark.parametrize("shape", [4.0, 1.0, 0.5])
def test_a_skewed_signal_has_more_if_not_all_of_that_of_many_choices_of_images(shape):
    # That of a gamma distribution whose log varies as much. The tails of the sparsest are too long
    # for halves of the images to tell them: up to a third is missing.
    rng = np.random.default_rng(1)
    signal = sizes(rng) * rng.gamma(shape, 1 / shape, size=(N_UNIT, N_IMAGE))
    of = choice_of_images(others(signal, noise=0.1))
    found = relative(of, np.exp(of.middle))[0]
    of_log = np.log(rng.gamma(shape, size=(20_000, OTHERS)).var(1, ddof=1)).var()
    expected = 1 / optimize.brentq(lambda k: special.polygamma(1, k) - of_log, 0.1, 1000)
    assert expected > 1.4 * NORMAL
    assert found > 1.3 * NORMAL
    assert 0.6 < found / expected < 1.1


def test_noise_is_no_choice_of_images():
    rng = np.random.default_rng(2)
    signal = 3 * np.exp(0.3 * rng.normal(size=(N_UNIT, 1))) * rng.normal(size=(N_UNIT, N_IMAGE))
    quiet, noisy = (choice_of_images(others(signal, noise)).mean for noise in (0.1, 2.0))
    assert noisy == pytest.approx(quiet, rel=0.15)


def test_units_of_sparse_tuning_may_hang_more_on_the_images():
    rng = np.random.default_rng(3)
    size = sizes(rng)
    sparse = size > 1  # and of the wider dynamic range
    shape = np.where(sparse, 0.5, 8.0)
    signal = size * rng.gamma(shape, 1 / np.sqrt(shape), size=(N_UNIT, N_IMAGE))
    narrow, wide = relative(choice_of_images(others(signal, noise=0.1)), 0.2, 5.0)
    assert wide > 1.6 * narrow


def test_units_that_were_shown_fewer_images_hang_more_on_them():
    rng = np.random.default_rng(5)
    signal = sizes(rng) * rng.normal(size=(N_UNIT, N_IMAGE))
    signal[: N_UNIT // 2, 12:] = np.nan
    given = others(signal, noise=0.1)
    found = choice_of_images(given).relative_variance(
        np.ones((len(given.moments), 1)), given.n_image
    )
    expected = 2 / (given.n_image - 1)
    np.testing.assert_allclose(found[..., 0], expected, rtol=0.2)
    assert expected.max() > 3 * expected.min()


def test_what_few_units_say_is_drawn_towards_a_level_line(monkeypatch):
    def spread(n_unit):
        rng = np.random.default_rng(6)
        found = [
            choice_of_images(others(sizes(rng, n_unit) * rng.gamma(0.7, size=(n_unit, 16)), 0.05))
            for _ in range(30)
        ]
        return np.std([of.slope for of in found]), min(of.mean for of in found)

    drawn, least = spread(8)
    assert least >= 0.5
    monkeypatch.setattr("artiphys.signatures.choice_of_images.SLOPE_PRIOR", 1e6)
    assert drawn < 0.7 * spread(8)[0]


def test_a_line_goes_no_farther_than_it_was_seen():
    of = ChoiceOfImages(mean=2.0, slope=1.0, middle=0.0, spread=1.0)
    far = relative(of, np.exp(-50.0), np.exp(-2.0), np.exp(2.0), np.exp(50.0))
    assert far[0] == far[1] == pytest.approx(2 * (2 / 3) / (OTHERS - 1))
    assert far[2] == far[3] == pytest.approx(2 * 4 / (OTHERS - 1))
    assert relative(ChoiceOfImages(mean=4.0), 1.0, n=5)[0] == 0.9


def test_too_few_units_that_tell_leave_a_normal_signal():
    rng = np.random.default_rng(4)
    of = choice_of_images(others(0.01 * rng.normal(size=(N_UNIT, N_IMAGE)), noise=3.0))
    assert of == ChoiceOfImages()
    np.testing.assert_allclose(relative(of, 1.0), NORMAL)
