"""Running: no kernel that a NaN may kill is given one, wherever it hides."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.ops import DeformConv2d, roi_align

from artiphys.errors import InputError
from artiphys_torch import probe, receptive_field
from artiphys_torch.receptive_fields.connections import Connections
from artiphys_torch.receptive_fields.running import AtLeast, takes_nan
from torch_networks import photographs


class Deformed(nn.Module):
    def __init__(self, offsets_hang_on_the_image=True):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 3)
        self.offsets = nn.Conv2d(4, 18, 3, padding=1)
        if not offsets_hang_on_the_image:  # as they begin, before training
            nn.init.zeros_(self.offsets.weight)
            nn.init.zeros_(self.offsets.bias)
        self.deformed, self.last = DeformConv2d(4, 4, 3, padding=1), nn.Conv2d(4, 2, 1)

    def forward(self, image):
        values = self.first(image)
        return self.last(self.deformed(values, self.offsets(values)))


SCRIPT = """
import numpy as np, torch
from torch import nn
from torchvision.ops import DeformConv2d
from artiphys_torch import probe, receptive_field

class Deformed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.offsets = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 18, 3, padding=1)
        self.deformed, self.last = DeformConv2d(4, 4, 3, padding=1), nn.Conv2d(4, 2, 1)

    def forward(self, image):
        values = self.first(image)
        return self.last(self.deformed(values, self.offsets(values)))

for layer in ("first", "offsets", "deformed", "last"):
    for look in (receptive_field, lambda n, l: probe(n, np.zeros((1, 9, 9, 3)), l, progress=False)):
        try:
            look(Deformed(), layer)
        except (ValueError, Warning) as error:
            print(layer, error)
print("alive")
"""


def test_deformable_convolutions_do_not_kill_python():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(SCRIPT)],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.splitlines()[-1] == "alive"
    refused = {line.split()[0] for line in done.stdout.splitlines()[:-1]}
    assert refused == {"deformed", "last"}


def test_deformable_convolutions_that_do_not_yet_deform_have_a_field():
    network = Deformed(offsets_hang_on_the_image=False)
    assert receptive_field(network, "last") == (5, 1, 1.0)
    assert probe(network, photographs(1), "last", shifts=(0, 0.25), progress=False).size == 4


class OfOnesOwn(torch.autograd.Function):
    """A kernel of one's own, that takes what it is given for places in memory."""

    @staticmethod
    def forward(ctx, values):
        assert not values.isnan().any(), "a NaN has come"
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def by_numpy(values):
    array = values.detach().numpy()
    assert not np.isnan(array).any(), "a NaN has come"
    return torch.from_numpy(array * 1)


def with_boxes(values):
    boxes = torch.tensor([[0.0, 0.0, 0.0, 4.0, 4.0]], dtype=values.dtype)
    return values + 0 * roi_align(values, boxes, 1).sum()


class Between(nn.Module):
    def __init__(self, between):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last, self.between = nn.Conv2d(3, 4, 5), nn.Conv2d(4, 2, 3), between

    def forward(self, image):
        return self.last(self.between(self.first(image)))


@pytest.mark.parametrize("between", [OfOnesOwn.apply, by_numpy])
def test_kernels_of_one_s_own_are_given_no_nan(between):
    network = Between(between).requires_grad_(False)
    blank = torch.zeros(1, 3, 32, 32)
    assert takes_nan(network, ["first"], blank) == {"first"}
    assert takes_nan(network, ["first", "last"], blank) == {"first"}
    assert receptive_field(network, "last") == (7, 1, 3.0)


def test_kernels_of_libraries_are_seen_and_torch_s_own_trusted():
    blank = torch.zeros(1, 3, 32, 32)
    assert takes_nan(Between(with_boxes).requires_grad_(False), ["last"], blank) == set()
    assert takes_nan(Between(torch.relu).requires_grad_(False), ["last"], blank) == {"last"}
    connections = Connections(Between(torch.relu), ["last"])
    assert not connections.is_by_noise("last")
    with pytest.raises(InputError, match="not the same for every unit"):
        receptive_field(Deformed(), "last")


def test_shorter_numbers_asked_for_stay_double():
    values = torch.rand(2, dtype=torch.float64)
    with AtLeast(torch.float64):
        shorter = (values.float(), values.half(), values.to(torch.float32), values.to("cpu"))
        assert torch.zeros(1, dtype=torch.float16).dtype == torch.float64
    assert all(each.dtype == torch.float64 for each in shorter)
    assert values.float().dtype == torch.float32
