"""Experiments in processes: the same numbers, none for small work, one line if one is killed."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from artiphys import processes
from artiphys.design.experiments import outcomes
from artiphys.errors import InputError


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(processes, "HERE", 0.0)
    monkeypatch.setattr(processes, "WORTH_PROCESSES", 0.0)


def draw(seed):
    matrix = np.random.default_rng(seed).normal(size=(60, 60))
    return os.getpid(), float(np.linalg.inv(matrix @ matrix.T).sum())


def killed(seed):
    if seed == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return seed


@pytest.mark.usefixtures("at_once")
def test_processes_change_no_number_and_no_order():
    here, there = (outcomes(draw, range(12), jobs=jobs, progress=False) for jobs in (1, 2))
    assert [number for _, number in here] == [number for _, number in there]
    assert {process for process, _ in here} == {os.getpid()}
    assert {process for process, _ in there} - {os.getpid()}


def test_small_work_is_done_here():
    found = outcomes(draw, range(6), jobs=2, progress=False)
    assert {process for process, _ in found} == {os.getpid()}


@pytest.mark.usefixtures("at_once")
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_that_is_killed_is_one_clear_error():
    with pytest.raises(InputError, match="could not be started, or one was killed; take jobs=1"):
        outcomes(killed, [0, 1, 2, 3, 4, 5], jobs=2, progress=False)


def test_a_script_without_a_guard_may_use_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from artiphys import processes\n"
        "from artiphys.design import experiments\n"
        "processes.HERE = processes.WORTH_PROCESSES = 0.0\n"
        "def double(x):\n"
        "    return 2 * x\n"
        "print(experiments.outcomes(double, [1, 2, 3, 4], jobs=2, progress=False))\n"
    )
    run = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False
    )
    assert (run.returncode, run.stdout) == (0, "[2, 4, 6, 8]\n"), run.stderr
