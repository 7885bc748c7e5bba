"""CITATION.cff names the version that is built."""

import re
import tomllib

from environment import ROOT


def test_the_version_cited_is_the_version_built():
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    cited = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited == [built]
