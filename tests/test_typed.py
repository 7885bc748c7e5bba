"""The types reach a user: a script of theirs is checked strictly, and a wrong one is caught."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from artiphys import save_responses, simulate_responses
from environment import missing

SCRIPT = """\
import artiphys

responses = artiphys.open_responses("v4.nc")
result = artiphys.signature(responses, by="area")
for area in result["area"].values:
    print(area, float(result["spearman"].sel(area=area).max()))
print(artiphys.verdict(result))
table = artiphys.unit_table(responses)
print(table[table["used"]].groupby("area")["dynamic_range"].median())
"""


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    """Mypy on a script in a folder of its own, with no settings but --strict."""
    try:
        import mypy  # noqa: F401
    except ImportError:
        missing("mypy")
    folder = tmp_path_factory.mktemp("user")

    def check(script):
        (folder / "script.py").write_text(script)
        return subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--config-file=", "script.py"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )

    return check


def test_a_users_script_passes_strictly(check):
    done = check(SCRIPT)
    assert done.returncode == 0, done.stdout


def test_the_script_runs(tmp_path):
    simulated = simulate_responses(n_units=30, n_images=20, rng=1)
    save_responses(simulated.responses, tmp_path / "v4.nc")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "simulated" in done.stdout


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("artiphys.verdict(3)", 'Argument 1 to "verdict" has incompatible type "int"'),
        ("artiphys.signature(responses, nonsense=1)", 'Unexpected keyword argument "nonsense"'),
        ("artiphys.verdict(result) + 1", "Unsupported operand types"),
    ],
)
def test_a_wrong_call_is_caught(check, wrong, said):
    done = check(SCRIPT + wrong + "\n")
    assert done.returncode == 1
    assert said in done.stdout


@pytest.mark.parametrize(
    "package",
    [
        "artiphys",
        "artiphys_cli",
        "artiphys_exchange",
        "artiphys_nwb",
        "artiphys_report",
        "artiphys_torch",
    ],
)
def test_every_package_says_that_it_is_typed(package):
    (folder,) = find_spec(package).submodule_search_locations
    assert (Path(folder) / "py.typed").is_file()
