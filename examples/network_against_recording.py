"""
A network against a recording
=============================

A network responds without noise, to any number of images; a recording has few images, few trials
and much noise. To compare the two relations, the network is measured through the recording's own
experiment.
"""

# %%
# Two layers and a recording, all simulated. One of the layers has the relation and one has not; the
# area has it.

import matplotlib.pyplot as plt
import xarray as xr

import artiphys
from artiphys.plotting import paper_style, plot_comparison


def layer(name, relation, rng):
    """Return the responses of a layer without noise: the rates of a simulated population."""
    truth = artiphys.simulate_responses(relation=relation, n_units=120, n_images=200, rng=rng).truth
    rate = truth["rate"].rename("response")
    names = [f"{name}/{number}" for number in range(rate.sizes["unit"])]
    return rate.assign_coords(unit=names, area=("unit", [name] * len(names)))


network = xr.concat([layer("conv2", "rectification", 1), layer("conv3", "none", 2)], "unit")
recording = artiphys.simulate_responses(
    n_units=150, n_images=100, repeats=8, rate=30, area="V4", rng=3
).responses

# %%
# ``compare`` draws as many images from the network as were recorded, gives each of its units the
# trials and the noise of a recorded one, and measures both sides alike. The difference of the two
# correlations comes with an interval.

result = artiphys.compare(network, recording, n_passes=4, rng=0)
columns = ["spearman_model", "spearman_brain", "difference", "p_value"]
print(result[columns].to_dataframe()[columns].round(3))
print(artiphys.verdict(result))

# %%
# A row for each layer, left of the line where its relation is weaker than the area's:

with paper_style():
    figure, ax = plt.subplots(figsize=(4.6, 2.2), layout="constrained")
    plot_comparison(result, ax)
