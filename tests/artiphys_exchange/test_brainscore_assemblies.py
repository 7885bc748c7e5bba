"""Assemblies: there and back, through Brain-Score's own class and file, and what is refused."""

import numpy as np
import pytest
import xarray as xr

from artiphys.errors import InputError, SchemaError
from artiphys_exchange import from_assembly, to_assembly
from brainscore import brainscore_assemblies

GIVEN = {"reference": 0, "units": "spikes/s", "source": "s1"}


def assembly(**changes):
    """As Brain-Score documents one, electrodes with an x included."""
    coords = {
        "stimulus_id": ("presentation", ["a", "a", "b"]),
        "position": ("presentation", [0, 0, 1]),
        "neuroid_id": ("neuroid", ["u", "v"]),
        "region": ("neuroid", ["V4", "IT"]),
        "x": ("neuroid", [0.1, 0.2]),
    }
    values = np.arange(6.0).reshape(3, 2)
    return xr.DataArray(values, coords | changes, ("presentation", "neuroid"))


def test_there_and_back(responses, same):
    same(from_assembly(to_assembly(responses)), responses)


def test_averages_have_no_trials_when_they_come_back(responses, same):
    averages = responses.mean("trial", keep_attrs=True)
    same(from_assembly(to_assembly(averages)), averages)


def test_through_the_class_of_brain_score_and_its_file(responses, same, tmp_path):
    theirs = brainscore_assemblies()
    there = theirs.NeuroidAssembly(to_assembly(responses))
    there.validate()
    assert set(there.dims) == {"presentation", "neuroid"}
    assert there.sel(region="IT").sizes["neuroid"] == 2  # an index of all coordinates
    same(from_assembly(there), responses)
    to_assembly(responses).to_netcdf(tmp_path / "a.nc")
    opened = theirs.NeuroidAssembly.from_files(tmp_path / "a.nc")
    same(from_assembly(opened), responses)


def test_brain_score_averages_repetitions_as_we_do(responses):
    theirs = brainscore_assemblies()
    here = responses.sel(position=[responses.attrs["reference"]])
    there = theirs.NeuroidAssembly(to_assembly(here))
    means = there.multi_groupby(["stimulus_id"]).mean("presentation")
    expected = here.squeeze("position").mean("trial")
    shown = [
        image for image in expected["image"].values if expected.sel(image=image).notnull().any()
    ]
    assert len(shown) == 5
    for image in shown:
        got = means.sel(stimulus_id=image).values.ravel()
        np.testing.assert_allclose(got, expected.sel(image=image))


def test_an_assembly_of_theirs():
    theirs = brainscore_assemblies().NeuroidAssembly(assembly())
    got = from_assembly(theirs, **GIVEN)
    assert got.sel(unit="v", image="a", position=0).values.tolist() == [1.0, 3.0]
    assert got["area"].values.tolist() == ["V4", "IT"]
    assert got["unit_x"].values.tolist() == [0.1, 0.2]


def test_one_time_bin_is_none_and_several_are_refused():
    one = assembly().expand_dims(time_bin_start=[70], axis=2).rename(time_bin_start="time_bin")
    got = from_assembly(one, **GIVEN)
    assert got.identical(from_assembly(assembly(), **GIVEN))
    with pytest.raises(InputError, match=r"must have the dims .*, and one time bin"):
        from_assembly(xr.concat([one, one], "time_bin"), **GIVEN)


@pytest.mark.parametrize(
    ("changes", "given", "error", "said"),
    [
        ({}, {"image": "image_id"}, InputError, "image='image_id': there is no such column"),
        ({}, {"units": None}, InputError, "units= is needed"),
        (
            {"stimulus_id": ("presentation", np.array(["a", np.nan, "b"], dtype=object))},
            {},
            InputError,
            "image='stimulus_id': 1 of 3 rows of the column are empty or NaN",
        ),
        ({"neuroid_id": ("neuroid", ["u", "u"])}, {}, SchemaError, "'unit' labels must be unique"),
        (
            {"subregion": ("neuroid", np.array(["a", np.nan], dtype=object))},
            {},
            SchemaError,
            "'subregion' must hold strings, .* of one kind; got float and str",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line(changes, given, error, said):
    with pytest.raises(error, match=said) as refused:
        from_assembly(assembly(**changes), **GIVEN | given)
    assert "\n" not in str(refused.value)


def test_what_is_no_assembly_is_refused():
    with pytest.raises(InputError, match="must be an xarray.DataArray; got list"):
        from_assembly([1, 2], **GIVEN)
