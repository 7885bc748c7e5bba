"""The recordings beside the checkout: exact counts, and the reaction that each bad one is owed."""

import json
import warnings

import numpy as np
import pytest

from artiphys_nwb import Layout, RecordingError, RecordingWarning, describe_nwb, read_nwb

RECORDINGS = [
    "it_rsvp/sub-pico_ses-position-columns_ecephys",
    "it_rsvp/sub-pico_ses-position-in-id_ecephys",
    "v4_position/sub-SL_ses-20190717SL_ecephys",
    "v4_position/sub-SP_ses-20210412SP_ecephys",
    "v4_position/sub-SP_ses-20210419SP_ecephys",
    "v4_single_unit/sub-J_ses-s060-J210405_ecephys",
    "v4_single_unit/sub-J_ses-s062-J210407_ecephys",
    "v4_single_unit/sub-X_ses-s061-X210406_ecephys",
    "v4_single_unit/sub-X_ses-s063-X210408_ecephys",
]


def truth_of(shared_data, name):
    file = shared_data / "nwb" / f"{name}.nwb"
    return (
        file,
        json.loads(file.with_suffix(".truth.json").read_text()),
        np.load(file.with_suffix(".truth.npz"), allow_pickle=False),
    )


def as_text(ids):
    return [value if isinstance(value, str) else f"{value:g}" for value in ids.tolist()]


def true_array(truth, responses):
    """Counts (unit, image, position, trial) of the truth, on the labels of the responses."""
    values = np.full(responses.shape, np.nan)
    images = {label: i for i, label in enumerate(responses["image"].values.tolist())}
    positions = {str(label): i for i, label in enumerate(responses["position"].values.tolist())}
    image_ids, position_ids = as_text(truth["image_ids"]), as_text(truth["position_ids"])
    used = np.flatnonzero(truth["trial_used"])
    n_seen = {}
    for row in used[np.argsort(truth["trial_onset"][used], kind="stable")]:
        image = images[image_ids[truth["trial_image"][row]]]
        position = positions[position_ids[truth["trial_position"][row]]]
        trial = n_seen.get((image, position), 0)
        n_seen[image, position] = trial + 1
        values[:, image, position, trial] = truth["counts"][:, row]
    return values


