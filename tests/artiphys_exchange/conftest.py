"""Responses to send through a door and back."""

import pytest

from unequal_repeats import assert_same, unequal_repeats


@pytest.fixture(params=["numbers", "text"])
def responses(request, make_responses):
    how = {"displacement_units": "px", "units": "spikes", "source": "s"}
    return unequal_repeats(make_responses, request.param, **how)


@pytest.fixture
def same():
    return assert_same
