"""AlexNet as Caffe has it: two groups in conv2, conv4 and conv5, local response normalisation.

The receptive fields are those of torchvision's AlexNet; channels, groups, normalisation, padding
and the initial weights are not, so that the two together tell what a result owes to them.
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from artiphys_torch.networks.caffe_files import CAFFE, CAFFE_SAYS, read_blobs
from artiphys_torch.networks.filling import loaded

__all__ = ["CaffeAlexNet", "load_caffe_alexnet"]

AREAS = {f"conv{number}": f"conv{number}" for number in (2, 3, 4, 5)}
# Initial standard deviation of the weights, and bias, of each layer (bvlc_alexnet's train_val).
GAUSSIAN = {
    "conv1": (0.01, 0.0),
    "conv2": (0.01, 0.1),
    "conv3": (0.01, 0.0),
    "conv4": (0.01, 0.1),
    "conv5": (0.01, 0.1),
    "fc6": (0.005, 0.1),
    "fc7": (0.005, 0.1),
    "fc8": (0.01, 0.0),
}


class CaffeAlexNet(nn.Module):
    """Krizhevsky, Sutskever & Hinton's network, layers named as in Caffe.

    Parameters
    ----------
    groups : int
        Of conv2, conv4 and conv5; 2, or 1 to see what the groups do.
    normalised : bool
        Whether local response normalisation follows conv1 and conv2.
    """

    def __init__(self, *, groups: int = 2, normalised: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=groups)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=groups)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=groups)
        self.relu = nn.ReLU()
        # alpha is divided by the size in torch as in Caffe.
        self.norm = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75) if normalised else nn.Identity()
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)  # Caffe's windows may end outside
        self.whole = nn.AdaptiveAvgPool2d(6)
        self.fc6 = nn.Linear(9216, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the 1000 classes' scores, (image, class)."""
        low = self.pool(self.norm(self.relu(self.conv1(images))))
        low = self.pool(self.norm(self.relu(self.conv2(low))))
        high = self.relu(self.conv4(self.relu(self.conv3(low))))
        high = self.pool(self.relu(self.conv5(high)))
        flat = self.whole(high).flatten(1)
        return self.fc8(self.relu(self.fc7(self.relu(self.fc6(flat)))))


def load_caffe_alexnet(
    weights: str | Path = "untrained",
    *,
    seed: int = 0,
    groups: int = 2,
    normalised: bool = True,
) -> nn.Module:
    """Return Caffe's AlexNet, ready to be probed as ``conv2`` to ``conv5``.

    Parameters
    ----------
    weights : "untrained" or path
        Untrained weights are Gaussian, as in Caffe's own definition of the network; a file is
        Caffe's own ``.caffemodel``, an ``.npz`` of its blobs, or a state dict of this class.
    seed : int
        Of untrained weights.
    groups : int
        Of conv2, conv4 and conv5.
    normalised : bool
        Whether local response normalisation follows conv1 and conv2.

    Returns
    -------
    torch.nn.Module
        In evaluation mode, on the CPU. It asks for pixels of Caffe's scale, 0 to 255 less the mean,
        in R, G, B: the kernels of a ``.caffemodel``'s first layer, in B, G, R, are turned round.

    References
    ----------
    Krizhevsky, Sutskever & Hinton (2012), ImageNet classification with deep convolutional neural
    networks, NeurIPS 25, doi:10.1145/3065386.
    """

    def build() -> nn.Module:
        model = CaffeAlexNet(groups=groups, normalised=normalised)
        for name, (std, bias) in GAUSSIAN.items():
            layer: Any = model.get_submodule(name)
            nn.init.normal_(layer.weight, std=std)
            nn.init.constant_(layer.bias, bias)
        return model

    name = "caffe_alexnet"
    if groups != 2 or not normalised:
        name += f"-groups{groups}" + ("" if normalised else "-unnormalised")
    return loaded(
        build,
        name,
        weights,
        seed=seed,
        normalisation=CAFFE,
        normalisation_from=CAFFE_SAYS,
        areas=AREAS,
        read=lambda path: read_blobs(path, list(GAUSSIAN), first="conv1"),
    )
