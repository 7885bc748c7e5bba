"""The benchmark runs, small, and its equality holds; the ratios are its own business."""

from scripts import benchmark


def test_the_benchmark_of_counting_runs(capsys):
    ratios = benchmark("nwb_counting").main(n_units=8, n_spikes=4000, n_rows=120, n_rounds=1)
    assert ratios["read_nwb / floor"] > 0
    assert "8 units, 4000 spikes" in capsys.readouterr().out
