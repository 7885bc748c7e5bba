"""``artiphys describe`` and ``artiphys ingest``: what the two calls give, printed and written."""

import os

import numpy as np
import pytest

from artiphys.responses.storage import open_responses
from artiphys_cli.main import main
from environment import missing

try:
    from artiphys_nwb import describe_nwb, load_layout, read_nwb
    from nwb_files import LAYOUT, recording, write_nwb
except ImportError:
    missing("the extra 'nwb'", module=True)


@pytest.fixture
def path(tmp_path):
    return write_nwb(tmp_path / "session.nwb", *recording())


def run(*argv):
    assert main([str(word) for word in argv]) == 0


def refused(capsys, *argv):
    assert main([str(word) for word in argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def test_describe_prints_what_there_is(path, capsys):
    run("describe", path)
    assert capsys.readouterr().out == str(describe_nwb(path)) + "\n"


def test_the_layout_described_can_be_ingested(path, tmp_path, capsys):
    run("describe", path, "--layout-only")
    (tmp_path / "lab.toml").write_text(capsys.readouterr().out)
    assert load_layout(tmp_path / "lab.toml") == LAYOUT
    out = tmp_path / "x.nc"
    run("ingest", path, "--layout", tmp_path / "lab.toml", "--window", "0", "0.1", "--out", out)
    got = capsys.readouterr()
    assert got.out == ""
    assert got.err.splitlines() == [
        "m_s1: 48 of 48 rows, 3 units; nothing left out",
        "3 units, 4 images, 3 positions, 4 trials",
        "reference position: 0 (set reference in the layout for another)",
        f"wrote {out}",
    ]
    np.testing.assert_array_equal(open_responses(out), read_nwb(path, LAYOUT, window=(0, 0.1)))


def test_ingest_takes_what_read_nwb_takes(path, tmp_path):
    other = write_nwb(tmp_path / "two.nwb", *recording(seed=1), identifier="2", session_id="s2")
    (tmp_path / "lab.toml").write_text(LAYOUT.to_toml())
    out = tmp_path / "x.NC"
    argv = (path, other, "--layout", tmp_path / "lab.toml", "--out", out)
    more = ("--counts", "--join", "outer", "--units-where", "id > 0", "--trials-where", "stim < 4")
    run("ingest", *argv, *more, "--window", "-0.1", "0.25")
    truth = read_nwb(
        [path, other],
        LAYOUT,
        window=(-0.1, 0.25),
        rate=False,
        join="outer",
        units_where="id > 0",
        trials_where="stim < 4",
    )
    np.testing.assert_array_equal(open_responses(out), truth)


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        (("--out", "x.txt"), "x.txt: the name must end in .nc"),
        (("--out", "no/folder/x.nc"), "the folder no/folder does not exist; make it first"),
        (("--out", "x.nc", "--window", "soon"), "--window takes a start and a stop in seconds"),
        (("--out", "x.nc", "--window", "1"), "--window takes a start and a stop in seconds"),
        (("--out", "x.nc", "--layout", "lab"), "lab: neither a layout's name"),
        (("--out", "x.nc", "--join", "inner"), "invalid choice: 'inner'"),
        ((), "required: --out"),
    ],
)
def test_ingest_refuses_before_it_reads(path, tmp_path, monkeypatch, capsys, argv, fault):
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir(tmp_path))
    assert fault in refused(capsys, "ingest", path, "--layout", "v4_position", *argv)
    assert sorted(os.listdir(tmp_path)) == before


def test_describe_has_no_layout_to_give(tmp_path, capsys):
    path = write_nwb(tmp_path / "a.nwb", recording()[0], None)
    assert "no layout to propose" in refused(capsys, "describe", path, "--layout-only")
    assert "no such file" in refused(capsys, "describe", tmp_path / "gone.nwb")
