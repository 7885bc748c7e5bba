"""Bars of the commands: on a terminal, and only there; none with --quiet."""

import os
import re
import subprocess
import sys

import pytest

from artiphys.responses.storage import save_responses
from artiphys.simulation import simulate_responses
from artiphys_cli.main import main

if sys.platform == "win32":
    pytest.skip("Windows has no terminals to be made up", allow_module_level=True)

import pty
import termios

BAR = re.compile(r"\d+/\d+ \[")
# Bars of what takes no second, so that the test takes none either.
RUN = "import sys; from artiphys import progress; progress.DELAY = 0.0; \
from artiphys_cli.main import main; sys.exit(main(sys.argv[1:]))"
COMMANDS = {
    "units": ("signature", "v4.nc", "--resample", "unit"),
    "images": ("signature", "net.nc", "--resample", "image", "unit", "--n-resamples", "200"),
    "averages": ("signature", "net.nc", "--n-resamples", "200"),
    "compare": ("compare", "net.nc", "v4.nc", "--n-passes", "2"),
    "control": ("control", "v4.nc", "--n-experiments", "2"),
    "ingest": ("ingest", *"s_0.nwb s_1.nwb --layout lab.toml --out s.nc --overwrite".split()),
    "power": ("power", "--relations", "0.5", "--factors", "1", "--n-experiments", "2"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("files")
    sizes = {"n_units": 30, "n_images": 24, "n_positions": 3, "rate": 40.0}
    save_responses(simulate_responses(**sizes, area="V4", rng=1).responses, path / "v4.nc")
    rates = simulate_responses(**sizes, area="conv", rng=2).truth["rate"]
    save_responses(rates.rename("response"), path / "net.nc")
    few = ("--n-units", "4", "--n-images", "6", "--n-sessions", "2")
    assert main(["simulate", "--out", str(path / "s.nwb"), *few, "--quiet"]) == 0
    layout = 'image = "image"\nposition = "position"\nonset = "start_time"\n'
    (path / "lab.toml").write_text(layout)
    return path


def run(words, folder, *, terminal):
    """What a command prints where its errors go, and its status; a terminal, or a pipe."""
    argv = [sys.executable, "-c", RUN, *words]
    if not terminal:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
        return done.stderr, done.returncode
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    child = subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    said = b""
    try:
        while part := os.read(master, 65536):
            said += part
    except OSError:  # as a terminal ends on Linux
        pass
    finally:
        os.close(master)
    return said.decode(), child.wait(timeout=60)


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_terminal_shows_a_bar_and_takes_it_away(folder, words):
    said, status = run(words, folder, terminal=True)
    assert status == 0, said
    *_, last = BAR.finditer(said)
    assert re.search("\r +\r", said[last.end() :])  # written over with blanks


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_quiet_shows_none(folder, words):
    said, status = run((*words, "--quiet"), folder, terminal=True)
    assert status == 0, said
    assert not BAR.search(said)


@pytest.mark.parametrize("words", [COMMANDS["units"], COMMANDS["control"]])
def test_a_pipe_gets_none(folder, words):
    said, status = run(words, folder, terminal=False)
    assert status == 0, said
    assert not BAR.search(said)
