"""The benchmark of controls runs."""

import design_calibration


def test_the_benchmark_runs(capsys):
    design_calibration.main(["--experiments", "8", "--recordings", "2", "--rows", "0", "6"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    typical, naive = ([cell.strip(" *") for cell in line.split("|")] for line in lines)
    assert typical[1] == "typical"
    assert float(typical[2]) <= 0.5
    assert float(typical[5]) <= 0.5
    assert float(naive[2]) >= 0.5  # the naive test says yes, and its control says that it does
    assert float(naive[5]) >= 0.5
