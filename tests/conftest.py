"""Fixtures that every test may use."""

import os
import signal
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from artiphys.provenance import provenance
from artiphys.schema import response_array

matplotlib.use("Agg")
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def heed_interrupts() -> None:
    """For a new process, also where the tests run in the background, where a shell ignores them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def missing(what: str, *, module: bool = False) -> None:
    """Skip a test, or a whole module, at home; fail in CI, where nothing may be missing."""
    if IN_CI:
        pytest.fail(f"{what} is missing in CI", pytrace=False)
    pytest.skip(f"{what} is missing", allow_module_level=module)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of photographs, weights and recordings beside the checkout."""
    folder = Path(__file__).parents[2] / "shared" / "data"
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
