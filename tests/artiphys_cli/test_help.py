"""What the command says of itself: every example runs, help fits a terminal and loads nothing."""

import os
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest
from PIL import Image

from artiphys.responses.storage import save_responses
from artiphys.simulation import simulate_responses
from artiphys_cli.main import main
from artiphys_cli.parser import COMMANDS, examples
from environment import missing
from nwb_files import LAYOUT, recording, write_nwb

try:
    import torch

    from artiphys_torch import dead_leaves, load_alexnet
except ImportError:
    missing("the extra 'torch'", module=True)

NETS = """
from torch import nn

def small():
    return nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Conv2d(4, 6, 3))
"""
EXAMPLES = [
    line
    for name in COMMANDS
    for line in examples(getattr(import_module(f"artiphys_cli.{name}"), name))
]
OUTPUTS = ("--out", "--truth", "--table", ">")
HEAVY = {"torch", "pynwb", "h5py", "matplotlib", "numpy", "pandas", "scipy", "xarray", "artiphys"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every file that an example names."""
    folder = tmp_path_factory.mktemp("lab")
    responses, truth = simulate_responses(n_units=40, n_images=24, repeats=1, rng=0)
    network = responses.isel(trial=0, drop=True).copy(data=truth["rate"].values)
    network = network.assign_coords(position=[0.0, 0.125]).assign_attrs(reference=0.0)
    save_responses(network, folder / "alexnet.nc")
    v4 = simulate_responses(n_units=40, n_images=24, area="V4", rng=1).responses
    save_responses(v4, folder / "v4.nc")
    write_nwb(folder / "session.nwb", *recording())
    (folder / "lab.toml").write_text(LAYOUT.to_toml())
    (folder / "nets.py").write_text(NETS)
    torch.save(load_alexnet(seed=9).state_dict(), folder / "mine.pth")
    (folder / "photographs").mkdir()
    for number, pixels in enumerate(dead_leaves(6, size=64)):
        Image.fromarray(pixels).save(folder / "photographs" / f"{number}.png")
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_two_examples(name):
    ours = [line for line in EXAMPLES if line.split()[1] == name]
    assert len(ours) == 2
    assert all(line.startswith("artiphys ") and len(line) <= 76 for line in ours)


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_runs_as_it_stands(folder, tmp_path, line):
    lab = tmp_path / "lab"
    shutil.copytree(folder, lab, copy_function=os.link)  # no command writes into a file in place
    words = line.split()
    promised = [words[i + 1] for i, word in enumerate(words) if word in OUTPUTS]
    for name in promised:  # what is there already is not replaced
        (lab / name).unlink(missing_ok=True)
    code = f'artiphys() {{ {sys.executable} -m artiphys_cli "$@"; }}; {line}'
    done = subprocess.run(["bash", "-c", code], cwd=lab, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    for name in promised:
        path = lab / name
        assert os.listdir(path) if path.is_dir() else path.stat().st_size
    assert done.stdout or promised


@pytest.mark.parametrize("argv", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_help_fits_a_terminal_and_a_pipe(argv, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*argv, "--help"]) == 0
    printed, told = capsys.readouterr()
    assert told == ""
    assert max(map(len, printed.splitlines())) <= 80
    assert not set("─│╭╰\x1b") & set(printed)
    for line in [each for each in EXAMPLES if argv and each.split()[1] == argv[0]]:
        assert f"  $ {line}\n" in printed
    if not argv:
        assert all(f"\n    {name} " in printed for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name, capsys):
    assert main([name, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    options = [line for line in lines if line.startswith("    ") and line[4:5] != " "]
    assert options
    assert all(len(line) > 31 and line[31:32] != " " and line[31] != "[" for line in options)


@pytest.mark.parametrize("words", ["--version", "signature --help", "--help", "sing"])
def test_what_needs_no_data_loads_nothing_heavy(words):
    code = f"""
import sys
from artiphys_cli.main import main
main({words.split()!r})
print(sorted(set(sys.modules) & {HEAVY!r}), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_help_may_be_read_in_part():
    """By ``head``, say, which closes the pipe."""
    read, write = os.pipe()
    os.close(read)
    argv = [sys.executable, "-m", "artiphys_cli", "signature", "--help"]
    done = subprocess.run(argv, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr() == (f"{version('artiphys')}\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_learns_the_commands_and_their_options(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)
    assert "n-resamples" in script
    assert "corrected" in script


def test_bash_completes(tmp_path, capsys):
    assert main(["completion", "bash"]) == 0
    (tmp_path / "artiphys.bash").write_text(capsys.readouterr().out)
    code = """
source artiphys.bash
complete_of() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _artiphys; echo "${COMPREPLY[@]}"; }
complete_of artiphys si
complete_of artiphys signature --noi
"""
    done = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["signature simulate", "--noise"], done.stderr
