"""``artiphys power`` and ``artiphys control``: what the calls return, as tables and pictures."""

import os

import numpy as np
import pandas as pd
import pytest

from artiphys.design.control import control
from artiphys.design.power import power
from artiphys.responses.storage import save_responses
from artiphys.simulation import simulate_responses
from artiphys_cli.main import main


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "v4.nc"
    responses = simulate_responses(
        n_units=30, n_images=24, n_positions=3, rate=40.0, area="V4", rng=1
    ).responses
    save_responses(responses, path)
    return path, responses


def run(capsys, *words):
    assert main([str(word) for word in words]) == 0
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines()), default=0) <= 80
    return out, err


def refused(capsys, *words):
    assert main([str(word) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def test_a_control_is_what_the_call_returns(file, tmp_path, capsys):
    path, responses = file
    words = ("--n-experiments", 6, "--seed", 3, "--images", "new", "--relation", "0.5")
    out, err = run(capsys, "control", path, *words, "--out", tmp_path / "results")
    expected = control(
        responses, n_experiments=6, rng=3, images="new", relation=0.5, n_resamples=1000
    )
    frame = pd.read_csv(tmp_path / "results" / "control-v4.csv")
    assert frame["position"].tolist() == [1, 2]
    np.testing.assert_allclose(frame["rejection_rate"], expected["rejection_rate"].values[0])
    bounds = frame[["ci_lower", "ci_upper"]].values
    np.testing.assert_allclose(bounds, expected["interval"].values[0])
    mean = expected["spearman"].mean("experiment").values[0]
    np.testing.assert_allclose(frame["spearman_mean"], mean)
    assert (frame["relation"] == 0.5).all()
    assert "V4, position 1: p < 0.05 in" in " ".join(out.split())
    assert "with a true r_s of 0.50: a power of" in " ".join(out.split())
    assert err.count("wrote ") == 2
    assert sorted(os.listdir(tmp_path / "results")) == ["control-v4.csv", "control-v4.png"]


def test_power_is_what_the_call_returns(tmp_path, capsys):
    words = ("--n-units", 30, "--n-images", 20, "--rate", 40, "--relations", 0, 0.9)
    words += ("--factors", 2, "--n-experiments", 3, "--seed", 2)
    out, err = run(capsys, "power", *words, "--out", tmp_path)
    expected = power(30, 20, rate=40.0, relations=(0, 0.9), factors=(2,), n_experiments=3, rng=2)
    frame = pd.read_csv(tmp_path / "power.csv")
    np.testing.assert_allclose(frame["power"], expected["power"].values.ravel())
    assert frame["changed"].tolist()[::2] == expected["changed"].values.tolist()
    assert frame["n_units"].tolist() == [30, 30, 60, 60, 30, 30, 30, 30]
    np.testing.assert_allclose(frame["detectable"][::2], expected["detectable"])
    for text in ("as planned", "60 units", "40 images", "10 repeats", "80 % at"):
        assert text in out
    assert "With 30 units, 20 images, 5 repeats" in out
    assert sorted(os.listdir(tmp_path)) == ["power.csv", "power.png"]
    assert err.count("wrote ") == 2


def test_power_from_a_pilot(file, capsys):
    path, responses = file
    words = ("--pilot", path, "--position", 2, "--relations", 0.8, "--factors", 1)
    out, _ = run(capsys, "power", *words, "--n-experiments", 3)
    expected = power(
        pilot=responses, position=2, relations=(0.8,), factors=(1,), n_experiments=3, rng=0
    )
    assert "With 30 units, 24 images, 5 repeats" in out
    assert f"{expected['power'].item():.2f}" in out


def test_quiet_says_nothing(file, tmp_path, capsys):
    path, _ = file
    run_quiet = ("--n-experiments", 2, "--quiet", "--out", tmp_path)
    assert run(capsys, "control", path, *run_quiet) == ("", "")
    words = ("--relations", 0.5, "--factors", 1, "--n-units", 20, "--n-images", 20)
    assert run(capsys, "power", *words, *run_quiet) == ("", "")
    assert len(os.listdir(tmp_path)) == 4


def test_nothing_is_overwritten_in_silence(file, tmp_path, capsys):
    path, _ = file
    (tmp_path / "control-v4.png").write_text("mine")
    (tmp_path / "power.csv").write_text("mine")
    there = "is there already; add --overwrite"
    assert there in refused(capsys, "control", path, "--out", tmp_path)
    assert there in refused(capsys, "power", "--out", tmp_path)
    assert (tmp_path / "power.csv").read_text() == "mine"
    words = ("--n-experiments", 2, "--overwrite", "--out", tmp_path)
    run(capsys, "control", path, *words)
    assert (tmp_path / "control-v4.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("control", "{file}", "--relation", "2"), "relation must be a number of at least -1"),
        (("control", "{file}", "--images", "old"), "invalid choice: 'old'"),
        (("control", "{file}", "--within", "layer"), "within must be a coordinate"),
        (("control", "{file}", "--reference", "9"), "9 is not among the positions"),
        (("control", "{file}", "--reference", "best"), "one reference position for all units"),
        (("control", "{file}", "--by", "layer"), "layer"),
        (("control", "{file}", "--jobs", "0"), "jobs must be a whole number of at least 1"),
        (("control", "absent.nc"), "absent.nc"),
        (("control",), "required: FILE"),
        (("power", "--pilot", "{file}"), "position must name one of the pilot's [1, 2]"),
        (("power", "--pilot", "{file}", "--position", "7"), "7 is not among the positions"),
        (("power", "--pilot", "{file}", "--position", "1", "--area", "IT"), "area must name one"),
        (("power", "--pilot", "{file}", "--position", "1", "--rate", "3"), "a pilot has its own"),
        (("power", "--position", "1"), "--position: of a pilot"),
        (("power", "--n-units", "2"), "n_units must be a whole number of at least 3"),
        (("power", "--relations", "0.5", "0.1"), "relations must be rising"),
        (("power", "--target", "80"), "target must lie between 0 and 1"),
        (("power", "--seed", "-1"), "a seed is a whole number"),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(file, tmp_path, capsys, words, fault):
    path, _ = file
    out = tmp_path / "results"
    words = [word.format(file=path) for word in words]
    assert fault in refused(capsys, *words, "--out", out)
    assert not out.exists()


def test_an_interrupt_leaves_nothing(file, tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("artiphys.design.control.outcomes", interrupted)
    assert "interrupted" in refused(capsys, "control", file[0], "--out", tmp_path / "results")
    assert os.listdir(tmp_path) == []
