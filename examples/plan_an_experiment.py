"""
How many neurons, images and trials?
====================================

What relation would a planned experiment find, and how much would more neurons, images or trials
help? To answer, experiments like it are simulated and measured as the real one will be.
"""

# %%
# The plan: 60 neurons, 40 images, 5 trials of each at each position, 20 spikes/s; and the same with
# twice the neurons, images or trials. So few experiments (12 for each design and relation) give a
# rough answer in seconds; the intervals say how rough. For a decision take the default of 100 or
# more, and ``jobs=`` cores.

import matplotlib.pyplot as plt

import artiphys
from artiphys.plotting import paper_style
from artiphys.plotting.design import plot_designs, plot_power

result = artiphys.power(
    60,
    40,
    5,
    rate=20,
    relations=(0.0, 0.3, 0.6, 0.9),
    factors=(2,),
    n_experiments=12,
    progress=False,
    rng=0,
)
print(result[["changed", "n_units", "n_images", "n_repeats", "detectable"]].to_dataframe().round(2))

# %%
# Left, the share of experiments that find a true relation of the given size; where there is none it
# is the false-positive rate. Right, the relation that each design finds in 80 % of experiments.

with paper_style():
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 2.8), layout="constrained")
    plot_power(result, axes[0])
    plot_designs(result, axes[1])

# %%
# With a pilot at hand, units and noise are drawn from it: ``artiphys.power(200, 60, 5,
# pilot=responses)``. After the experiment, :func:`artiphys.control` measures recordings like the
# one made, without a relation in them: the false-positive rate that *this* recording has.
