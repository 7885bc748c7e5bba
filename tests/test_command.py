"""The command: tables and files on good input; on bad input one line and exit 2."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from artiphys.command import main
from artiphys.command.output import p_text
from artiphys.storage import save_responses


@pytest.fixture
def file(make_responses, tmp_path):
    rng = np.random.default_rng(0)
    scale = rng.lognormal(size=(30, 1, 1))
    values = scale * (scale * rng.normal(size=(30, 40, 1)) + rng.normal(size=(30, 40, 3)))
    area = ["V4"] * 20 + ["IT"] * 10
    responses = make_responses(values, area=area, position=[0.0, 0.125, 0.25])
    save_responses(responses, tmp_path / "r.nc")
    return tmp_path / "r.nc"


def refused(capsys, *argv):
    """Run the command; return the one line that it refuses with."""
    try:
        code = main([str(word) for word in argv])
    except SystemExit as end:  # argparse ends by itself
        code = end.code
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith("artiphys: error: ")
    return err


def test_signature_prints_a_table_and_writes_it(file, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["signature", str(file), "--n-resamples", "2000", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "V4" in printed
    assert "< 0.001" in printed
    assert sorted(os.listdir(out)) == ["signature-r.png", "signature.csv"]
    table = pd.read_csv(out / "signature.csv")
    assert table["area"].tolist() == ["V4", "V4", "IT", "IT"]
    assert table["n_units"].tolist() == [20, 20, 10, 10]
    assert (table["ci_lower"] < table["spearman"]).all()
    assert (table["spearman"] < table["ci_upper"]).all()


def test_quiet_prints_nothing(file, capsys):
    assert main(["signature", str(file), "--n-resamples", "9", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_numeric_reference_may_be_typed(file, capsys):
    assert main(["signature", str(file), "--n-resamples", "9", "--reference", "0.25"]) == 0
    assert "0.125" in capsys.readouterr().out
    assert "not among the positions" in refused(capsys, "signature", file, "--reference", "left")


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        ([], "required: COMMAND"),
        (["sing"], "invalid choice: 'sing'"),
        (["signature"], "required: FILE"),
        (["signature", "absent.nc"], "absent.nc: no such file"),
        (["signature", "absent.csv"], "must end in .nc"),
        (["signature", "{file}", "--by", "layer"], "by must be a coordinate along 'unit'"),
        (["signature", "{file}", "--level", "95"], "level must lie between 0 and 1"),
        (["signature", "{file}", "--n-resamples", "0"], "n_resamples must be a whole number"),
        (["signature", "{file}", "--noise", "some"], "invalid choice: 'some'"),
        (["signature", "{file}", "--resample", "trial"], "resample must be one of"),
        (["signature", "{file}", "--noise", "split"], "must have a 'trial' dim"),
        (["signature", "{file}", "--out", "{file}"], "a file of that name is in the way"),
    ],
)
def test_bad_arguments_are_one_line(file, capsys, argv, fault):
    assert fault in refused(capsys, *(word.format(file=file) for word in argv))
    assert os.listdir(file.parent) == [file.name]


def test_an_interrupt_is_one_line(file, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("artiphys.command.signature.signature", interrupted)
    assert "interrupted" in refused(capsys, "signature", file)


def test_a_bug_keeps_its_traceback(file, monkeypatch):
    def broken(*_, **__):
        msg = "a bug of ours"
        raise AssertionError(msg)

    monkeypatch.setattr("artiphys.command.signature.signature", broken)
    with pytest.raises(AssertionError, match="a bug of ours"):
        main(["signature", str(file)])


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_one_line_and_nothing_half_written(file, kind):
    out = file.parent / "out"
    command = [sys.executable, "-m", "artiphys.command", "signature", str(file), "--out", str(out)]
    process = subprocess.Popen(
        [*command, "--n-resamples", "30000000"], stderr=subprocess.PIPE, text=True
    )
    while not out.is_dir():
        time.sleep(0.05)
        assert process.poll() is None
    time.sleep(0.3)
    process.send_signal(kind)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "artiphys: error: interrupted; what was half-written is removed\n"
    assert os.listdir(out) == []


def test_output_may_be_cut_short_by_its_reader(file):
    command = f"{sys.executable} -m artiphys.command signature {file} --n-resamples 9 | true"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_p_values_as_a_paper_prints_them():
    assert [p_text(p) for p in (0.0001, 0.04321, np.nan)] == ["< 0.001", "0.043", "-"]


def test_units_without_an_invariance_are_told(make_responses, tmp_path, capsys):
    values = np.random.default_rng(0).normal(size=(9, 20, 2))
    values[:2] = 1.0  # constant
    save_responses(make_responses(values), tmp_path / "r.nc")
    assert main(["signature", str(tmp_path / "r.nc"), "--n-resamples", "9"]) == 0
    assert "V4: 2 of 9 units left out" in capsys.readouterr().err


def test_trials_get_a_verdict(make_responses, tmp_path, capsys):
    rng = np.random.default_rng(0)
    rates = 5 * rng.lognormal(size=(20, 30, 2, 1)) * np.ones(6)
    save_responses(make_responses(rng.poisson(rates)), tmp_path / "r.nc")
    assert main(["signature", str(tmp_path / "r.nc")]) == 0
    printed = capsys.readouterr().out
    assert "V4, position 1: " in printed
    assert "as measured would have said" in printed
