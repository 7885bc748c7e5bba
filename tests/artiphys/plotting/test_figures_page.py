"""The page on figures: its examples run as they stand, one after the other."""

import re

import matplotlib.pyplot as plt
import pytest

import artiphys.plotting
from environment import ROOT

PAGE = (ROOT / "docs" / "figures.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.filterwarnings("ignore::artiphys.errors.ArtiphysWarning")
def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {}
    assert len(BLOCKS) == 8
    for block in BLOCKS:
        exec(compile(block, "docs/figures.md", "exec"), known)
        plt.close("all")
    written = re.findall(r'savefig\("(.*?)"\)', PAGE)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(written)


def test_every_public_figure_is_on_the_page():
    assert {name for name in artiphys.plotting.__all__ if name not in PAGE} == set()
