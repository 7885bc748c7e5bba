"""The API reference lists every public name, once, under its package."""

import importlib
import re

import pytest

from environment import ROOT, missing

PACKAGES = [
    *("artiphys", "artiphys.plotting", "artiphys.tuning"),
    *("artiphys_exchange", "artiphys_nwb", "artiphys_report", "artiphys_torch"),
]


def listed() -> dict[str, list[str]]:
    """The names that docs/api.rst lists, by the module that it says they are in."""
    names: dict[str, list[str]] = {}
    module = ""
    for line in (ROOT / "docs" / "api.rst").read_text().splitlines():
        if found := re.fullmatch(r"\.\. currentmodule:: (\S+)", line):
            module = found[1]
        elif found := re.fullmatch(r"(?: +|\.\. data:: )(\w+)", line):
            names.setdefault(module, []).append(found[1])
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_listed_once(package):
    try:
        public = importlib.import_module(package).__all__
    except ImportError as error:
        missing(str(error))
    assert sorted(listed()[package]) == sorted(public)


def test_the_names_of_other_modules_are_public_there():
    for module in set(listed()) - set(PACKAGES):
        assert set(listed()[module]) <= set(importlib.import_module(module).__all__), module
