"""The page on other formats: what it shows runs, in its order, and is what it says."""

import re

import numpy as np

from environment import ROOT, missing

PAGE = (ROOT / "docs" / "exchange.md").read_text()


def test_what_the_page_shows_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 7
    for block in blocks:
        try:
            exec(compile(block, "exchange.md", "exec"), names)
        except ImportError as error:
            missing(str(error))
    np.testing.assert_array_equal(names["back"], names["responses"])
    assert len(names["information"]) == len(names["spikes"]["dynamic_range"]) == 4
    assert names["at_fovea"].n_channel == 8
    np.testing.assert_array_equal(names["own"].sum(), names["counts"].sum())


def test_the_page_names_every_door():
    import artiphys_exchange

    for name in artiphys_exchange.__all__:
        assert f"`{name}`" in PAGE or f".{name}`" in PAGE, name
