"""Annotating: the columns of `unit_table` on the units of a copy, for pynwb to read."""

import os
from pathlib import Path

import numpy as np
import pynwb
import pytest

from artiphys.errors import InputError
from artiphys.signatures.unit_table import unit_table
from artiphys_nwb import LAYOUTS, Layout, read_nwb, write_nwb
from artiphys_nwb.annotating import annotate_copy, recording_to_copy
from artiphys_nwb.errors import FileError
from nwb_checks import assert_clean
from nwb_files import edited, recording, replaced

MEASURED = ("dynamic_range", "mean_response", "n_repeats")
AT = ("invariance", "fisher_z", "noise_error", "signal_to_noise", "n_images", "used", "why_not")


@pytest.fixture
def path(tmp_path):
    trials, spikes = recording(n_units=5, n_images=12)
    path = tmp_path / "session.nwb"
    write_nwb(
        path,
        spikes,
        image=trials["stim"],
        position=trials["position"],
        start=trials["start_time"],
        stop=trials["stop_time"],
        unit=[7, 3, 9, 1, 5],
        unit_columns={"depth": [5.0, 4.0, 3.0, 2.0, 1.0]},
    )
    return path


LAYOUT = Layout(image="image", position="position", onset="start_time")


def units_of(path):
    with pynwb.NWBHDF5IO(path, "r") as io:
        return io.read().units.to_dataframe()


def test_the_columns_of_the_table_are_in_their_rows(path, tmp_path):
    table = unit_table(read_nwb(path, LAYOUT))
    before = path.read_bytes()
    annotate_copy(path, tmp_path / "copy.nwb", table, LAYOUT)
    units = units_of(tmp_path / "copy.nwb")
    assert units.index.tolist() == [7, 3, 9, 1, 5]
    for position in (1, 2):
        for row, part in table[table["position"] == position].iterrows():
            of_unit = units.loc[int(part["unit"].rsplit("/")[-1])]
            for name in MEASURED:
                np.testing.assert_equal(of_unit[name], part[name], err_msg=f"{row} {name}")
            for name in AT:
                np.testing.assert_equal(of_unit[f"{name}_at_{position}"], part[name])
    assert path.read_bytes() == before
    assert_clean(tmp_path / "copy.nwb")


def test_the_copy_is_read_as_the_recording_is(path, tmp_path):
    responses = read_nwb(path, LAYOUT)
    annotate_copy(path, tmp_path / "copy.nwb", unit_table(responses), LAYOUT)
    again = read_nwb(tmp_path / "copy.nwb", LAYOUT)
    np.testing.assert_array_equal(again, responses)
    assert again["depth"].values.tolist() == [5, 4, 3, 2, 1]


def test_units_that_were_left_out_have_nothing(path, tmp_path):
    responses = read_nwb(path, LAYOUT, units_where="depth < 4")
    annotate_copy(path, tmp_path / "copy.nwb", unit_table(responses), LAYOUT)
    units = units_of(tmp_path / "copy.nwb")
    assert np.isnan(units["dynamic_range"]).tolist() == [True, True, False, False, False]
    assert not units["used_at_1"].iloc[:2].any()
    assert units["why_not_at_1"].iloc[0] == ""


def test_units_whose_ids_repeat_are_told_by_their_rows(path, tmp_path):
    edited(path, replaced("units/id", [1, 1, 2, 2, 3]))
    with pytest.warns(UserWarning, match="different ids"):
        table = unit_table(read_nwb(path, LAYOUT))
    annotate_copy(path, tmp_path / "copy.nwb", table, LAYOUT)
    expected = table[table["position"] == 1]["dynamic_range"].tolist()
    assert units_of(tmp_path / "copy.nwb")["dynamic_range"].tolist() == expected


def test_what_is_annotated_already_is_refused_and_nothing_left(path, tmp_path):
    table = unit_table(read_nwb(path, LAYOUT))
    annotate_copy(path, tmp_path / "copy.nwb", table, LAYOUT)
    with pytest.raises(InputError, match="columns dynamic_range, mean_response, .* already"):
        annotate_copy(tmp_path / "copy.nwb", tmp_path / "again.nwb", table, LAYOUT)
    assert sorted(os.listdir(tmp_path)) == ["copy.nwb", "session.nwb"]


def test_a_table_of_other_units_is_refused(path, tmp_path):
    table = unit_table(read_nwb(path, LAYOUT)).assign(unit="session/99")
    with pytest.raises(InputError, match="no units of these names: session/99"):
        annotate_copy(path, tmp_path / "copy.nwb", table, LAYOUT)


def test_units_that_are_not_there(path, tmp_path):
    table = unit_table(read_nwb(path, LAYOUT))
    for place, fault in (("/spikes", "no units at /spikes"), ("/general", "cannot be annotated")):
        layout = Layout(image="image", onset="start_time", units=place)
        with pytest.raises(FileError, match=fault):
            annotate_copy(path, tmp_path / "copy.nwb", table, layout)


@pytest.mark.parametrize(
    ("files", "copy", "fault"),
    [
        (["a.nwb", "b.nwb"], "copy.nwb", "one session in one file"),
        (["https://example.org/a.nwb"], "copy.nwb", "download it first"),
        (["."], "copy.nwb", "not a file that can be copied"),
        (["session.nwb"], "session.nwb", "the recording itself"),
        (["session.nwb"], "copy.h5", r"must end in \.nwb"),
    ],
)
def test_what_cannot_be_annotated_is_told_before_the_reading(
    path, tmp_path, monkeypatch, files, copy, fault
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=fault):
        recording_to_copy(files, Path(copy), LAYOUTS["events"])
