"""
From a recording to a verdict, and the trap on the way
======================================================

Do neurons that tolerate a shift of the image have the larger dynamic range? Measured naively they
always seem to. Two simulated populations, one with such a relation and one without, show what the
naive answer is worth, and what :func:`artiphys.signature` does instead.
"""

# %%
# Two recordings of 200 neurons, with 120 images at 2 positions and 10 trials each. In the first,
# rates are rectified Gaussians, which relates invariance to dynamic range; in the second the two
# are independent. A recording of yours comes from :func:`artiphys_nwb.read_nwb` or
# :func:`artiphys.from_presentations` and looks the same.

import matplotlib.pyplot as plt

import artiphys
from artiphys.plotting import paper_style, plot_signature

design = {"n_units": 200, "n_images": 120, "repeats": 10, "rng": 0}
related, truth = artiphys.simulate_responses(
    relation="rectification", rate=30, area="related", **design
)
unrelated, _ = artiphys.simulate_responses(relation="none", rate=5, area="unrelated", **design)
print(related.dims, related.shape)

# %%
# The naive test takes the variance and the correlation of the mean responses as they are. Trial
# noise increases the variance of a noisy unit and attenuates its correlation, which makes the two
# depend on each other in any population. The naive test is certain of a relation where there is
# none:

naive = artiphys.signature(unrelated, noise=None, resample=("unit",), rng=0)
print(naive[["spearman", "p_value"]].to_dataframe().round(3))

# %%
# The default estimates the two quantities in such a way that they share no noise. It treats both
# images and units as samples, so that its answer is about images and units at large.

for responses in (related, unrelated):
    print(artiphys.verdict(artiphys.signature(responses, rng=0)))

# %%
# The units of each estimate, with their standard errors from trial noise; very noisy units are
# faint. Trust the estimate in the title, not the cloud, since noise moves both coordinates of a
# point.

with paper_style():
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.2), layout="constrained")
    for ax, responses in zip(axes, (related, unrelated), strict=True):
        plot_signature(responses, artiphys.signature(responses, rng=0), ax)

# %%
# Since the neurons are simulated, we can look behind the noise. The relation of the rates
# themselves in the first population:

known = artiphys.spearman(truth["dynamic_range"], truth["invariance"].sel(position=1), rng=0)
print(f"r_s = {float(known['spearman']):.2f}")
