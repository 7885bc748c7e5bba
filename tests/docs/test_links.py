"""Links inside the documentation lead somewhere: to files that are there, to headings in them.

Links to other sites are followed by ``make linkcheck``, where there is a network.
"""

import re
import runpy

import pytest

from environment import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
# What `make docs` writes, and is not there before.
BUILT = ("gallery/", "generated/")


def text_of(page):
    """Return a page without its code, in which brackets are no links."""
    return CODE.sub("", page.read_text())


def links_of(page):
    """Return the links of a page that do not leave the documentation."""
    return [link for link in LINK.findall(text_of(page)) if "://" not in link]


def anchors_of(page):
    """Return what the headings of a page are linked by, as GitHub and MyST make it of them."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.M
    )
    return {
        re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page):
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        if path.startswith(BUILT):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert target.is_relative_to(ROOT), f"{page.name}: {link} leaves the checkout"
        if anchor:
            assert anchor in anchors_of(target), f"{page.name}: {link}"


def test_links_to_the_gallery_are_of_examples():
    found = [link for page in PAGES for link in links_of(page) if link.startswith("gallery/")]
    for link in found:
        name = link.removeprefix("gallery/").partition("#")[0].rsplit(".", 1)[0]
        assert name == "index" or (ROOT / "examples" / f"{name}.py").exists(), link


def test_every_page_is_in_a_table_of_contents():
    index = (ROOT / "docs" / "index.md").read_text()
    listed = {
        line
        for block in re.findall(r"```\{toctree\}(.*?)```", index, re.DOTALL)
        for line in block.split("\n")
        if line and not line.startswith(":")
    }
    pages = {path.stem for path in (ROOT / "docs").iterdir() if path.suffix in (".md", ".rst")}
    assert pages - {"index", "sg_execution_times"} == listed - {"gallery/index"}
    assert "gallery/index" in listed


def test_a_link_that_leads_nowhere_is_seen(tmp_path):
    """The negative control: what the tests above would find in such a page."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A *heading*, with `code`\n\n[a](b.md) `[c](d.md)` [e](#a-heading-with-code)\n"
    )
    assert links_of(page) == ["b.md", "#a-heading-with-code"]
    assert anchors_of(page) == {"a-heading-with-code"}


def test_links_of_a_built_site_are_followed(tmp_path):
    broken_links = runpy.run_path(str(ROOT / "docs" / "check_links.py"))["broken_links"]
    (tmp_path / "a").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="a/b.html#here">1</a> <a href="a/b.html#gone">2</a> <a href="no.html">3</a>'
        '<a href="https://example.org/no">4</a> <img src="no.png"> <a href="#top" id="top">5</a>'
    )
    (tmp_path / "a" / "b.html").write_text('<p id="here"><a href="../index.html#top">back</a></p>')
    assert list(broken_links(tmp_path)) == [
        "index.html: a/b.html#gone",
        "index.html: no.html",
        "index.html: no.png",
    ]