@pytest.mark.parametrize("name", RECORDINGS)
def test_counts_equal_the_truth(shared_data, name):
    file, about, truth = truth_of(shared_data, name)
    responses = read_nwb(file, Layout(**about["mapping"]), window=about["window"], rate=False)
    np.testing.assert_array_equal(responses.values, true_array(truth, responses))
    assert responses.sizes["unit"] == about["n_units"]
    assert responses.sizes["image"] == about["n_images"]
    assert int(responses.notnull().isel(unit=0).sum()) == about["n_used"]
    assert responses.attrs["units"] == "spikes"
    record = json.loads(responses.attrs["provenance"])
    n_dropped = sum(item["count"] for item in record["dropped"] if item["what"] == "row")
    assert n_dropped == about["n_rows"] - about["n_used"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_rates_are_counts_by_the_length_of_the_window(shared_data, name):
    file, about, _ = truth_of(shared_data, name)
    layout, window = Layout(**about["mapping"]), about["window"]
    rates = read_nwb(file, layout, window=window)
    counts = read_nwb(file, layout, window=window, rate=False)
    np.testing.assert_allclose(rates.values * (window[1] - window[0]), counts.values, atol=1e-9)
    assert rates.attrs["units"] == "spikes/s"


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_layout_proposed_reads_the_same(shared_data, name):
    file, about, _ = truth_of(shared_data, name)
    proposed = describe_nwb(file).layout
    assert proposed is not None
    ours = read_nwb(file, proposed, rate=False)
    theirs = read_nwb(file, Layout(**about["mapping"]), rate=False)
    np.testing.assert_array_equal(ours.values, theirs.values)


def test_areas_come_by_way_of_the_electrodes(shared_data):
    file, about, truth = truth_of(shared_data, "it_rsvp/sub-pico_ses-position-in-id_ecephys")
    responses = read_nwb(file, Layout(**about["mapping"]))
    assert len(set(truth["location"].tolist())) > 1
    np.testing.assert_array_equal(responses["area"], truth["location"])
    np.testing.assert_array_equal(responses["unit_name"], truth["unit_name"])


def test_photodiode_and_start_time_count_differently(shared_data):
    """The negative control: with the wrong onset the counts are not the truth."""
    file, about, truth = truth_of(shared_data, "v4_position/sub-SP_ses-20210412SP_ecephys")
    wrong = Layout(**about["mapping"] | {"onset": "start_time"})
    responses = read_nwb(file, wrong, window=about["window"], rate=False)
    by_image = responses.sum().item()
    assert by_image != truth["counts"][:, truth["trial_used"]].sum()


def test_pooled_sessions_have_their_common_images_and_say_what_was_not_common(shared_data):
    names = RECORDINGS[3:5]
    files = [truth_of(shared_data, name)[0] for name in names]
    told = []
    responses = read_nwb(
        files, "v4_position", window=(0.05, 0.35), rate=False, progress=told.append
    )
    assert responses.sizes["unit"] == 37 + 21
    assert len(set(responses["unit"].values.tolist())) == 37 + 21
    assert responses["unit"].values[0] == "SP_20210412/0"
    ids = [as_text(truth_of(shared_data, name)[2]["image_ids"]) for name in names]
    assert responses["image"].values.tolist() == sorted(set(ids[0]) & set(ids[1]), key=int)
    dropped = json.loads(responses.attrs["provenance"])["dropped"]
    not_common = {item["session"]: item["labels"] for item in dropped if item["what"] == "image"}
    assert not_common == {"SP_20210412": ["1", "2"], "SP_20210419": ["31", "32"]}
    assert "SP_20210412: 2 images left out, not common to all sessions: 1, 2" in told
    for name, source in zip(names, ["SP_20210412", "SP_20210419"], strict=True):
        part = responses.sel(unit=responses["source"] == source)
        alone = read_nwb(
            truth_of(shared_data, name)[0], "v4_position", window=(0.05, 0.35), rate=False
        )
        alone = alone.sel(image=part["image"])
        n_trials = min(alone.sizes["trial"], part.sizes["trial"])
        np.testing.assert_array_equal(part.values[..., :n_trials], alone.values[..., :n_trials])


def test_joined_by_outer_everything_is_there(shared_data):
    files = [truth_of(shared_data, name)[0] for name in RECORDINGS[3:5]]
    responses = read_nwb(files, "v4_position", join="outer")
    assert responses.sizes["image"] == 32
    first = responses.sel(unit=responses["source"] == "SP_20210412")
    assert first.sel(image=["31", "32"]).isnull().all()


def test_single_unit_files_pool_under_different_names(shared_data):
    folder = shared_data / "nwb" / "v4_single_unit"
    responses = read_nwb(folder, "v4_single_unit")
    assert responses["unit"].values.tolist() == [
        "monkeyJ_s060_J210405/0",
        "monkeyJ_s062_J210407/0",
        "monkeyX_s061_X210406/0",
        "monkeyX_s063_X210408/0",
    ]


def reaction(path, layout):
    """What reading does: error, warn or read; and its words."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        try:
            responses = read_nwb(path, layout)
        except RecordingError as error:
            return "error", str(error)
    assert all(issubclass(warning.category, RecordingWarning) for warning in raised)
    assert all(warning.category is not RecordingWarning for warning in raised)
    words = [str(warning.message) for warning in raised]
    assert json.loads(responses.attrs["provenance"])["warnings"] == words
    return ("warn" if words else "read"), "; ".join(words)


def test_each_bad_recording_gets_the_reaction_that_its_manifest_says(shared_data):
    folder = shared_data / "nwb_bad"
    cases = json.loads((folder / "manifest.json").read_text())
    assert len(cases) >= 20
    for case in cases:
        path = folder / case["name"]
        got, words = reaction(path, Layout(**case["mapping"]))
        assert got == case["action"], (case["name"], words)
        assert "\n" not in words
        if got == "error":
            assert path.name in words, words
            assert ";" in words, f"no remedy: {words}"


def test_rows_out_of_order_change_nothing(shared_data):
    folder = shared_data / "nwb_bad"
    layout = Layout(image="stim_ID", position="position", onset="pdOnTS")
    shuffled = read_nwb(folder / "trials_unsorted.nwb", layout)
    text = read_nwb(folder / "image_as_text.nwb", layout)
    ordered = read_nwb(folder / "pair_same_unit_ids" / "ses-1.nwb", layout)
    for other in (shuffled, text):
        np.testing.assert_array_equal(other.values, ordered.values)
        np.testing.assert_array_equal(other["image"], ordered["image"])


def test_mixed_folder_reads_the_good_and_lists_the_rest(shared_data):
    folder = shared_data / "nwb_bad" / "mixed_folder"
    with pytest.warns(RecordingWarning, match="3 of 5 files left out"):
        responses = read_nwb(folder, "v4_position")
    assert responses.sizes["unit"] == 9 + 6
    dropped = json.loads(responses.attrs["provenance"])["dropped"]
    files = [item["name"] for item in dropped if item["what"] == "file"]
    assert [name.rsplit("/", 1)[-1] for name in files] == [
        "ses-3_no_position.nwb",
        "ses-4_truncated.nwb",
        "ses-5_pointer.nwb",
    ]


def test_enumerations_pool_by_what_they_stand_for(shared_data):
    """Two files that number the same images in different orders."""
    folder = shared_data / "nwb_field"
    files = [folder / name for name in ("py_base.nwb", "py_enum_b.nwb")]
    pooled, numbered = (
        read_nwb(files, Layout(image=image, position=("x", "y"), onset="start_time"), rate=False)
        for image in ("cat", "stim")
    )
    assert pooled["image"].values.tolist() == [f"im{i}" for i in range(8)]
    np.testing.assert_array_equal(pooled.values, numbered.values)


def test_a_ragged_column_with_values_of_no_row_is_told(shared_data):
    layout = Layout(image="im", position=("x", "y"), onset="on")
    with pytest.raises(RecordingError, match="values lie beyond the index and belong to no row"):
        read_nwb(shared_data / "nwb_field" / "ragged_onset_leftover.nwb", layout)
