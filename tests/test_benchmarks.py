"""The benchmarks still run: each once, small, with its own check of equality."""

import importlib.util
from pathlib import Path

from conftest import missing

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def benchmark(name):
    """Import a benchmark, which is a script in no package."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_spearman_is_faster_than_scipy_and_equal_to_it(capsys):
    ratio = benchmark("spearman").main(n_units=150, n_resamples=2000, n_rounds=3)
    assert ratio > 2  # the figure at full size is the benchmark's; this is that it runs
    assert "times faster" in capsys.readouterr().out


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
