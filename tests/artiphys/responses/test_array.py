"""Making a response array: what an adapter calls last, and what it is told."""

import numpy as np
import pytest

from artiphys.errors import SchemaError
from artiphys.responses.array import response_array
from artiphys.responses.schema import validate


@pytest.mark.parametrize("values", [[[1, 2], [3]], [1.0, 2.0], "text"])
def test_values_of_another_shape_are_refused(values):
    nothing = dict.fromkeys(("unit", "image", "position", "x", "y"), ())
    with pytest.raises(SchemaError, match="^no response array: values must be"):
        response_array(
            values, **nothing, displacement_units="px", area="", source="", units="a.u.",
            reference=0, provenance="{}",
        )  # fmt: skip


def test_unknown_displacements_are_nan(make_responses):
    nowhere = np.full(3, np.nan)
    validate(make_responses(np.ones((2, 4, 3)), x=nowhere, y=nowhere))


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"unit": ["a"]}, ["unit must have 2 labels, as values have along 'unit'; got 1"]),
        ({"image": list("abcde")}, ["image must have 4 labels"]),
        ({"position": "middle"}, ["position must have 3 labels, .* got an array of 0 dims"]),
        ({"x": [0.0]}, ["x must have 3 entries, one for each position; got 1"]),
        ({"x": ["left"] * 3}, ["x must be numbers; "]),
        ({"area": ["V4"] * 3}, ["area must have 2 entries, one for each unit; got 3"]),
        ({"unit_coords": {"x": [1, 2]}}, ["unit_coords must not hold 'x'"]),
        (
            {"unit": ["a"], "y": 0.0, "shift": [0, 1], "unit_coords": {"depth": [1.0]}},
            ["unit must have 2", "depth must have 2", "y must have 3", "shift must have 3"],
        ),
    ],
)
def test_arguments_of_other_lengths_are_all_named(make_responses, changes, faults):
    with pytest.raises(SchemaError, match="^no response array: " + ".*; .*".join(faults)):
        make_responses(np.ones((2, 4, 3)), **changes)


def test_one_value_serves_all_units(make_responses):
    made = make_responses(np.ones((2, 4, 3)), unit_coords={"n_channel": 96, "ok": True})
    assert made["n_channel"].values.tolist() == [96, 96]
    assert made["ok"].dtype == bool
