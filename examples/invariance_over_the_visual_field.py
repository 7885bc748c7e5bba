"""
Invariance over the visual field
================================

How far can an image move before the responses of a unit change? With a grid of positions the answer
is a map.
"""

# %%
# Two simulated units stand in for a recording. At each position the log rate of a unit is a mixture
# of its log rate at the reference, which fades with distance, and of an independent part.

import matplotlib.pyplot as plt
import numpy as np

import artiphys
from artiphys.plotting import paper_style, plot_position_map

rng = np.random.default_rng(0)
grid = [(x, y) for y in (2, 1, 0, -1, -2) for x in (-2, -1, 0, 1, 2)]
distance = np.hypot(*np.transpose(grid))
reach = np.array([3.0, 1.0])  # degrees in which the correlation falls to exp(-1/2)
n_images, n_trials, window = 40, 6, 0.2

kept = np.exp(-((distance / reach[:, None, None]) ** 2) / 2)
here = rng.normal(size=(2, n_images, 1))
tuning = kept * here + np.sqrt(1 - kept**2) * rng.normal(size=(2, n_images, len(grid)))
counts = rng.poisson(window * np.exp(3 + 0.6 * tuning)[..., None], (*tuning.shape, n_trials))

# %%
# :func:`artiphys.from_presentations` takes one column per presentation, in any order, and what was
# shown where. ``x`` and ``y`` are displacements from the reference.

image, position, _ = (axis.ravel() for axis in np.indices(counts.shape[1:]))
names = np.array([f"{x},{y}" for x, y in grid])
responses = artiphys.from_presentations(
    counts.reshape(2, -1) / window,
    unit=["tolerant", "local"],
    image=image,
    position=names[position].tolist(),
    reference="0,0",
    x={name: x for name, (x, _) in zip(names, grid, strict=True)},
    y={name: y for name, (_, y) in zip(names, grid, strict=True)},
    units="spikes/s",
    area="V4",
    source="made up",
)

# %%
# Invariance is the correlation, across images, of the responses at a position with those at the
# reference (the cross). With trials it is corrected for noise, so that an estimate may exceed 1 by
# chance.

invariance = artiphys.invariance(responses)
with paper_style():
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.2), layout="constrained")
    for ax, unit in zip(axes, ("tolerant", "local"), strict=True):
        plot_position_map(invariance, ax, unit=unit)
