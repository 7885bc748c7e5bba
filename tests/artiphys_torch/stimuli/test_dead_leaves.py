"""Dead leaves: the statistics of photographs, the same image for the same seed."""

import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys_torch import dead_leaves


def spectral_slope(images):
    """Slope of log power against log frequency from 3 to 30 cycles an image."""
    grey = images.astype(float).mean(axis=-1)
    size = grey.shape[1]
    window = np.hanning(size)[:, np.newaxis] * np.hanning(size)
    power = (np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2).mean(axis=0)
    cycles = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size))) * size
    rings = np.arange(3, 31)
    radial = [power[(cycles >= k - 0.5) & (cycles < k + 0.5)].mean() for k in rings]
    return np.polyfit(np.log(rings), np.log(radial), 1)[0]


def test_power_falls_as_one_over_frequency_squared():
    assert -2.3 < spectral_slope(dead_leaves(24)) < -1.7
    # What must fail: noise is flat, and it would if every leaf were small.
    noise = np.random.default_rng(0).integers(0, 256, (24, 256, 256, 3), dtype=np.uint8)
    assert abs(spectral_slope(noise)) < 0.2


def test_every_size_has_its_share():
    images = dead_leaves(8)
    values = images.reshape(-1, 3)
    assert 90 < values.mean() < 140
    assert 55 < values.std() < 85
    red, green, _ = values.T.astype(float)
    assert 0.8 < np.corrcoef(red, green)[0, 1] < 0.99


def test_an_image_depends_on_seed_and_index_alone():
    five = dead_leaves(5, size=32, seed=7)
    assert np.array_equal(five[:2], dead_leaves(2, size=32, seed=7))
    assert not np.array_equal(five, dead_leaves(5, size=32, seed=8))
    assert five.dtype == np.uint8
    assert five.shape == (5, 32, 32, 3)
    assert len({image.tobytes() for image in five}) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_images": 0}, "n_images must be a whole number of at least 1; got 0"),
        ({"n_images": 1, "size": 4}, "size must be a whole number of at least 8; got 4"),
        ({"n_images": 1, "seed": -1}, "seed must be a whole number of at least 0; got -1"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        dead_leaves(**arguments)
