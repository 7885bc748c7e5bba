"""``artiphys simulate``: the recording and the truth of `simulate_responses`, as files."""

import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

from artiphys.responses.storage import open_responses
from artiphys.simulation import simulate_responses
from artiphys_cli.main import main
from environment import heed_interrupts


def refused(capsys, *words):
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def test_the_files_are_what_the_call_returns(tmp_path, capsys):
    out, truth_file = tmp_path / "s.nc", tmp_path / "truth.nc"
    sizes = {"n_units": 6, "n_images": 9, "n_positions": 3, "n_sessions": 2}
    words = [str(w) for name, n in sizes.items() for w in (f"--{name.replace('_', '-')}", n)]
    words += ["--repeats", "2", "4", "--rate", "30", "--window", "0.3", "--fano", "1.5"]
    words += ["--relation", "none", "--area", "IT", "--seed", "7"]
    assert main(["simulate", "--out", str(out), "--truth", str(truth_file), *words]) == 0
    assert "wrote" in capsys.readouterr().err
    responses, truth = simulate_responses(
        **sizes, repeats=(2, 4), rate=30.0, window=0.3, fano=1.5, relation="none", area="IT", rng=7
    )
    xr.testing.assert_identical(open_responses(out), responses)
    with xr.open_dataset(truth_file) as written:
        assert set(written) == set(truth)
        for name in ("rate", "dynamic_range", "invariance", "expected_invariance"):
            np.testing.assert_array_equal(written[name], truth[name])


def test_quiet_says_nothing(tmp_path, capsys):
    assert main(["simulate", "--out", str(tmp_path / "s.nc"), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert open_responses(tmp_path / "s.nc").sizes["unit"] == 80


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), "required: --out"),
        (("--out", "{folder}/s.csv"), "must end in .nc"),
        (("--out", "{folder}/absent/s.nc"), "does not exist"),
        (("--out", "{folder}/s.nc", "--truth", "{folder}/t.csv"), "must end in .nc"),
        (("--out", "{folder}/s.nc", "--truth", "{folder}/s.nc"), "must be different files"),
        (
            ("--out", "{folder}/s.nc", "--truth", "{folder}/../{folder.name}/s.nc"),
            "must be different files",
        ),
        (("--out", "{folder}/s.nc", "--truth", "{folder}/absent/t.nc"), "does not exist"),
        (("--out", "{folder}/absent/s.nc", "--truth", "{folder}/t.nc"), "does not exist"),
        (("--out", "{folder}/s.nc", "--relation", "some"), "invalid choice: 'some'"),
        (("--out", "{folder}/s.nc", "--n-units", "0"), "n_units must be a whole number"),
        (("--out", "{folder}/s.nc", "--n-units", "1.5"), "invalid int value"),
        (("--out", "{folder}/s.nc", "--repeats", "1", "2", "3"), "--repeats takes one number"),
        (("--out", "{folder}/s.nc", "--repeats", "5", "2"), "the fewest and the most"),
        (("--out", "{folder}/s.nc", "--rate", "nan"), "rate must be a number above 0"),
        (
            ("--out", "{folder}/s.nc", "--fano", "0.5"),
            "fano (1 for Poisson) must be a number of at least 1",
        ),
        (("--out", "{folder}/s.nc", "--n-sessions", "81"), "n_sessions must not exceed"),
        (("--out", "{folder}/s.nc", "--seed", "-1"), "rng must be a seed"),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(tmp_path, capsys, words, fault):
    assert fault in refused(capsys, "simulate", *(w.format(folder=tmp_path) for w in words))
    assert os.listdir(tmp_path) == []


def test_an_interrupt_leaves_neither_file(tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("artiphys.responses.storage.save_responses", interrupted)
    words = ("--out", tmp_path / "s.nc", "--truth", tmp_path / "t.nc")
    assert "interrupted" in refused(capsys, "simulate", *words)
    assert os.listdir(tmp_path) == []


def test_too_much_for_the_memory_is_one_line(tmp_path, capsys):
    words = ("--n-units", 10, "--n-images", 10**13, "--out", tmp_path / "s.nc")
    assert "out of memory" in refused(capsys, "simulate", *words)


def test_a_limit_on_the_size_of_files_is_one_line_and_leaves_neither(tmp_path, capsys):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        words = ("--out", tmp_path / "s.nc", "--truth", tmp_path / "t.nc", "--n-images", 400)
        err = refused(capsys, "simulate", *words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "t.nc: cannot be written" in err
    assert os.listdir(tmp_path) == []


def test_suffixes_may_be_in_capital_letters(tmp_path, capsys):
    words = ("--out", tmp_path / "s.NC", "--truth", tmp_path / "t.NC", "--n-units", 5)
    assert main(["simulate", *map(str, words), "--n-images", "8"]) == 0
    assert sorted(os.listdir(tmp_path)) == ["s.NC", "t.NC"]
    assert open_responses(tmp_path / "s.NC").sizes["unit"] == 5


SAVING = """
import sys, time, numpy as np, xarray as xr
import artiphys.simulation
from artiphys_cli.main import main
def wait(values):
    time.sleep(0.05)
    return values
simulate_responses = artiphys.simulation.simulate_responses
def slowly(**how):
    simulated = simulate_responses(**how)
    many = simulated.responses.isel(unit=np.zeros(4000, int))
    many = many.assign_coords(unit=[f"u{i}" for i in range(4000)]).chunk({"unit": 10})
    slow = xr.apply_ufunc(wait, many, dask="parallelized", output_dtypes=[float])
    return simulated._replace(responses=slow.assign_attrs(many.attrs))
artiphys.simulation.simulate_responses = slowly
sys.exit(main(["simulate", "--n-images", "5", "--out", sys.argv[1]]))
"""


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_signal_while_saving_is_one_line_and_leaves_nothing(tmp_path, suffix, kind):
    argv = [sys.executable, "-c", SAVING, str(tmp_path / f"out{suffix}")]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
    while not list(tmp_path.glob(".out*.partial")):
        time.sleep(0.05)
        assert process.poll() is None
    time.sleep(0.3)
    process.send_signal(kind)
    _, err = process.communicate(timeout=60)
    assert err == "artiphys: error: interrupted; what was half-written is removed\n"
    assert process.returncode == 2
    assert os.listdir(tmp_path) == []
