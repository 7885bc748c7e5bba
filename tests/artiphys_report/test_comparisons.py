"""Networks beside recordings in a report: what artiphys.compare says, or why it says nothing."""

import pytest

from artiphys.comparison.compare import compare
from artiphys.plotting.style import true_minus
from artiphys.signatures.printed import correlation_text
from artiphys_report.comparisons import comparisons_of
from artiphys_report.inputs import inputs_of

HOW = {"by": "area", "resample": None, "level": 0.95, "seed": 2}


@pytest.fixture(scope="module")
def inputs(recording, network):
    return inputs_of({"v4": recording, "net": network})


@pytest.mark.parametrize("positions", [{0.125: 1}, {"0.125": "1"}, {"0.1250": 1.0}])
def test_each_network_is_compared_with_each_recording(inputs, recording, network, positions):
    (found,) = comparisons_of(inputs, positions=positions, **HOW)
    assert (found.network, found.recording, found.note) == ("net", "v4", "")
    with pytest.warns(match="positions that go with none: 2 of the recording") as told:
        expected = compare(network, recording, positions={0.125: 1}, rng=2)
    assert found.remarks[0] == f"Positions that go with none: {str(told[0].message)[29:]}."
    (row,) = found.rows
    assert row[:3] == ("conv2", "V4", "0.125 as 1")
    limits = {"spearman_model": 1, "spearman_brain": 1, "difference": 2}
    for text, (name, limit) in zip(row[3:6], limits.items(), strict=True):
        assert text == true_minus(correlation_text(expected[name].item(), limit=limit))
    marked = any("*" in text for text in row)
    assert bool(found.footnote) == marked
    assert found.words[0].startswith("conv2 and V4, position 1: ")
    assert len(found.pictures) == 1


def test_positions_that_go_with_none_are_told(inputs):
    (found,) = comparisons_of(inputs, positions=None, **HOW)
    assert "no position of the network" in found.note
    assert not found.rows


def test_a_position_that_is_not_there_is_told(inputs):
    (found,) = comparisons_of(inputs, positions={0.5: 1}, **HOW)
    assert "position 0.5 is not among those of net, [0.0, 0.125]" in found.note


def test_alike_files_are_not_compared(recording, network):
    for given in ({"a": recording, "b": recording}, {"a": network}):
        assert comparisons_of(inputs_of(given), positions=None, **HOW) == []
