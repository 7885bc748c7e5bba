"""
Counts in a MATLAB file
=======================

A ``.mat`` file of any version, v7.3 too, with counts, images and positions is read by one call.
"""

# %%
# A made-up file: spikes of 8 units in a window of 0.2 s, 25 images at 3 positions, up to 5 times
# each and in random order, written as a lab would, units × trials.

import tempfile
from pathlib import Path

import numpy as np
import scipy.io

import artiphys
from artiphys_exchange import read_mat

rng = np.random.default_rng(0)
cells = rng.permutation([(i, p) for i in range(25) for p in (-1.0, 0.0, 1.0) for _ in range(5)])
image, position = cells[:-40].T
rates = rng.gamma(1.0, 10.0, (8, 25))
path = Path(tempfile.mkdtemp()) / "session.mat"
scipy.io.savemat(
    path,
    {
        "data": {"counts": rng.poisson(0.2 * rates[:, image.astype(int)]), "image": image},
        "position": position,
        "window": [0.05, 0.25],
    },
)

# %%
# Variables are named, those in a struct with a dot. Counts become rates by the window in which they
# were counted, and positions are here their own displacement from the fovea, in degrees.

responses = read_mat(
    path,
    counts="data.counts",
    image="data.image",
    window="window",
    reference=0,
    x="position",
    area="V4",
)
print(dict(responses.sizes), responses.attrs["units"])

# %%
# From here on everything is the same as for a network or an NWB file:

columns = ["unit", "position", "dynamic_range", "invariance"]
print(artiphys.unit_table(responses)[columns].head().round(2).to_string(index=False))
