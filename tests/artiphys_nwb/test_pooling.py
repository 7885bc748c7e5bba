"""Sessions into one array: which files are one session, where positions are, in what order."""

import datetime

import h5py
import numpy as np
import pytest
import xarray as xr

from artiphys import processes
from artiphys_nwb import errors, read_nwb, write_nwb
from nwb_files import recording

BEGAN = datetime.datetime(2021, 4, 12, 9, 30, tzinfo=datetime.UTC)


def session(folder, name, seed=0, *, shown=0, began=BEGAN, **changes):
    """Write a session; `seed` is of its spikes, `shown` of its presentations."""
    trials, spikes = recording(seed=shown)[0], recording(seed=seed)[1]
    given = {
        "image": [f"im{image:g}" for image in trials["stim"]],
        "position": [f"p{place:g}" for place in trials["position"]],
        "start": trials["start_time"],
        "stop": trials["stop_time"],
        "session_id": name,
        "subject": "m",
        "session_start_time": began,
    }
    path = folder / f"{name}.nwb"
    return path, write_nwb(path, changes.pop("spike_times", spikes), **given | changes)


def test_probes_named_apart_are_one_session(tmp_path):
    one, layout = session(tmp_path, "d1-probeA", 1)
    two, _ = session(tmp_path, "d1-probeB", 2)
    with pytest.warns(errors.SessionsDiffer, match="two probes of the one session 'm_d1-probeA'"):
        both = read_nwb([one, two], layout)
    assert set(both["source"].values.tolist()) == {"m_d1-probeA"}
    assert both["unit"].values.tolist() == [f"m_d1-probe{a}/{n}" for a in "AB" for n in range(3)]
    np.testing.assert_array_equal(both[3:], read_nwb(two, layout))


@pytest.mark.parametrize(
    "other",
    [
        {"began": BEGAN + datetime.timedelta(days=1)},
        {"subject": "n"},
        {"shown": 3},
    ],
    ids=str,
)
def test_what_differs_in_more_is_another_session(tmp_path, other):
    one, layout = session(tmp_path, "a", 1)
    two, _ = session(tmp_path, "b", 2, **other)
    assert len(set(read_nwb([one, two], layout)["source"].values.tolist())) == 2


def test_neurons_sorted_again_under_another_name_are_no_probe(tmp_path):
    spikes = recording()[1]
    rng = np.random.default_rng(0)
    again = [train[rng.random(len(train)) > 0.03] + 2e-4 for train in spikes]
    one, layout = session(tmp_path, "a", spike_times=spikes)
    two, _ = session(tmp_path, "b", spike_times=again)
    with pytest.raises(errors.PoolingError, match="same session .*count alike, trial for trial"):
        read_nwb([one, two], layout)


def test_labels_keep_their_places(tmp_path):
    places = np.array([[0.0, 0.0], [2.0, -1.0], [4.0, 0.5]])
    at = recording()[0]["position"].astype(int)
    path, layout = session(tmp_path, "a", displacement=places[at])
    assert layout.position == ("position", "x_deg", "y_deg")
    responses = read_nwb(path, layout)
    assert responses["position"].values.tolist() == ["p0", "p1", "p2"]
    np.testing.assert_array_equal(responses["x"], places[:, 0])
    np.testing.assert_array_equal(responses["y"], places[:, 1])
    assert responses.attrs["reference"] == "p0"


def test_a_label_at_two_places_is_refused(tmp_path):
    at = recording()[0]["position"]
    moved = np.stack([at, np.zeros(len(at))], axis=1)
    one, layout = session(tmp_path, "a", 1, displacement=moved)
    two, _ = session(tmp_path, "b", 2, displacement=2 * moved, began=None)
    with pytest.raises(errors.PoolingError, match=r"position p1 is at \(2.0, 0.0\), in another"):
        read_nwb([one, two], layout)
    path, _ = session(tmp_path, "c", displacement=moved)
    with h5py.File(path, "a") as file:
        file["intervals/trials/x_deg"][5] += 7
    with pytest.raises(errors.TableError, match="a position has one place; map x and y alone"):
        read_nwb(path, layout)


def test_numbers_in_names_are_in_their_order(tmp_path):
    trials, spikes = recording(n_images=12)
    path, layout = session(
        tmp_path,
        "a",
        spike_times=spikes,
        image=[f"im{image:g}" for image in trials["stim"]],
        position=[f"at {2 + 4 * place:g}" for place in trials["position"]],
        start=trials["start_time"],
        stop=trials["stop_time"],
    )
    responses = read_nwb(path, layout)
    assert responses["image"].values.tolist() == [f"im{n}" for n in range(1, 13)]
    assert responses["position"].values.tolist() == ["at 2", "at 6", "at 10"]


def test_other_processes_change_nothing(tmp_path, monkeypatch):
    files = [
        session(tmp_path, f"s{n}", n, began=BEGAN + datetime.timedelta(days=n)) for n in range(4)
    ]
    layout = files[0][1]
    bad = tmp_path / "t.nwb"
    bad.write_bytes(b"no recording")
    told = {}
    for where, seconds in (("here", 1e9), ("there", 0.0)):
        monkeypatch.setattr(processes, "HERE", seconds)
        monkeypatch.setattr(processes, "WORTH_PROCESSES", seconds)
        lines = []
        with pytest.warns(errors.FilesLeftOut, match="1 of 5 files left out"):
            array = read_nwb(
                [*(path for path, _ in files), bad],
                layout,
                units_where=lambda table: table["id"] < 2,
                progress=lines.append,
            )
        told[where] = (array.assign_attrs(provenance=""), lines)
    xr.testing.assert_identical(told["here"][0], told["there"][0])
    assert told["here"][1] == told["there"][1]
    assert told["here"][0].sizes["unit"] == 8
