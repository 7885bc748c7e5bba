"""A regression on the table of units, sessions as the random effect; and why it is no test.

Run with the file of a recording, or without one on simulated recordings whose truth is known:
``python examples/mixed_model.py [v4.nc]``.
"""

import sys
import warnings

import numpy as np
import statsmodels.formula.api as smf

import artiphys

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
    """Return the mean slope in simulated recordings, and how often it is significant."""
    found = []
    for seed in range(n_experiments):
        responses, _ = artiphys.simulate_responses(
            relation=relation, n_units=80, n_sessions=4, repeats=5, rng=seed
        )
        model = fitted(responses, noise)
        found.append((model.params[SLOPE], model.pvalues[SLOPE] < 0.05))
    return np.mean(found, axis=0)


def main(path=None, n_experiments=100):
    """Print the model of a recording, or the slopes that known truths give."""
    if path is not None:
        print(fitted(artiphys.open_responses(path)).summary())
        return
    for relation in ("none", "rectification"):
        for noise in (None, "corrected", "split"):
            slope, share = slopes(relation, n_experiments, noise)
            print(f"{relation}, noise={noise!r}: slope {slope:.3f}, p < 0.05 in {share:.0%}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
