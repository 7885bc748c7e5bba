"""What a response array is, and that every fault of one is named."""

import numpy as np
import pytest
import xarray as xr

from artiphys.errors import InputError, SchemaError
from artiphys.schema import reference_label, require, validate


@pytest.fixture
def responses(make_responses):
    return make_responses(np.arange(24.0).reshape(2, 4, 3))


def test_a_valid_array_comes_back_as_the_same_object(responses):
    assert validate(responses) is responses


def test_trial_comes_last(make_responses):
    array = make_responses(np.ones((2, 4, 3, 5)))
    assert array.dims == ("unit", "image", "position", "trial")
    with pytest.raises(SchemaError, match="dims must be"):
        validate(array.transpose("trial", ...))


@pytest.mark.parametrize(
    ("break_it", "fault"),
    [
        (lambda r: r.rename("rate"), "name must be 'response'; got 'rate'"),
        (lambda r: r.transpose("image", ...), "dims must be"),
        (lambda r: r.isel(image=[]), "'image' is empty"),
        (lambda r: r.astype(int), "must be floating"),
        (lambda r: r.where(r > 0, np.inf), "1 are infinite"),
        (lambda r: r.drop_vars("image"), "coordinate 'image' is missing"),
        (lambda r: r.assign_coords(unit=[1, 2]), "'unit' labels must be strings"),
        (lambda r: r.assign_coords(unit=["a", "a"]), "must be unique; 1 repeat, e.g. a"),
        (lambda r: r.assign_coords(position=[0, 1, np.nan]), "strings or finite numbers"),
        (lambda r: r.drop_vars("area"), "'area' along 'unit' is missing"),
        (lambda r: r.assign_coords(source=("unit", [1, 2])), "'source' must hold strings"),
        (lambda r: r.drop_vars("x"), "'x' along 'position' is missing"),
        (lambda r: r.assign_coords(y=("position", [0, 0, 0])), "attrs\\['units'\\] in"),
        (lambda r: r.assign_coords(x=r.x + 1), "'x' must be 0 at the reference position; got 1"),
        (lambda r: r.assign_coords(shift=("unit", [0, 1])), "'shift' must lie along"),
        (lambda r: r.assign_attrs(units="Hz"), "must be one of .* got 'Hz'"),
        (lambda r: r.assign_attrs(reference=7), "7 is not among the positions"),
        (lambda r: r.assign_attrs(schema_version=99), "schema_version'\\] must be 1; got 99"),
        (lambda r: r.assign_attrs(provenance="{"), "must be one JSON string"),
        (lambda r: r.assign_attrs(extra=None), "must be str, int or float; got NoneType"),
    ],
)
def test_each_fault_is_named(responses, break_it, fault):
    with pytest.raises(SchemaError, match=fault):
        validate(break_it(responses))


def test_all_faults_are_named_together(responses):
    del responses.attrs["units"], responses.attrs["provenance"]
    with pytest.raises(SchemaError, match="3 faults: .*'units'.*'provenance'") as caught:
        validate(responses.rename("other"))
    assert "\n" not in str(caught.value)


def test_something_else_is_refused_with_a_remedy(responses):
    with pytest.raises(SchemaError, match="pick its variable"):
        validate(responses.to_dataset())
    with pytest.raises(SchemaError, match="got ndarray"):
        validate(responses.values)


def test_unknown_displacements_are_nan(make_responses):
    nowhere = np.full(3, np.nan)
    validate(make_responses(np.ones((2, 4, 3)), x=nowhere, y=nowhere))


def test_validation_leaves_a_lazy_array_lazy(responses):
    lazy = responses.chunk()
    assert validate(lazy).chunks is not None


def test_estimators_ask_only_for_the_dims(responses):
    bare = xr.DataArray(np.ones((3, 2, 4)), dims=("position", "unit", "image"))
    assert require(bare).dims == ("unit", "image", "position")
    with pytest.raises(InputError, match="add \\['image'\\]"):
        require(bare.isel(image=0))
    with pytest.raises(InputError, match="select or average over \\['time'\\]"):
        require(bare.expand_dims("time"))
    with pytest.raises(InputError, match="got averages only"):
        require(bare, trial=True)


def test_the_reference_is_the_argument_or_else_the_attribute(responses):
    assert reference_label(responses) == 0
    assert reference_label(responses, 2) == 2
    with pytest.raises(InputError, match="they are \\[0, 1, 2\\]"):
        reference_label(responses, "left")
    del responses.attrs["reference"]
    with pytest.raises(InputError, match="pass reference="):
        reference_label(responses)
