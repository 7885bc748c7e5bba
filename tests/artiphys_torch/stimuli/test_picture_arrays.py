"""Arrays and tensors as people have them: read right, or refused in one line."""

import numpy as np
import pytest
import torch

from artiphys.errors import InputError
from artiphys_torch import as_photographs


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)


def read(images):
    return [np.asarray(item.read()) for item in as_photographs(images)]


def test_a_tensor_with_a_gradient_is_read(pixels):
    tensor = torch.tensor(pixels / 255, requires_grad=True)
    for images in ([tensor], tensor, torch.stack([tensor, tensor])):
        assert all(np.array_equal(found, pixels) for found in read(images))


def test_a_bfloat16_tensor_is_read(pixels):
    rough = torch.tensor(pixels / 255).bfloat16()
    (found,) = read([rough])
    assert np.array_equal(found, np.rint(255 * rough.double().numpy()))
    assert np.abs(found.astype(int) - pixels).max() <= 1  # 8 bits of a fraction


def test_a_tensor_without_values_is_refused(pixels):
    with pytest.raises(InputError, match=r"image-000: a tensor whose values cannot be had: .*meta"):
        as_photographs([torch.tensor(pixels).to("meta")])


@pytest.mark.parametrize("factor", [1.0000001, 1 + 2**-23, 1 / (1 - 1e-9)])
def test_rounding_beyond_1_is_white(factor):
    (found,) = read([np.full((2, 2), 1.0) * factor])
    assert (found == 255).all()


def test_rounding_below_0_is_black():
    assert (read([np.full((2, 2), -1e-9)])[0] == 0).all()


@pytest.mark.parametrize("value", [1.01, -0.01])
def test_more_than_half_a_grey_level_beyond_is_refused(value):
    with pytest.raises(InputError, match="floating pixels must lie from 0 to 1; got"):
        as_photographs([np.full((2, 2), value)])


def test_masked_pixels_are_refused_with_their_number(pixels):
    mask = np.zeros(pixels.shape, dtype=bool)
    mask[1, 2] = True
    masked = np.ma.array(pixels, mask=mask)
    for images in ([masked], masked, np.ma.stack([masked, masked])):
        with pytest.raises(InputError, match="must have no masked pixels; got 3 masked values; fi"):
            as_photographs(images)


def test_a_masked_array_without_masked_pixels_is_read(pixels):
    assert np.array_equal(read([np.ma.array(pixels)])[0], pixels)
