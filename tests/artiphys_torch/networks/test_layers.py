"""Layers: chosen and named, the type that a network computes in, what was put on it."""

import torch
from torch import nn

from artiphys_torch.networks.layers import areas_of, dtype_of, is_patched
from torch_networks import chain


def test_areas_by_default_and_by_name():
    assert areas_of(chain(), None) == ({"0": "0", "4": "4", "8": "8"}, False)
    assert areas_of(chain(), {"last": "8", "first": "0"}) == ({"8": "last", "0": "first"}, True)


def test_the_type_is_that_of_the_first_numbers():
    assert dtype_of(nn.ReLU(), nn.Conv2d(3, 2, 1).double(), nn.Conv2d(2, 1, 1)) == torch.float64
    assert dtype_of(nn.ReLU()) == torch.float32


def test_a_method_of_the_instance_s_own_is_seen():
    module = nn.Conv2d(3, 2, 1)
    assert not is_patched(module)
    module.forward = lambda image: image
    assert is_patched(module)
