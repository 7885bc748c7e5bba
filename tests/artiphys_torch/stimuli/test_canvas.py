"""Canvases: the geometry of the stimuli, to the pixel."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from artiphys.errors import InputError
from artiphys_torch.stimuli.canvas import IMAGENET, Normalisation, Stimulus, canvas_pictures, patch
from torch_networks import photographs, reference_canvas


@pytest.mark.parametrize(
    ("size", "side", "top", "left"),
    [
        (51, 38, 6, (0, 6, 13)),
        (99, 74, 12, (0, 12, 25)),
        (131, 98, 16, (0, 16, 33)),
        (163, 122, 20, (0, 20, 41)),
        (1, 1, 0, (0, 0, 0)),
    ],
)
def test_geometry_of_the_paper(size, side, top, left):
    assert Stimulus().geometry(size) == (size, side, top, left)


@given(st.integers(1, 3000))
def test_a_quarter_always_fits_three_quarters(size):
    where = Stimulus().geometry(size)
    assert where.left[-1] + where.patch == size or size == 1
    assert where.left == tuple(min(round(s * size), size - where.patch) for s in (0, 1 / 8, 1 / 4))


@given(st.integers(1, 500), st.floats(0.01, 1), st.floats(0, 1))
def test_never_over_the_edge(size, crop, share):
    where = Stimulus((0, share * (1 - crop)), crop).geometry(size)
    assert where.patch >= 1
    assert 0 <= where.top <= size - where.patch
    assert all(0 <= left <= size - where.patch for left in where.left)


@pytest.mark.parametrize("background", ["mean", "black", -1.5])
def test_canvases_equal_the_slow_way(background):
    pixels = [*photographs(2), photographs(1, size=70)[0][:30], photographs(1, size=9)[0]]
    patches = torch.from_numpy(np.stack([patch(Image.fromarray(p), 38) for p in pixels]))
    laid = Stimulus(background=background).canvases(patches, 51)
    assert laid.shape == (12, 3, 51, 51)
    assert laid.is_contiguous(memory_format=torch.channels_last)
    empty = {
        "mean": (0, 0, 0),
        "black": tuple(-m / s for m, s in zip(IMAGENET.mean, IMAGENET.std, strict=True)),
        -1.5: (-1.5, -1.5, -1.5),
    }[background]
    expected = [
        reference_canvas(p, 51, shift, background=empty)
        for p in pixels
        for shift in (0, 1 / 8, 1 / 4)
    ]
    torch.testing.assert_close(laid, torch.stack(expected), rtol=1e-6, atol=1e-6)


def test_pictures_for_the_eye():
    shown = canvas_pictures(photographs(2), 40, background="black")
    assert shown.shape == (2, 3, 40, 40, 3)
    assert shown.min() == 0
    assert shown[:, 2, :, :10].max() < 1e-6
    side = np.asarray(Image.fromarray(photographs(2)[1]).resize((30, 30), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(shown[1, 0, 5:35, :30], side / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop": 0}, "crop must be above 0 and at most 1; got 0"),
        ({"crop": 1.2}, "crop must be above 0 and at most 1; got 1.2"),
        ({"crop": float("nan")}, "crop must be above 0"),
        ({"crop": "a"}, "crop must be a number; got 'a'"),
        ({"shifts": (0, "far")}, r"shifts must be numbers; got \(0, 'far'\)"),
        ({"shifts": (0, 0.3)}, "from 0 to 1 - crop = 0.25, or the photograph leaves .* got 0.3"),
        ({"shifts": (0, -0.1)}, "or the photograph leaves the canvas; got -0.1"),
        ({"shifts": (0, float("nan"))}, "or the photograph leaves the canvas; got nan"),
    ],
)
def test_photographs_do_not_leave_the_canvas(arguments, message):
    with pytest.raises(InputError, match=message):
        Stimulus(**arguments)


@pytest.mark.parametrize("background", ["white", float("nan"), None, 1e300, "-1e39"])
def test_unknown_background(background):
    with pytest.raises(InputError, match='background must be "mean", "black" or a number'):
        Stimulus(background=background)


def test_a_stimulus_is_clean():
    stimulus = Stimulus([0, np.float32(0.25)], 0.5, normalisation=[(0, 0, 0), (1, 1, 1)])
    assert (stimulus.shifts, type(stimulus.shifts[1])) == ((0.0, 0.25), float)
    assert stimulus.normalisation == Normalisation((0, 0, 0), (1, 1, 1))
    assert stimulus == Stimulus((0, 0.25), 0.5, normalisation=Normalisation((0, 0, 0), (1, 1, 1)))
