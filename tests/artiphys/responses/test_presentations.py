"""Presentations into the padded array: each response in its cell, against a loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artiphys.errors import InputError, SchemaError
from artiphys.responses.presentations import from_presentations
from artiphys.responses.schema import validate

GIVEN = {"reference": 0, "units": "spikes", "area": "V4", "source": "s1"}


def session(seed, n_unit=3, n_presentation=60):
    rng = np.random.default_rng(seed)
    return (
        rng.poisson(4.0, (n_unit, n_presentation)).astype(float),
        rng.integers(4, size=n_presentation),
        np.r_[0, rng.integers(3, size=n_presentation - 1)],
    )


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_each_response_is_in_its_cell_in_its_turn(seed):
    values, image, position = session(seed)
    names = ["a", "b", "c"]
    responses = validate(
        from_presentations(values, unit=names, image=image, position=position, **GIVEN)
    )
    for i in np.unique(image):
        for p in np.unique(position):
            expected = values[:, (image == i) & (position == p)]
            cell = responses.sel(image=str(i), position=p).values
            np.testing.assert_array_equal(cell[:, : expected.shape[1]], expected)
            assert np.isnan(cell[:, expected.shape[1] :]).all()


def test_units_that_were_not_recorded_at_once_come_one_by_one():
    values, image, position = session(1)
    whole = from_presentations(
        values, unit=["a", "b", "c"], image=image, position=position, **GIVEN
    )
    long = from_presentations(
        values.T.ravel(),
        unit=["a", "b", "c"] * 60,
        image=np.repeat(image, 3),
        position=np.repeat(position, 3),
        **GIVEN | {"area": {"a": "V4", "b": "V4", "c": "V4"}},
    )
    np.testing.assert_array_equal(long, whole)
    assert long["area"].values.tolist() == ["V4"] * 3


def test_what_was_not_measured_is_nan_and_displacements_are_by_position():
    values, image, position = session(2)
    values[1, 5] = np.nan
    responses = from_presentations(
        values, unit=["a", "b", "c"], image=image, position=position, x={1: 2.0, 0: 0.0}, **GIVEN
    )
    assert int(responses.notnull().sum()) == values.size - 1
    assert responses["x"].sel(position=[0, 1]).values.tolist() == [0.0, 2.0]
    assert np.isnan(responses["x"].sel(position=2))


@pytest.mark.parametrize(
    ("change", "error", "fault"),
    [
        ({"unit": ["a"]}, InputError, "unit must have 2 labels, one for each unit; got 1"),
        ({"image": ["a"]}, InputError, "image must have 3 labels, one for each presentation"),
        ({"values": [[[1.0]]]}, InputError, r"\(unit, presentation\) or .* got 3 dimensions"),
        ({"values": np.full((2, 3), np.nan)}, InputError, "a presentation that was measured"),
        ({"image": [1.0, np.nan, 2.0]}, InputError, "image: 1 of 3 labels are None or NaN; leave"),
        ({"image": np.array(["i", None, None])}, InputError, "image: 2 of 3 labels are None"),
        ({"position": [0, np.nan, 1]}, InputError, "position: 1 of 3 labels are None or NaN"),
        ({"area": {"a": "V4"}}, InputError, r"area must name every unit; it lacks \['b'\]"),
        ({"reference": 7}, SchemaError, "attrs\\['reference'\\] 7 is not among the positions"),
        ({"unit": ["a", "a"]}, SchemaError, "'unit' labels must be unique"),
    ],
)
def test_bad_input(change, error, fault):
    asked = {"values": [[1.0, 2, 3], [4, 5, 6]], "unit": ["a", "b"], "image": ["i", "j", "i"]}
    asked |= {"position": [0, 0, 1], **GIVEN} | change
    with pytest.raises(error, match=fault):
        from_presentations(asked.pop("values"), **asked)
