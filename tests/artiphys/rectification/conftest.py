"""A population that the model can be fitted to."""

import numpy as np
import pytest

from rectification_recovery import measured


@pytest.fixture
def data():
    rng = np.random.default_rng(12)
    return measured(rng.normal(0, 1, 40), 0.7, 500, rng)
