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


@pytest.mark.slow
def test_memory_of_probing_is_measured(capsys):
    try:
        import artiphys_torch  # noqa: F401
    except ImportError:
        missing("the extra 'torch'")
    peaks = benchmark("probing_memory").main([2, 4])
    assert {len(values) for values in peaks.values()} == {2}
    assert "MB on disk" in capsys.readouterr().out


def test_probing_on_a_gpu_says_where_it_was_not_run(capsys, monkeypatch):
    try:
        import torch
    except ImportError:
        missing("the extra 'torch'")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert benchmark("probing_on_gpu").main(n_images=4, n_rounds=1) is None
    assert capsys.readouterr().out.startswith("not run: there is no GPU here")


@pytest.mark.gpu
def test_probing_on_a_gpu_is_equal_to_the_cpu():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no GPU here: probing on one is not compared")
    times = benchmark("probing_on_gpu").main(n_images=8, n_rounds=1)
    assert len(times) == 5


def test_the_table_of_scale_has_a_line_for_each_comparison(tmp_path):
    try:
        import dask  # noqa: F401
    except ImportError:
        missing("the extra 'dask'")
    lines = benchmark("scale").table(tmp_path, small=True)
    assert len(lines) == 8
    assert all(line.here.endswith(" s") for line in lines)
    assert {"bootstrap over images and units", "invariance"} <= {line.what for line in lines}


def test_growth_is_measured_from_disk_and_drawn(tmp_path):
    try:
        import dask  # noqa: F401
        import zarr  # noqa: F401
    except ImportError:
        missing("the extras 'dask' and 'zarr'")
    growth = benchmark("growth")
    (run,) = growth.growth(tmp_path, most_units=100, least=True)
    assert (run.axis, run.n) == ("units", 100)
    assert run.run.cpu > 0
    assert 50 < run.run.peak < 2048
    growth.draw_growth([run], tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 1000
