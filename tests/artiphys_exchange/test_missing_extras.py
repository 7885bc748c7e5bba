"""Without the other package, the extra that brings it is named, and nothing else is touched."""

import subprocess
import sys

import pytest

DOORS = {
    "read_mat": ("pymatreader", "matlab"),
    "from_pynapple": ("pynapple", "pynapple"),
    "to_pynapple": ("pynapple", "pynapple"),
    "from_rsatoolbox": ("rsatoolbox", "rsatoolbox"),
    "to_rsatoolbox": ("rsatoolbox", "rsatoolbox"),
}


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("door", DOORS)
def test_the_extra_is_named(door):
    module, extra = DOORS[door]
    done = run(f"import sys; sys.modules[{module!r}] = None; from artiphys_exchange import {door}")
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: {module}")
    assert f"pip install 'artiphys[{extra}]'" in last


def test_a_door_needs_no_other(tmp_path):
    """Each loads its own package alone, and Brain-Score's none."""
    others = ("pymatreader", "pynapple", "rsatoolbox", "h5py")
    code = (
        f"import sys; sys.modules |= dict.fromkeys({others!r}); import artiphys_exchange as e; "
        "e.to_assembly(__import__('artiphys').simulate_responses(n_units=3, rng=0).responses)"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
