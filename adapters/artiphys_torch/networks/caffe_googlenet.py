"""BVLC's GoogLeNet as Caffe has it, layers named as in its published prototxt.

Where a concatenation of branches is rectified, as all are, it is one unrectified layer here:
``inception_3a/output``.
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from artiphys_torch.networks.caffe_files import CAFFE_SAYS, read_blobs
from artiphys_torch.networks.filling import loaded
from artiphys_torch.stimuli.canvas import Normalisation

__all__ = ["CaffeGoogLeNet", "load_caffe_googlenet"]

# Of bvlc_googlenet/train_val.prototxt, mean_value: 104, 117 and 123 in B, G, R.
CAFFE_VALUES = Normalisation((123 / 255, 117 / 255, 104 / 255), (1 / 255, 1 / 255, 1 / 255))
# Channels of 1x1, 3x3_reduce, 3x3, 5x5_reduce, 5x5, pool_proj.
INCEPTIONS = {
    "3a": (192, (64, 96, 128, 16, 32, 32)),
    "3b": (256, (128, 128, 192, 32, 96, 64)),
    "4a": (480, (192, 96, 208, 16, 48, 64)),
    "4b": (512, (160, 112, 224, 24, 64, 64)),
    "4c": (512, (128, 128, 256, 24, 64, 64)),
    "4d": (512, (112, 144, 288, 32, 64, 64)),
    "4e": (528, (256, 160, 320, 32, 128, 128)),
    "5a": (832, (256, 160, 320, 32, 128, 128)),
    "5b": (832, (384, 192, 384, 48, 128, 128)),
}
AREAS = {"conv2": "conv2/3x3", **{name: f"inception_{name}/output" for name in INCEPTIONS}}
STEM = ("conv1/7x7_s2", "conv2/3x3_reduce", "conv2/3x3")
BRANCHES = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")
LAYERS = (
    *STEM,
    *(f"inception_{name}/{branch}" for name in INCEPTIONS for branch in BRANCHES),
    "loss3/classifier",
)


class CaffeGoogLeNet(nn.Module):
    """Szegedy et al.'s network as BVLC trained it, without the two heads used in training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module("conv1/7x7_s2", nn.Conv2d(3, 64, 7, stride=2, padding=3))
        self.add_module("conv2/3x3_reduce", nn.Conv2d(64, 64, 1))
        self.add_module("conv2/3x3", nn.Conv2d(64, 192, 3, padding=1))
        for name, (given, widths) in INCEPTIONS.items():
            one, reduce3, three, reduce5, five, pooled = widths
            layers = {
                "1x1": nn.Conv2d(given, one, 1),
                "3x3_reduce": nn.Conv2d(given, reduce3, 1),
                "3x3": nn.Conv2d(reduce3, three, 3, padding=1),
                "5x5_reduce": nn.Conv2d(given, reduce5, 1),
                "5x5": nn.Conv2d(reduce5, five, 5, padding=2),
                "pool_proj": nn.Conv2d(given, pooled, 1),
                "output": nn.Identity(),
            }
            for branch, layer in layers.items():
                self.add_module(f"inception_{name}/{branch}", layer)
        self.relu = nn.ReLU()
        self.norm = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)  # Caffe's windows may end outside
        self.pool_same = nn.MaxPool2d(3, stride=1, padding=1)
        self.whole = nn.AdaptiveAvgPool2d(1)
        self.add_module("loss3/classifier", nn.Linear(1024, 1000))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the 1000 classes' scores, (image, class)."""
        layer = self.get_submodule
        values = self.norm(self.pool(self.relu(layer("conv1/7x7_s2")(images))))
        values = self.relu(layer("conv2/3x3_reduce")(values))
        values = self.pool(self.norm(self.relu(layer("conv2/3x3")(values))))
        for name in INCEPTIONS:
            values = self._inception(f"inception_{name}", values)
            if name in ("3b", "4e"):
                values = self.pool(values)
        return layer("loss3/classifier")(self.whole(values).flatten(1))

    def _inception(self, name: str, values: torch.Tensor) -> torch.Tensor:
        def layer(branch: str) -> nn.Module:
            return self.get_submodule(f"{name}/{branch}")

        branches = (
            layer("1x1")(values),
            layer("3x3")(self.relu(layer("3x3_reduce")(values))),
            layer("5x5")(self.relu(layer("5x5_reduce")(values))),
            layer("pool_proj")(self.pool_same(values)),
        )
        return self.relu(layer("output")(torch.cat(branches, dim=1)))


def load_caffe_googlenet(weights: str | Path = "untrained", *, seed: int = 0) -> nn.Module:
    """Return Caffe's GoogLeNet, ready to be probed as ``conv2`` and ``3a`` to ``5b``.

    Parameters
    ----------
    weights : "untrained" or path
        Untrained weights are drawn as Caffe's "xavier", biases 0.2; a file is BVLC's
        ``.caffemodel``, an ``.npz`` of its blobs, or a state dict of this class.
    seed : int
        Of untrained weights.

    Returns
    -------
    torch.nn.Module
        In evaluation mode, on the CPU. It asks for pixels of Caffe's scale, 0 to 255 less the mean,
        in R, G, B: the kernels of a ``.caffemodel``'s first layer, in B, G, R, are turned round.

    References
    ----------
    Szegedy et al. (2015), Going deeper with convolutions, CVPR, doi:10.1109/CVPR.2015.7298594.
    """

    def build() -> nn.Module:
        model = CaffeGoogLeNet()
        for name in LAYERS:
            layer: Any = model.get_submodule(name)
            bound = (3 / layer.weight[0].numel()) ** 0.5  # "xavier": by the inputs alone
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.constant_(layer.bias, 0.0 if name == "loss3/classifier" else 0.2)
        return model

    return loaded(
        build,
        "caffe_googlenet",
        weights,
        seed=seed,
        normalisation=CAFFE_VALUES,
        normalisation_from=CAFFE_SAYS,
        areas=AREAS,
        read=lambda path: read_blobs(path, LAYERS, first=STEM[0]),
    )
