"""The theory's benchmarks still run: each once, small, with its own check of equality."""

import numpy as np
import pytest

from scripts import benchmark


def test_rectified_moments_are_faster_than_scipy_and_equal_to_it(capsys):
    ratios = benchmark("rectified_moments").main(
        n_evaluations=200_000, n_pairs=200, n_rounds=1, n_units=100
    )
    assert min(ratios.values()) > 50  # the figures at full size are the benchmark's
    printed = capsys.readouterr().out
    assert printed.count("times the rate of multivariate_normal.cdf") == 3
    assert printed.count("times by the processor's time") == 3


def test_the_equality_that_the_benchmark_checks_can_fail():
    module = benchmark("rectified_moments")
    h, k, rho = np.array([0.3]), np.array([-0.2]), np.array([0.5])
    module.check_equality(h, k, rho)
    module.pairwise = lambda *_: np.array([0.4])
    with pytest.raises(AssertionError, match="not strictly ordered"):
        module.check_equality(h, k, rho)


def test_recovery_is_tabulated(capsys):
    benchmark("rectification_recovery").main(
        ["--replicates", "2", "--p-values", "1", "--resamples", "3", "--settings", "0"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| mu/sigma | rho | units | images |")
    assert lines[2].startswith("| normal(0, 1) | 0.5 | 200 | 500 |")
    assert lines[0].count("|") == lines[2].count("|")


def test_explained_invariance_is_tabulated(capsys):
    pytest.importorskip("torch")
    benchmark("explained_invariance").main(
        ["--n-images", "20", "--model", "squeezenet1_1", "--layers", "features.3.expand1x1"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("| features.3.expand1x1 | 0.125 |")
    assert float(lines[2].split("|")[3]) < 1e-4
