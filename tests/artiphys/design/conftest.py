"""No figure outlives its test, and recordings that several tests measure."""

import pytest

from artiphys.simulation import simulate_responses


@pytest.fixture(scope="session")
def recording():
    """60 units without a relation, as noisy as V4."""
    return simulate_responses(relation="none", n_units=60, n_images=30, rate=10.0, rng=3)


@pytest.fixture(scope="session")
def long_recording():
    """Many trials, so that truth and estimate nearly agree; three positions."""
    return simulate_responses(
        relation="none", n_units=150, n_images=40, n_positions=3, repeats=150, rate=20.0, rng=1
    )
