"""``artiphys compare``: a table, a verdict and a figure; one line and exit 2 on bad input."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from matplotlib.image import imread

from artiphys.errors import InputError
from artiphys.responses.storage import save_responses
from artiphys.simulation import simulate_responses
from artiphys_cli.main import main
from environment import heed_interrupts


@pytest.fixture
def files(tmp_path):
    """A network's file and a recording's."""
    responses, truth = simulate_responses(n_units=60, n_positions=3, repeats=1, rng=0)
    model = responses.isel(trial=0, drop=True).copy(data=truth["rate"].values)
    area = ["conv2"] * 30 + ["conv3"] * 30
    model = model.assign_coords(area=("unit", area), position=[0.0, 0.125, 0.25])
    brain = simulate_responses(n_units=50, n_positions=3, rate=40.0, area="V4", rng=1).responses
    save_responses(model.assign_attrs(units="a.u.", reference=0.0), tmp_path / "model.nc")
    save_responses(brain, tmp_path / "brain.nc")
    return tmp_path


def argv(folder, *more):
    words = ["compare", folder / "model.nc", folder / "brain.nc", "--n-passes", 2, *more]
    return [str(word) for word in words]


PAIRS = ("--positions", "0.125=1", "0.25=2")


def refused(capsys, *words):
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def test_it_prints_a_table_and_a_verdict_and_writes_them(files, capsys):
    out = files / "out"
    assert main(argv(files, *PAIRS, "--out", out)) == 0
    printed, told = capsys.readouterr()
    assert "layer r_s" in printed
    assert printed.count("conv3 and V4, position") == 2
    assert "matched: the recording's images; repeats; noise" in told
    assert sorted(os.listdir(out)) == ["compare-model-brain.csv", "compare-model-brain.png"]
    table = pd.read_csv(out / "compare-model-brain.csv")
    assert table["layer"].tolist() == ["conv2", "conv2", "conv3", "conv3"]
    assert (table["ci_lower"] < table["difference"]).all()
    assert (table["difference"] < table["ci_upper"]).all()
    assert imread(out / "compare-model-brain.png").ndim == 3


def test_unmatched_and_quiet(files, capsys):
    out = files / "new" / "out"
    assert main(argv(files, *PAIRS, "--unmatched", "--quiet", "--out", out)) == 0
    assert capsys.readouterr() == ("", "")
    assert "difference_naive" not in pd.read_csv(out / "compare-model-brain.csv")


def test_other_references_may_be_named(files, capsys):
    words = ("--reference-model", "0.25", "--reference-brain", "2", "--positions", "0.125=1")
    out = files / "out"
    assert main(argv(files, *words, "--out", out)) == 0
    assert (
        "positions that go with none: 0.0 of the network; 0 of the rec" in capsys.readouterr().err
    )
    assert pd.read_csv(out / "compare-model-brain.csv")["position"].tolist() == [1, 1]


def test_positions_left_over_are_told(files, capsys):
    assert main(argv(files, "--positions", "0.125=1")) == 0
    err = capsys.readouterr().err
    assert "warning: positions that go with none: 0.25 of the network; 2 of the recording" in err


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ((), "no position of the network"),
        (("--positions", "0.125"), "--positions takes MODEL=BRAIN, e.g. 0.125=2; got '0.125'"),
        (("--positions", "0.125=1", "0.125=2"), "named once"),
        (("--positions", "0.125=1", "0.25=1"), "named once"),
        (("--positions", "0.5=1"), "0.5 is not among the network's positions"),
        (("--reference-brain", "7"), "7 is not among the recording's positions"),
        (("--positions", "0.25=left"), "left is not among the recording's positions"),
        ((*PAIRS, "--by-model", "layer"), "by_model must be a coordinate"),
        ((*PAIRS, "--level", "95"), "level must lie between 0 and 1"),
        ((*PAIRS, "--n-passes", "0"), "n_passes must be a whole number"),
        ((*PAIRS, "--seed", "-1"), "rng must be a seed"),
        ((*PAIRS, "--resample", "trial"), "resample must be one of"),
        ((*PAIRS, "--out", "{folder}/brain.nc"), "a file of that name is in the way"),
    ],
)
def test_bad_arguments_are_one_line(files, capsys, more, fault):
    words = (word.format(folder=files) for word in more)
    assert fault in refused(capsys, *argv(files, *words))
    assert sorted(os.listdir(files)) == ["brain.nc", "model.nc"]


def test_bad_files_are_one_line(files, capsys):
    model, brain = files / "model.nc", files / "brain.nc"
    assert "absent.nc: no such file" in refused(capsys, "compare", model, files / "absent.nc")
    assert "must end in .nc" in refused(capsys, "compare", "model.csv", brain)
    brain.write_bytes(brain.read_bytes()[:3000])
    assert "brain.nc" in refused(capsys, *argv(files, *PAIRS))
    assert "required: BRAIN" in refused(capsys, "compare", model)


def test_swapped_files_are_told(files, capsys):
    words = ["compare", files / "brain.nc", files / "model.nc", "--positions", "1=0.125"]
    assert "the network must have no 'trial' dim" in refused(capsys, *words)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_one_line_and_nothing_half_written(files, kind):
    out = files / "out"
    words = argv(files, *PAIRS, "--out", out, "--n-passes", "100000")
    process = subprocess.Popen(
        [sys.executable, "-m", "artiphys_cli", *words],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    while not out.is_dir():
        time.sleep(0.05)
        assert process.poll() is None
    time.sleep(0.3)
    process.send_signal(kind)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "artiphys: error: interrupted; what was half-written is removed\n"
    assert not out.exists()


def test_a_figure_that_cannot_be_written_leaves_no_table(files, capsys, monkeypatch):
    def full(_, path):
        raise InputError(f"{path}: cannot be written: the disk is full")

    monkeypatch.setattr("artiphys_cli.terminal.write_figure", full)
    out = files / "out"
    err = refused(capsys, *argv(files, *PAIRS, "--out", out))
    assert (
        err
        == f"artiphys: error: {out}/compare-model-brain.png: cannot be written: the disk is full\n"
    )
    assert not out.exists()
    out.mkdir()
    (out / "compare-model-brain.csv").write_text("of before")
    told = refused(capsys, *argv(files, *PAIRS, "--out", out))
    assert "compare-model-brain.csv is there already; add --overwrite" in told
    refused(capsys, *argv(files, *PAIRS, "--overwrite", "--out", out))
    assert os.listdir(out) == ["compare-model-brain.csv"]
    assert (out / "compare-model-brain.csv").read_text() == "of before"
