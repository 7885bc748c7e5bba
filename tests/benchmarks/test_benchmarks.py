"""The benchmarks still run: each once, small, with its own check of equality."""

import pytest

from environment import missing
from scripts import benchmark


def test_spearman_is_faster_than_scipy_and_equal_to_it(capsys):
    ratio = benchmark("spearman").main(n_units=150, n_resamples=2000, n_rounds=3)
    assert ratio > 2  # the figure at full size is the benchmark's; this is that it runs
    assert "times faster" in capsys.readouterr().out


@pytest.mark.slow
def test_what_moves_table_1_is_tabulated():
    try:
        from artiphys_torch import as_photographs
    except ImportError:
        missing("the extra 'torch'")
    table = benchmark("table1_variants").table(as_photographs(n_images=4), range(2))
    lines = table.splitlines()
    assert "conv2 close" in lines[0]
    assert lines[2].startswith("| the paper")
    assert " ± " in lines[3]
    assert len(lines) == 17


def test_halves_at_once_are_equal_to_a_loop_and_faster(capsys):
    times = benchmark("trials_path").main(40, 30, 3, 6, n_rounds=3)
    assert times.here < times.loop
    assert "one after another" in capsys.readouterr().out
