"""What a report says of the data: from the array, and from what provenance there is."""

import json

import numpy as np
import pytest

from artiphys.responses.provenance import dropped, provenance
from artiphys_report.data import data_of, is_network
from artiphys_report.inputs import inputs_of


def data_with(responses, record, **changes):
    text = record if isinstance(record, str) else json.dumps(record)
    (given,) = inputs_of({"v4": responses.assign_attrs(provenance=text).assign_coords(changes)})
    return data_of(given, by="area")


def test_what_was_left_out_is_told_with_counts_and_reasons(recording):
    record = provenance(
        "artiphys_nwb.read_nwb",
        arguments={"window": [0.05, 0.25], "units_where": None},
        dropped=[
            dropped("row", "onset is NaN", 4, session="s1"),
            dropped("unit", "no spikes", 2, session="s2"),
        ],
        inputs=[{"name": "s1.nwb", "sha256": "ab" * 32}],
        summary=["s1: 4 of 100 rows left out"],
    )
    data = data_with(recording, record)
    assert data.dropped == [
        (4, "row", "onset is NaN", "session s1"),
        (2, "unit", "no spikes", "session s2"),
    ]
    assert data.dropped_note == ""
    assert data.summary == ["s1: 4 of 100 rows left out"]
    assert data.inputs == [("s1.nwb", "ab" * 32, "its content")]
    assert data.call == "artiphys_nwb.read_nwb(\n    window=[0.05, 0.25],\n)"
    assert dict(data.versions)["artiphys"]


@pytest.mark.parametrize(
    ("window", "told"),
    [
        ([0.05, 0.25], "50 to 250 ms after onset"),
        ({"s1": [0.05, 0.25], "s2": [0, 0.1]},
         "50 to 250 ms after onset (s1); 0 to 100 ms after onset (s2)"),
        (0.2, "200 ms"),
        (None, "the file does not say"),
        (["a", "b"], "the file does not say"),
        ([1], "the file does not say"),
    ],
)  # fmt: skip
def test_the_window_is_told_where_it_is_known(recording, window, told):
    record = {"maker": "read", "arguments": {"window": window}, "dropped": []}
    facts = dict(data_with(recording, record).facts)
    assert facts["Counting window"] == told


@pytest.mark.parametrize(
    "record",
    [
        '{"source": "a paper"}',
        '{"maker": 3, "arguments": [1], "inputs": {"a": 1}, "dropped": "no", "versions": 7}',
        '{"dropped": [1, {"what": "row", "count": "many"}], "inputs": [null]}',
    ],
)
def test_a_provenance_of_any_other_form_is_no_fault(recording, record):
    data = data_with(recording, record)
    assert data.call == ""
    assert data.inputs == []


def test_unequal_repeats_and_gaps_are_counted(recording):
    gaps = recording.copy()
    gaps[0] = np.nan
    gaps[1, :, :, 2:] = np.nan
    facts = dict(data_with(gaps, '{"maker": "read"}').facts)
    assert facts["Repeats"] == "5 trials of an image at a position (median; 2 to 5)"
    assert facts["Not measured"] == (
        "48 of 1440 cells (unit, image and position); 1 unit not at all"
    )


def test_groups_and_their_sessions_are_counted(recording):
    source = ("unit", ["s1"] * 10 + ["s2"] * 20)
    area = ("unit", ["V4"] * 15 + ["IT"] * 15)
    data = data_with(recording, '{"maker": "read"}', source=source, area=area)
    assert data.areas == [("V4", 15, 2), ("IT", 15, 1)]
    assert dict(data.facts)["From"] == "2 sessions, of 10 to 20 units each"


def test_only_what_is_known_of_positions_is_shown(recording):
    x = ("position", [0.0, 1.5, np.nan], {"units": "deg"})
    y = ("position", [np.nan] * 3, {"units": "deg"})
    data = data_with(recording, '{"maker": "read"}', x=x, y=y)
    assert data.displacements == ["x"]
    assert data.positions == [("0", ["0"], 30), ("1", ["1.5"], 30), ("2", [""], 30)]
    assert "in deg" in data.positions_note
    data = data_with(recording, '{"maker": "read"}', x=y, y=y)
    assert data.displacements == []
    assert "does not say" in data.positions_note


def test_a_network_is_known_by_what_made_it(network):
    made = {name: network.assign_attrs(provenance=json.dumps({"maker": name}))
            for name in ("artiphys_torch.probe", "lab.average")}  # fmt: skip
    known = {given.name: is_network(given) for given in inputs_of(made)}
    assert known == {"artiphys_torch.probe": True, "lab.average": False}
