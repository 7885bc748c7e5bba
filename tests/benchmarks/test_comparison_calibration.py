"""The benchmark of `compare` runs, and a small one says what the large one does."""

import pytest

import comparison_calibration


def test_the_benchmark_runs(capsys):
    comparison_calibration.main(["--experiments", "20", "--rows", "0"])
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line.strip("|").split("|") for line in lines if line.startswith("| none")]
    assert float(row[9]) > 0.7  # as measured, a network seems to differ from itself
    assert float(row[13].strip(" *")) <= 0.25
    assert abs(float(row[12])) < 0.15


def test_a_row_of_other_networks(monkeypatch):
    condition = comparison_calibration.Condition("rectification", "none", other_images=True)
    found = comparison_calibration.experiment(condition, 0)
    assert found.lower < found.difference < found.upper
    monkeypatch.setitem(
        comparison_calibration.NETWORK,
        "alexnet",
        comparison_calibration.np.random.default_rng(0).normal(size=(240, 70, 2)),
    )
    condition = comparison_calibration.Condition("alexnet", "alexnet", rate=40.0)
    model, brain = comparison_calibration.arrays(condition, 0)
    assert (model.values < condition.rate).any()
    assert brain.dims == ("unit", "image", "position", "trial")


@pytest.mark.slow
def test_a_network_is_no_different_from_itself():
    condition = comparison_calibration.Condition("none", "none")
    outcomes = [comparison_calibration.experiment(condition, seed) for seed in range(600)]
    assert 0.03 <= sum(o.p_value < 0.05 for o in outcomes) / 600 <= 0.07
