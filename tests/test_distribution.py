"""What is published: built as an index gets it, complete, and fit to be shown."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser

import pytest

from environment import ROOT, missing

PACKAGES = {
    path.parent
    for place in (".", "adapters")
    for path in (ROOT / place).glob("artiphys*/__init__.py")
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The source distribution and the wheel that is built of it."""
    for module in ("build", "twine"):
        try:
            __import__(module)
        except ImportError:
            missing(f"{module} (extra 'test')")
    folder = tmp_path_factory.mktemp("dist")
    argv = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if "Could not fetch" in done.stderr or "ConnectionError" in done.stderr:
        missing("an index to fetch the build system from")
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


def metadata_of(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_an_index_would_take_it(built):
    argv = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


def test_the_wheel_holds_every_file_of_every_package(built):
    with zipfile.ZipFile(built[1]) as archive:
        held = set(archive.namelist())
    tracked = {
        path
        for package in PACKAGES
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected = {
        str(path.relative_to(ROOT)).removeprefix("adapters/").replace("\\", "/") for path in tracked
    }
    assert len(PACKAGES) > 4
    assert expected - held == set()
    assert {name for name in held if ".dist-info/" not in name} - expected == set()
    assert {f"{package.name}/py.typed" for package in PACKAGES} - held == set()


def test_the_readme_that_an_index_shows_has_no_link_that_leads_nowhere(built):
    """Links into the checkout are shown as names of files in the source distribution."""
    text = metadata_of(built[1]).get_payload()
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert [link for link in links if not link.startswith("https://")] == []
    readme = (ROOT / "README.md").read_text()
    inside = re.findall(r"(?<!!)\[[^\]]+\]\((?!https://)([^)]+)\)", readme)
    assert "docs/quickstart.md" in inside
    with tarfile.open(built[0]) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    for link in inside:
        assert f"(`{link}`)" in text
        assert any(name.startswith(link) for name in held), link


def test_the_wheel_says_which_pythons_it_is_for(built):
    said = metadata_of(built[1])
    pythons = [c.rsplit(" ")[-1] for c in said.get_all("Classifier") if ":: 3." in c]
    assert said["Requires-Python"] == f">={pythons[0]}"
