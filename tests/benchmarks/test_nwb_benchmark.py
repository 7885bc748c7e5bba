"""The benchmark runs, small, and its equality holds; the ratios are its own business."""

import os

import pytest

from scripts import benchmark


def test_the_benchmark_of_counting_runs(capsys):
    ratios = benchmark("nwb_counting").main(n_units=8, n_spikes=4000, n_rows=120, n_rounds=1)
    assert ratios["read_nwb / floor"] > 0
    assert "8 units, 4000 spikes" in capsys.readouterr().out


def test_the_benchmark_of_streaming_runs(capsys):
    sizes, lines = {"short": (4, 2000, 60)}, {"near": (0.0, 1e9)}
    ratios = benchmark("nwb_streaming").main(sizes=sizes, lines=lines, n_rounds=1)
    assert all(ratio > 0 for ratio in ratios.values())
    assert "short, read, ours" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_the_benchmark_of_damage_runs(capsys):
    by_kind = benchmark("nwb_damage").main(n_seeds=8, n_flips=(1, 64))
    assert len(by_kind) == 3
    for kind, found in by_kind.items():
        for outcomes in found.values():
            assert sum(outcomes.values()) == 8
            assert outcomes["crashed"] == outcomes["silent"] == 0
            assert kind.endswith("any time") or outcomes["a time moved"] == 0
        assert found[64]["refused"] > 0
        assert found[1]["the same"] > 0
    assert "bits flipped" in capsys.readouterr().out


def test_the_benchmark_of_sessions_runs(capsys):
    ratios = benchmark("nwb_sessions").main(sets={"few": (3, 2, 4, 2, 10.0)}, n_rounds=1)
    assert ratios["few"] > 0
    assert "few: one process" in capsys.readouterr().out
