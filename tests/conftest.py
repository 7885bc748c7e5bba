"""Fixtures that every test may use."""

import os
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from artiphys.responses.array import response_array
from artiphys.responses.provenance import provenance
from environment import ROOT, missing

matplotlib.use("Agg")
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")  # pytest-xdist has the cores; some tests ask for 2


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of photographs, weights and recordings beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        missing(f"the data folder {folder}")
    return folder


@pytest.fixture
def make_responses():
    """A valid response array around any values (unit, image, position[, trial])."""

    def make(values, **changes):
        values = np.asarray(values, dtype=float)
        n_unit, n_image, n_position = values.shape[:3]
        given = {
            "unit": [f"u{i}" for i in range(n_unit)],
            "image": [f"i{i}" for i in range(n_image)],
            "position": list(range(n_position)),
            "x": np.arange(n_position),
            "y": np.zeros(n_position),
            "displacement_units": "px",
            "area": "V4",
            "source": "made",
            "units": "a.u.",
            "reference": 0,
            "provenance": provenance("tests", arguments={}),
        }
        return response_array(values, **given | changes)

    return make
