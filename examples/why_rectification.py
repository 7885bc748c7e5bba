"""
Why it should be so: one threshold, one input or many
=====================================================

The inputs to a unit for an image and for its shifted copy are correlated. A threshold cuts off
whatever lies below it, and that alone makes units of larger variance more invariant.
"""

# %%
# Let the input be bivariate normal with mean μ, standard deviation σ and correlation ρ. The moments
# of its rectification are exact (:func:`artiphys.rectified_moments`). As μ/σ rises, the variance of
# the output and its correlation rise together. Dashed, the power law that the paper fits.

import matplotlib.pyplot as plt
import numpy as np

import artiphys
from artiphys.integration.relation import integrated_relation, simulate_integrated_relation
from artiphys.plotting import paper_style
from artiphys.plotting.integration import plot_integrated_relation
from artiphys.plotting.rectification import plot_relation
from artiphys.rectification.curve import single_input_relation

with paper_style():
    figure, ax = plt.subplots(figsize=(3.8, 3.2), layout="constrained")
    plot_relation(single_input_relation([0.3, 0.6, 0.9]), ax)

# %%
# The same from numbers drawn at random, as a check of the formulas:

rng = np.random.default_rng(0)
ratio, rho = 0.5, 0.6
drawn = rng.multivariate_normal([ratio, ratio], [[1, rho], [rho, 1]], size=200_000)
kept = np.maximum(drawn, 0)
exact = artiphys.rectified_moments(ratio, ratio, 1, 1, rho)
print(f"variance    exact {exact.var1:.3f}, drawn {kept[:, 0].var():.3f}")
print(f"correlation exact {exact.corr:.3f}, drawn {np.corrcoef(kept.T)[0, 1]:.3f}")

# %%
# One curve for all units of a population can be fitted: ρ and σ are common, μ/σ is each unit's own.

truth = artiphys.rectified_moments(*2 * [5 * np.linspace(-1, 3, 60)], 5, 5, rho)
model = artiphys.RectificationModel().fit(truth.var1, truth.corr)
print(f"rho {model.rho_:.2f} (true {rho}), sigma {model.sigma_:.2f} (true 5)")

# %%
# Units of a deep layer sum many rectified inputs. Does the relation survive? Figure 3B of the
# paper, by exact covariances, with simulated populations as points: each trace is a sweep of the
# mean μ/σ of the inputs. Inputs that correlate (colours) add to the variance of the sum; the wider
# the neighbourhood of μ/σ that is averaged over (line patterns), the flatter the relation. Black,
# one input.

relation = integrated_relation()
with paper_style():
    figure, ax = plt.subplots(figsize=(5.0, 3.6), layout="constrained")
    plot_integrated_relation(relation, simulate_integrated_relation(rng=0), ax)
