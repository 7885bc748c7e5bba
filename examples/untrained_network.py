"""
A small network, untrained, and the relation in it
==================================================

Pospisil & Bair (2019) found the relation even in untrained networks, and explained it by
rectification. Any torch network can be measured like this one.
"""

# %%
# The network has three convolutions with random weights and rectification between them. Each unit
# is probed on a canvas of the size of its receptive field, with images at a reference position and
# shifted by 1/8 and 1/4 of the field. The images are dead leaves, overlapping discs with the
# statistics of natural scenes.

import matplotlib.pyplot as plt
import torch
from torch import nn

import artiphys
from artiphys.plotting import paper_style, plot_signature
from artiphys_torch import probe, receptive_field

torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(3, 32, 7, stride=2),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(32, 96, 5),
    nn.ReLU(),
    nn.Conv2d(96, 96, 3),
)
for layer in ("3", "5"):
    print(layer, receptive_field(network, layer))

# %%
# ``layers`` maps names of your own to modules. Responses are taken before rectification, whatever
# follows the layer.

responses = probe(
    network, images=None, layers={"conv2": "3", "conv3": "5"}, source="small", progress=False
)
print(dict(responses.sizes))

# %%
# The relation in each layer, at each shift. A network responds without noise, so variance and
# correlation need no correction.

result = artiphys.signature(responses, rng=0)
print(result["spearman"].to_pandas().round(2))
print(artiphys.verdict(result))

# %%

with paper_style():
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.2), sharey=True, layout="constrained")
    for ax, area in zip(axes, ("conv2", "conv3"), strict=True):
        plot_signature(responses, result, ax, group=area)
        ax.label_outer()
