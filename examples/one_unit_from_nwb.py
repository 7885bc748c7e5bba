"""
One unit: tuning, raster and PSTH from an NWB file
==================================================

Look at what a unit does, image by image and spike by spike, before you trust a number. A unit that
drifts, or a window in the wrong place, is visible here and nowhere else.
"""

# %%
# A simulated session stands in for yours: spike times and a table of presentations, as in any lab's
# file.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import artiphys
from artiphys.plotting import paper_style, plot_unit
from artiphys_nwb import describe_nwb, read_nwb, read_spikes
from artiphys_nwb.simulated import write_simulated

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "session.nwb"
population = artiphys.simulate_responses(
    n_units=12, n_images=15, n_positions=3, repeats=6, rate=30, rng=3
)
write_simulated(population.responses, path, window=0.2, rng=3)

# %%
# ``describe_nwb`` proposes how to read a file, for you to check. Here the proposal is right.

description = describe_nwb(path)
print(str(description).replace(folder.name, "..."))

# %%
# ``read_nwb`` counts spikes in a window. For one unit, here the one with the best signal-to-noise
# ratio, ``read_spikes`` reads the spikes around each onset as well.

layout = description.layout
responses = read_nwb(path, layout, window=(0.05, 0.25))
table = artiphys.unit_table(responses)
unit = table.loc[table["signal_to_noise"].idxmax(), "unit"]
spikes = read_spikes(path, layout, unit, window=(-0.1, 0.4))
print({position: len(shown) for position, shown in spikes.items()}, "presentations")

# %%
# Left: the mean response to each image ± 1 standard error, with images ordered by the response at
# the reference position. The more invariant the unit, the more closely the other curves follow that
# one. Right: every spike, and the rate in bins of 10 ms. These simulated spikes are spread evenly
# over the window; real responses start with a burst.

with paper_style():
    figure, ax = plt.subplots(figsize=(6.8, 3.4), layout="constrained")
    plot_unit(responses, unit, ax, spikes=spikes)

# %%
# The numbers behind it:

columns = ["position", "dynamic_range", "invariance", "noise_error", "n_images"]
print(table.loc[table["unit"] == unit, columns].round(2).to_string(index=False))
folder.cleanup()
