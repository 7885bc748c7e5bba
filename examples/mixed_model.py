"""
A regression on the table of units, and why it is no test
=========================================================

The table of units invites a regression of invariance on dynamic range, with sessions as the random
effect. This is useful to describe a recording but fails as a test: trial noise affects both columns
of a row, and produces a slope without any relation.
"""

# %%
# ``python examples/mixed_model.py v4.nc`` prints the model of a recording. Without a file, or with
# a number of experiments in its place, known truths are simulated: populations without and with a
# relation, and the two quantities as measured, corrected for noise, and from disjoint trials. See
# :doc:`/units`.

import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
import statsmodels.formula.api as smf

import artiphys
from artiphys.plotting import paper_style

FORMULA = "fisher_z ~ np.log(dynamic_range) + mean_response"
SLOPE = "np.log(dynamic_range)"


def fitted(responses, noise="auto"):
    """Return the mixed model of the units that a signature uses, at the first position."""
    table = artiphys.unit_table(responses, noise=noise)
    units = table[table["used"] & (table["dynamic_range"] > 0) & np.isfinite(table["fisher_z"])]
    units = units[units["position"] == units["position"].iloc[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sessions that do not differ are at the edge of the model
        return smf.mixedlm(FORMULA, units, groups="session").fit()


def slopes(relation, n_experiments, noise):
    """Return the slope in each simulated recording, and whether it is significant."""
    found = []
    for seed in range(n_experiments):
        responses, _ = artiphys.simulate_responses(
            relation=relation, n_units=80, n_sessions=4, repeats=5, rng=seed
        )
        model = fitted(responses, noise)
        found.append((model.params[SLOPE], model.pvalues[SLOPE] < 0.05))
    return np.array(found)


# %%
# Without a relation (blue) the slopes should scatter around 0. As measured they are far from it.
# They are still above 0 on average where the quantities are corrected for noise or estimated from
# disjoint trials, because noise skews them, most of all in units of narrow dynamic range.


def main(path=None, n_experiments=20):
    """Print the model of a recording, or draw the slopes that known truths give."""
    if path is not None:
        print(fitted(artiphys.open_responses(path)).summary())
        return
    found = {}
    for noise in (None, "corrected", "split"):
        for relation in ("none", "rectification"):
            found[noise, relation] = slopes(relation, n_experiments, noise)
            slope, significant = found[noise, relation].mean(axis=0)
            print(f"{relation}, {noise=}: slope {slope:.3f}, p < 0.05 in {significant:.0%}")
    with paper_style():
        _, ax = plt.subplots(figsize=(5.2, 2.6), layout="constrained")
        draw(found, ax)


def draw(found, ax):
    """Draw the slopes, a row for each way to measure and each truth, a point for each recording."""
    for row, ((noise, relation), experiments) in enumerate(found.items()):
        label = None if noise else relation
        colour = "C0" if relation == "none" else "C1"
        ax.plot(experiments[:, 0], [row] * len(experiments), ".", color=colour, label=label)
    ax.axvline(0, color="0.6", linewidth=0.6)
    ax.set_yticks([0.5, 2.5, 4.5], ["as measured", "corrected", "split"])
    ax.set_ylim(5.5, -0.5)
    ax.set_xlabel("slope of Fisher z on log dynamic range, a point for each recording")
    ax.legend(title="relation", loc="upper left", bbox_to_anchor=(1, 1))


if __name__ == "__main__":
    (asked,) = sys.argv[1:2] or ["20"]
    main(n_experiments=int(asked)) if asked.isdigit() else main(asked)
