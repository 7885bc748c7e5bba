"""Steadiness: an answer that is not of the image alone is refused, and so is a pass that breaks."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from artiphys.errors import InputError
from artiphys_torch import probe, receptive_field
from artiphys_torch.receptive_fields.steadiness import N_MORE, steadiness
from torch_networks import photographs


class Doing(nn.Module):
    """Two convolutions, with something done between them."""

    def __init__(self, between):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last, self.between = nn.Conv2d(3, 4, 5), nn.Conv2d(4, 2, 3), between
        self.passes = 0

    def forward(self, image):
        self.passes += 1
        return self.last(self.between(self, self.first(image)))


def rarely(_, x):
    return nn.functional.dropout2d(x, 0.03, training=True)


def numpy_s(_, x):
    return x * (1 + (np.random.rand() < 0.2))  # noqa: NPY002


def python_s(_, x):
    return x * (1 + (random.random() < 0.2))


def drawn_in_vain(_, x):
    return x + 0 * torch.rand(1)


def by_the_batch(_, x):
    return torch.relu(x - 0.5 * x.mean(0, keepdim=True))


def by_the_past(model, x):
    return torch.relu(x) * (1 + 0.1 * model.passes)


def by_strides(model, x):
    model.last.stride = (1 + model.passes % 2,) * 2
    return x


def by_the_first(model, x):
    if not hasattr(model, "scale"):
        model.scale = x.std()
    return x / model.scale


LOOKS = {
    "receptive_field": lambda model: receptive_field(model, "last"),
    "probe": lambda model: probe(model, photographs(2), "last", progress=False),
    "frame": lambda model: probe(model, photographs(2), "last", frame=32, progress=False),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    ("between", "message"),
    [
        (rarely, "the network is random in evaluation too"),
        (numpy_s, "the network is random in evaluation too"),
        (python_s, "the network is random in evaluation too"),
        (by_the_batch, r"mixes the images of a batch; let it take moments of each image"),
        (by_the_past, "each forward pass changes the network"),
        (by_strides, "each forward pass changes the network"),
        (by_the_first, "each forward pass changes the network"),
    ],
)
def test_answers_that_are_not_of_the_image_alone_are_refused(look, between, message):
    random.seed(1)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(1)
    with pytest.raises(InputError, match=message):
        LOOKS[look](Doing(between))


def test_numbers_drawn_in_vain_cost_passes_alone():
    network = Doing(drawn_in_vain).eval()
    images = torch.rand(3, 3, 16, 16)
    answers, faults = steadiness(network, ["first", "last"], images)
    assert not faults
    assert answers["last"].shape == (2, 2, 10, 10)
    ran = Doing(drawn_in_vain)
    steadiness(network, ["last"], images, ran)
    assert ran.passes == 2 + N_MORE
    assert network.passes == 0


class One(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 5)

    def forward(self, image):
        assert len(image) == 1, "one at a time"
        return self.first(image).relu().sum()


@pytest.mark.parametrize("how", [{}, {"frame": 32}])
def test_a_network_for_single_images_is_refused_in_one_line(how):
    network = One()
    network.register_forward_hook(lambda *_: None)  # by frames
    with pytest.raises(InputError, match=r"cannot be run on two .* at once: .*one at a time"):
        probe(network, photographs(1), "first", shifts=(0, 0.25), progress=False, **how)


def test_a_layer_that_does_not_run_has_no_answer_to_a_frame():
    network = Doing(lambda _, x: x)
    network.idle = nn.Conv2d(3, 3, 3)
    with pytest.raises(InputError, match="'idle' gives no tensor in a forward pass"):
        probe(network, photographs(1), "idle", frame=32, progress=False)
