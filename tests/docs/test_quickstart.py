"""The quick start, as a newcomer goes through it: every command and every line, as they stand."""

import re
import subprocess
import sys

from environment import ROOT, missing

PAGE = (ROOT / "docs" / "quickstart.md").read_text()
# Not again here: what installs, what reproduces the paper, and the report have tests of their own.
ELSEWHERE = ("pip ", "python3 ", "source ", "make ", "artiphys reproduce", "artiphys report")


def blocks(language, *, after, before):
    """Return the blocks of code between two headings."""
    part = PAGE.split(f"\n## {after}", 1)[1].split(f"\n## {before}", 1)[0]
    return re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL)


def test_a_newcomers_hour(tmp_path, monkeypatch):
    """One test, not several with a fixture, which parallel workers would each go through."""
    try:
        import pynwb  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        missing(str(error))
    (tmp_path / "nets.py").write_text(blocks("python", after="3.", before="4.")[0])
    lines = [
        line.removeprefix("$ ")
        for block in blocks("console", after="2.", before="5.")
        for line in block.splitlines()
    ]
    lines = [line for line in lines if not line.startswith(ELSEWHERE)]
    assert [line.split()[1] for line in lines] == [
        *("simulate", "describe", "describe", "ingest", "signature"),
        *("probe", "signature", "compare"),
    ]
    script = "\n".join([f'artiphys() {{ {sys.executable} -m artiphys_cli "$@"; }}', *lines])
    done = subprocess.run(
        ["bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "units of wider dynamic range are more invariant" in done.stdout
    promised = set(re.findall(r"`(signature-[\w-]+\.(?:csv|png))`", PAGE))
    assert promised == {"signature-v4.csv", "signature-v4.png"}
    for name in promised | {"compare-small-v4.csv", "compare-small-v4.png"}:
        assert (tmp_path / "results" / name).stat().st_size
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for after, before in (("3.", "4."), ("5.", "6.")):
        known = {}
        for block in blocks("python", after=after, before=before):
            exec(compile(block, "docs/quickstart.md", "exec"), known)
        assert known["responses"].dims[:3] == ("unit", "image", "position")
    sys.modules.pop("nets", None)


def test_each_command_of_the_page_exists():
    from artiphys_cli.parser import COMMANDS

    assert set(re.findall(r"^\$ artiphys (\w+)", PAGE, re.MULTILINE)) <= set(COMMANDS)
