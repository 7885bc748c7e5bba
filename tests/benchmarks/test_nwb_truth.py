"""Recordings of known truth, by way of their files: the benchmark's tables say what they should."""

import pytest

import recording_truth


def test_the_truth_is_given_back(shared_data, capsys):
    recording_truth.main([str(shared_data / "nwb" / "v4_position")])
    rows = [
        line.strip("|").split("|") for line in capsys.readouterr().out.splitlines() if "|" in line
    ]
    table = {row[0].strip(): row[1:] for row in rows}
    means = {name: float(table[name][3]) for name in ("true", "as measured", "corrected")}
    assert means["corrected"] == pytest.approx(means["true"], rel=0.02)
    assert means["as measured"] < means["true"] - 0.1
    assert float(table["as measured"][0]) == pytest.approx(0.67, abs=0.03)
    for position in "1234":
        cells = table[position]
        assert "inside" in cells[3]  # over all units with a signal
        assert float(cells[4]) > 0.5  # as measured, the naive relation
