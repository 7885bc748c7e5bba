"""``artiphys report``: the page of the call, whole or not at all, and one line if it is refused."""

import os
import re
import signal
import subprocess
import sys
import time
from html import unescape

import pytest

from artiphys.responses.storage import save_responses
from artiphys.simulation import simulate_responses
from artiphys_cli.main import main
from artiphys_report import report
from environment import heed_interrupts

MADE = re.compile(r'<p class="made">.*</p>')


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recording")
    responses, truth = simulate_responses(n_units=24, n_images=12, area="V4", rate=40.0, rng=1)
    save_responses(responses, folder / "v4.nc")
    network = responses.isel(trial=0, drop=True).copy(data=truth["rate"].values)
    network = network.assign_coords(position=[0.0, 0.125]).assign_attrs(reference=0.0)
    save_responses(network, folder / "net.nc")
    return folder


def refused(capsys, *words):
    assert main([str(word) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def test_the_page_is_that_of_the_call(files, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(files)
    out = tmp_path / "page.html"
    words = ("--simulations", "2", "--seed", "3", "--positions", "0.125=1", "--jobs", "1")
    assert main(["report", "v4.nc", "net.nc", *words, "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert told == ("", f"wrote {out}\n")
    command = (
        "artiphys report v4.nc net.nc --by area --positions 0.125=1 --simulations 2 --level 0.95 "
        f"--seed 3 --out {out}"
    )
    expected = report(
        ["v4.nc", "net.nc"],
        simulations=2,
        seed=3,
        positions={"0.125": "1"},
        jobs=1,
        command=command,
    )
    assert MADE.sub("", out.read_text()) == MADE.sub("", expected)
    assert command in unescape(expected)


def test_the_command_on_the_page_makes_the_page_again(files, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(files)
    out = tmp_path / "a page.html"
    words = ["--simulations", "1", "--covariates", "mean_response", "n_repeats", "--quiet"]
    assert main(["report", "v4.nc", *words, "--out", str(out)]) == 0
    page = out.read_text()
    command = unescape(re.search(r"<pre>(artiphys report .*)</pre>", page)[1])
    out.unlink()
    code = f'artiphys() {{ {sys.executable} -m artiphys_cli "$@"; }}; {command}'
    subprocess.run(["bash", "-ec", code], cwd=files, check=True, capture_output=True)
    assert MADE.sub("", out.read_text()) == MADE.sub("", page)


def test_the_number_of_processes_changes_nothing(files, tmp_path):
    pages = []
    for jobs in ("1", "2"):
        out = tmp_path / "report.html"
        words = ["--simulations", "9", "--jobs", jobs, "--overwrite", "--quiet"]
        assert main(["report", str(files / "v4.nc"), *words, "--out", str(out)]) == 0
        pages.append(MADE.sub("", out.read_text()))
    assert pages[0] == pages[1]


def test_by_default_the_page_is_written_here(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(files / "net.nc"), "--quiet"]) == 0
    assert os.listdir(tmp_path) == ["report.html"]


def test_what_is_there_is_not_replaced_unasked(files, tmp_path, capsys):
    out = tmp_path / "report.html"
    out.write_text("mine")
    err = refused(capsys, "report", files / "net.nc", "--out", out)
    assert "is there already; add --overwrite" in err
    assert out.read_text() == "mine"
    assert main(["report", str(files / "net.nc"), "--out", str(out), "--overwrite"]) == 0
    assert out.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "none/report.html"], "the folder none does not exist; make it first"),
        (["--out", "report.pdf"], "report.pdf: the name must end in .html or .htm; got '.pdf'"),
        (["--by", "colour"], "v4.nc: by must be a coordinate along 'unit'"),
        (["--simulations", "-1"], "simulations must be a whole number of at least 0; got -1"),
        (["--simulations", "1.5"], "invalid int value: '1.5'"),
        (["--positions", "0.125"], "--positions takes MODEL=BRAIN, e.g. 0.125=2; got '0.125'"),
        (["--positions", "0=1", "0=2"], "may be named once; got 0 twice"),
        (["--reference", "left"], "position left is not among those of v4.nc, [0, 1]"),
        (["absent.nc"], "absent.nc"),
        (["notes.txt"], "notes.txt: the name must end in .nc"),
        (["broken.nc"], "broken.nc: cannot be read as netcdf4"),
        (["v4.nc"], "v4.nc is given 2 times; give each FILE once"),
        (["one.nc"], "one.nc: 'position' must have at least 2 labels"),
    ],
)
def test_bad_input_ends_in_one_line_and_leaves_nothing(tmp_path, capsys, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    responses = simulate_responses(n_units=12, n_images=6, area="V4", rng=1).responses
    save_responses(responses, tmp_path / "v4.nc")
    save_responses(responses.isel(position=[0]), tmp_path / "one.nc")
    (tmp_path / "broken.nc").write_bytes(b"nothing that a library could read")
    (tmp_path / "notes.txt").write_text("notes")
    before = sorted(os.listdir(tmp_path))
    assert told in refused(capsys, "report", "v4.nc", *words)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_folder_that_is_not_there_is_told_of_before_the_work(files, capsys):
    begun = time.monotonic()
    refused(capsys, "report", files / "v4.nc", "--simulations", 10**6, "--out", "none/a.html")
    assert time.monotonic() - begun < 5


def test_ctrl_c_leaves_nothing_half_written(files, tmp_path):
    argv = [sys.executable, "-m", "artiphys_cli", "report", str(files / "v4.nc")]
    argv += ["--simulations", "1000000", "--jobs", "1", "--out", str(tmp_path / "report.html")]
    process = subprocess.Popen(
        argv, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts, cwd=tmp_path
    )
    time.sleep(8)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.splitlines()[-1].startswith("artiphys: error: interrupted")
    assert os.listdir(tmp_path) == []
