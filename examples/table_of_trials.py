"""
A table of trials, in whatever format
=====================================

Responses that you already have in memory, one row per trial, become a response array with one call.
Any format of your own can be converted this way.
"""

# %%
# The table says which unit and image, where, and how many spikes in a window of 0.2 s. Here it is
# simulated. Trials are in the order in which they were run, some images were shown more often than
# others, and one unit was lost during the session.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import artiphys
from artiphys.plotting import paper_style, plot_unit

rng = np.random.default_rng(0)
cells = pd.DataFrame(
    [(image, position) for image in "abcdefghijkl" for position in (0.0, 1.5)] * 5,
    columns=["image", "position"],
).sample(n=100, random_state=0)


def trials_of(unit):
    """Return the trials of one unit, whose rate depends on the image alone."""
    rate = dict(zip("abcdefghijkl", rng.gamma(1, 8, 12), strict=True))
    return cells.assign(unit=unit, spikes=rng.poisson(cells["image"].map(rate)))


trials = pd.concat(trials_of(f"m1/{number}") for number in range(5))
lost = (trials["unit"] == "m1/3") & (np.arange(len(trials)) % 100 > 60)
trials = trials[~lost]
print(trials.head().to_string(index=False))

# %%
# The repeats of an image at a position are numbered along ``trial``. Cells with fewer repeats are
# padded with NaN, which always means *not measured*, never zero.

responses = artiphys.from_presentations(
    trials["spikes"] / 0.2,
    unit=trials["unit"],
    image=trials["image"],
    position=trials["position"],
    reference=0.0,
    x={0.0: 0.0, 1.5: 1.5},
    y={0.0: 0.0, 1.5: 0.0},
    units="spikes/s",
    area="V4",
    source="session 1",
)
print(dict(responses.sizes))
print(responses.notnull().sum(("image", "position", "trial")).to_pandas())

# %%
# From here on, everything works as for a network or an NWB file:

columns = ["unit", "dynamic_range", "invariance", "noise_error"]
print(artiphys.unit_table(responses)[columns].round(2).to_string(index=False))

# %%
# The tuning of one unit, with the standard error over trials:

with paper_style():
    figure, ax = plt.subplots(figsize=(3.6, 3.0), layout="constrained")
    plot_unit(responses, "m1/0", ax)

# %%
# Input that cannot be right is refused, with the reason:

try:
    artiphys.from_presentations(
        trials["spikes"] / 0.2,
        unit=trials["unit"],
        image=trials["image"],
        position=trials["position"],
        reference=7.0,
        units="spikes/s",
        area="V4",
        source="session 1",
    )
except artiphys.SchemaError as error:
    print(error)
