"""The benchmark runs, small, and its equality holds; the ratios are its own business."""

import sys
from pathlib import Path


def test_the_benchmark_of_counting_runs(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    sys.modules.pop("nwb_counting", None)
    import nwb_counting

    ratios = nwb_counting.main(n_units=8, n_spikes=4000, n_rows=120, n_rounds=1)
    assert ratios["read_nwb / floor"] > 0
    assert "8 units, 4000 spikes" in capsys.readouterr().out
