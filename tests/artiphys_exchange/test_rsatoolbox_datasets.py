"""Datasets of rsatoolbox: there and back, and what rsatoolbox makes of them."""

import json

import numpy as np
import pytest
import rsatoolbox
from rsatoolbox.data import Dataset, TemporalDataset

from artiphys.errors import InputError, SchemaError
from artiphys_exchange import from_rsatoolbox, to_rsatoolbox

GIVEN = {"reference": 0, "units": "spikes/s", "area": "V4", "source": "s1"}


def dataset(**changes):
    given = {
        "measurements": np.arange(6.0).reshape(3, 2),
        "obs_descriptors": {"image": ["a", "a", "b"], "position": [0, 0, 1]},
        "channel_descriptors": {"unit": ["u", "v"], "depth": [10.0, 20.0]},
    }
    return Dataset(**given | changes)


def test_there_and_back(responses, same):
    there = to_rsatoolbox(responses)
    assert isinstance(there, Dataset)
    same(from_rsatoolbox(there), responses)


def test_averages_have_no_trials_when_they_come_back(responses, same):
    averages = responses.mean("trial", keep_attrs=True)
    same(from_rsatoolbox(to_rsatoolbox(averages)), averages)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # theirs, of whole numbers
def test_rsatoolbox_measures_what_we_do(responses):
    """Mean distances between images at the reference position, of what was shown there."""
    whole = responses.isel(unit=[0, 3]).sel(position=[responses.attrs["reference"]])
    rdm = rsatoolbox.rdm.calc_rdm(to_rsatoolbox(whole), method="euclidean", descriptor="image")
    names = list(rdm.pattern_descriptors["image"])
    assert sorted(names) == ["10", "b", "c", "d", "z"]
    means = whole.squeeze("position").mean("trial").sel(image=names).values
    apart = ((means[:, :, None] - means[:, None]) ** 2).mean(axis=0)
    np.testing.assert_allclose(rdm.get_matrices()[0], apart, atol=1e-12)


def test_a_dataset_of_theirs_with_names_of_its_own():
    theirs = dataset(obs_descriptors={"stim": [1, 1, 2], "where": ["c", "c", "r"]})
    got = from_rsatoolbox(theirs, image="stim", position="where", **GIVEN | {"reference": "c"})
    assert got.sel(unit="v", image="1", position="c").values.tolist() == [1.0, 3.0]
    assert got["depth"].values.tolist() == [10.0, 20.0]
    made = json.loads(got.attrs["provenance"])
    assert made["maker"] == "artiphys_exchange.from_rsatoolbox"
    assert made["versions"]["rsatoolbox"]


def test_a_temporal_dataset_is_averaged_over_its_window():
    values = np.random.default_rng(0).normal(size=(3, 2, 4))
    theirs = TemporalDataset(
        values,
        obs_descriptors=dataset().obs_descriptors,
        channel_descriptors=dataset().channel_descriptors,
        time_descriptors={"time": np.array([0.0, 0.1, 0.2, 0.3])},
    )
    got = from_rsatoolbox(theirs, window=(0.1, 0.3), **GIVEN)
    assert float(got.sel(unit="u", image="b", position=1, trial=0)) == values[2, 0, 1:3].mean()
    with pytest.raises(InputError, match=r"window=.* is needed, within the times 0 to 0.3"):
        from_rsatoolbox(theirs, **GIVEN)
    with pytest.raises(InputError, match=r"window \(1, 2\) must hold a time point"):
        from_rsatoolbox(theirs, window=(1, 2), **GIVEN)


@pytest.mark.parametrize(
    ("changes", "given", "error", "said"),
    [
        ({}, {"image": "picture"}, InputError, "image='picture': there is no such column; there"),
        ({}, {"window": (0, 1)}, InputError, "window is for a TemporalDataset"),
        ({}, {"units": None}, InputError, "units= is needed"),
        ({}, {"reference": None}, InputError, "reference= is needed"),
        ({}, {"area": None}, InputError, "area= is needed, a column or the text for all units"),
        (
            {"obs_descriptors": {"image": ["a", None, "b"], "position": [0, 0, 1]}},
            {},
            InputError,
            "image='image': 1 of 3 rows of the column are empty or NaN",
        ),
        ({"channel_descriptors": {"unit": ["u", "u"]}}, {}, SchemaError, "'unit' labels must be"),
        (
            {
                "obs_descriptors": {
                    "image": list("aab"),
                    "position": [0, 0, 1],
                    "x": [0.0, 1.0, 2.0],
                }
            },
            {},
            InputError,
            "'x' must be one number for each position; at 0 it is 0 and 1",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line(changes, given, error, said):
    with pytest.raises(error, match=said) as refused:
        from_rsatoolbox(dataset(**changes), **GIVEN | given)
    assert "\n" not in str(refused.value)


def test_what_is_no_dataset_is_refused():
    with pytest.raises(InputError, match="dataset must be a Dataset or a Temp.*; got ndarray"):
        from_rsatoolbox(np.zeros((3, 2)), **GIVEN)
