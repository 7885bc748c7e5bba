"""What a response array is, and that every fault of one is named."""

import time

import numpy as np
import pytest
import xarray as xr

from artiphys.errors import InputError, SchemaError
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.responses.schema import reference_label, require, validate


def objects(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def with_attrs(responses, name, **attrs):
    responses = responses.copy(deep=True)
    responses[name].attrs |= attrs
    return responses


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
        (lambda r: r > 0, "must be float32 or float64 .* or integers, .* got bool"),
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
        (lambda r: r.assign_attrs(units=np.arange(2)), "'units'\\] must be str, .* got ndarray"),
        (lambda r: r.assign_attrs(reference=np.arange(2)), "'reference'\\] must be str, int or"),
        (lambda r: r.assign_attrs(schema_version=[1]), "'schema_version'\\] must be .* got list"),
        (lambda r: r.assign_attrs(provenance=np.arange(2)), "'provenance'\\] must be str, int or"),
        (lambda r: r.assign_attrs(provenance="NaN"), "must be one JSON string, of an object"),
        (lambda r: r.assign_attrs(provenance='{"a": NaN}'), "of an object {...} without NaN"),
        (lambda r: r.assign_attrs(provenance="[1]"), "must be one JSON string, of an object"),
        (lambda r: r.assign_attrs(_FillValue=0.0), "attrs\\['_FillValue'\\] is reserved"),
        (lambda r: r.assign_attrs(scale_factor=2.0), "attrs\\['scale_factor'\\] is reserved"),
        (lambda r: r.assign_attrs({"a/b": 1}), "attrs must be named by letters.* got 'a/b'"),
        (lambda r: r.assign_attrs(size=2**70), "attrs\\['size'\\] must be within 64 bits"),
        (lambda r: r.assign_attrs(note="a\0b"), "must be text without NUL"),
        (lambda r: r.astype("float16"), "must be float32 or float64 .* got float16"),
        (lambda r: r.astype(complex), "must be float32 or float64 .* got complex128"),
        (lambda r: r.assign_coords(unit=objects(["a"], ["b"])), "'unit' labels .* got list"),
        (lambda r: r.assign_coords(note=("unit", objects("a", 1))), "one kind; got int and str"),
        (
            lambda r: r.assign_coords(note=("unit", objects("a", None))),
            "of one kind; got .* and str",
        ),
        (lambda r: r.assign_coords(note=("unit", ["\ud800", "b"])), "lone surrogates; 1 have one"),
        (lambda r: r.assign_coords(wait=("unit", np.ones(2, "m8[ns]"))), "got timedelta64"),
        (lambda r: r.assign_coords(half=("unit", np.ones(2, "f2"))), "got float16"),
        (
            lambda r: r.assign_coords({"a/b": ("unit", [1, 2])}),
            "a coordinate must be named .* 'a/b'",
        ),
        (
            lambda r: r.assign_coords({"a b": ("unit", [1, 2])}),
            "a coordinate must be named .* 'a b'",
        ),
        (lambda r: r.set_index(unit=["area", "source"]), "'unit' must be no MultiIndex"),
        (
            lambda r: with_attrs(r, "area", units="days since 2000-01-01"),
            "'area' attrs\\['units'\\] 'days since 2000-01-01' would be read as a date",
        ),
        (lambda r: with_attrs(r, "area", note=None), "'area' attrs\\['note'\\] must be str"),
        (lambda r: with_attrs(r, "x", units="deg"), "must be in the same units; got deg and px"),
        (
            lambda r: r.assign_coords(position=np.array(["2000", "2001", "2002"], "M8[ns]")),
            "'position' labels must be strings or finite numbers; got datetime64",
        ),
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


class OnDevice:
    """An array of another library, which NumPy's functions refuse, as that of a GPU does."""

    def __init__(self, values):
        self.values, self.dtype, self.shape = values, values.dtype, values.shape
        self.ndim, self.size = values.ndim, values.size

    def __array_namespace__(self):
        return np

    def __array_function__(self, *_):
        return NotImplemented

    def __array_ufunc__(self, *_, **__):
        return NotImplemented

    def __array__(self, dtype=None, copy=None):
        return self.values


def test_an_array_of_another_library_is_brought_into_memory(responses):
    on_device = responses.copy(data=OnDevice(responses.values))
    assert isinstance(on_device.variable._data, OnDevice)
    xr.testing.assert_identical(dynamic_range(on_device), dynamic_range(responses))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda r: r.astype(str), "must be numbers; got dtype <U"),
        (lambda r: r.astype(object), "must be numbers; got dtype object; convert with .astype"),
        (lambda r: r.astype(complex), "must be numbers; got dtype complex128"),
        (lambda r: r.where(r["unit"] != r["unit"][0], np.inf), "finite, or NaN .* are infinite"),
        (lambda r: r.where(r["unit"] != r["unit"][0], -1e160), r"at most 1e\+70 in size, or"),
        (
            lambda r: r.assign_coords(position=[0, 1, 1]),
            "'position' labels must be unique; 1 repeat, e.g. 1; drop those given twice, or rename",
        ),
        (
            lambda r: xr.concat([r, r], "unit").assign_coords(image=["a", "a", "b", "a"]),
            "'unit' .* 2 repeat, e.g. u0, u1; 'image' labels must be unique; 2 repeat, e.g. a; ",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(make_responses, spoil, fault):
    responses = make_responses(np.ones((2, 4, 3)))
    with pytest.raises(InputError, match=fault):
        require(spoil(responses))
    for kind in (bool, "int8", "float32"):
        assert require(responses.astype(kind)).dtype == kind
    require(responses * np.nan)


def test_the_reference_is_the_argument_or_else_the_attribute(responses):
    assert reference_label(responses) == 0
    assert reference_label(responses, 2) == 2
    with pytest.raises(InputError, match="they are \\[0, 1, 2\\]"):
        reference_label(responses, "left")
    del responses.attrs["reference"]
    with pytest.raises(InputError, match="pass reference="):
        reference_label(responses)


def test_repeated_labels_of_many_units_are_counted_at_once(make_responses):
    """Twenty thousand of them: counting each among all would take minutes."""
    names = [f"u{i // 2}" for i in range(20_000)]
    start = time.perf_counter()
    with pytest.raises(SchemaError, match="10000 repeat, e.g. u0, u1, u10"):
        make_responses(np.zeros((20_000, 1, 1)), unit=names)
    assert time.perf_counter() - start < 5


def test_one_selected_position_is_a_missing_dim(make_responses):
    responses = make_responses(np.zeros((2, 3, 2))).isel(position=0)
    with pytest.raises(SchemaError, match="dims must be .* got \\('unit', 'image'\\)"):
        validate(responses)
