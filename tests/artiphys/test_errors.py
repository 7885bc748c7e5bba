"""Counts, lists and commands in messages."""

import re
import subprocess
import sys
import tomllib

import pytest

from artiphys.errors import counted, listed, to_install
from environment import ROOT, missing


@pytest.mark.parametrize(("n", "text"), [(0, "0 units"), (1, "1 unit"), (12, "12 units")])
def test_counts(n, text):
    assert counted(n, "unit") == text


@pytest.mark.parametrize(
    ("things", "named", "text"),
    [
        ([], {}, ""),
        (["a"], {"last": "and"}, "a"),
        (["a", "b", "c"], {}, "a, b, c"),
        (["a", "b", "c"], {"last": "or"}, "a, b or c"),
        ([1, 2, 3], {"most": 2}, "1, 2 and 1 more"),
        ("abcdefg", {"what": "groups"}, "a, b, c, d, e and 2 groups more"),
    ],
)
def test_lists(things, named, text):
    assert listed(things, **named) == text


def test_an_extra_is_installed_from_a_checkout_too():
    assert (
        to_install("nwb") == "pip install 'artiphys[nwb]', or from a checkout pip install '.[nwb]'"
    )


def named_extras():
    """Return the extras that messages name, wherever they do."""
    texts = [p.read_text() for d in ("artiphys", "adapters") for p in (ROOT / d).rglob("*.py")]
    return {extra for text in texts for extra in re.findall(r"to_install\([\"'](\w+)", text)}


def test_every_extra_that_is_named_can_be_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert len(named_extras()) > 5
    assert named_extras() <= set(extras)
    in_all = re.findall(r"[\w]+", " ".join(extras["all"]))
    assert named_extras() <= set(in_all)


def test_the_command_needs_no_index_that_has_artiphys():
    """Where artiphys is installed, pip finds in it what an extra asks for."""
    extras = ",".join(sorted(named_extras()))
    argv = f"-m pip install --dry-run --no-index --disable-pip-version-check artiphys[{extras}]"
    done = subprocess.run(
        [sys.executable, *argv.split()], capture_output=True, text=True, check=False
    )
    lacking = re.search(r"No matching distribution found for (?!artiphys)(\S+)", done.stderr)
    if lacking:
        missing(lacking[1])
    assert done.returncode == 0, done.stderr
