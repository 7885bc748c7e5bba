"""Responses that reports are made of: small, with a relation, and a network beside them."""

import pytest

from artiphys.simulation import simulate_responses


@pytest.fixture(scope="session")
def recording():
    """Of fewer images than the theory's fit takes, which is most of the time of a page."""
    return simulate_responses(
        n_units=30, n_images=16, n_positions=3, rate=40.0, area="V4", rng=1
    ).responses


@pytest.fixture(scope="session")
def network():
    responses, truth = simulate_responses(n_units=40, n_images=24, repeats=1, area="conv2", rng=0)
    rates = responses.isel(trial=0, drop=True).copy(data=truth["rate"].values)
    return rates.assign_coords(position=[0.0, 0.125]).assign_attrs(reference=0.0, units="a.u.")
