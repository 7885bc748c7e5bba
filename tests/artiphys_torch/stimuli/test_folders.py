"""Folders as people have them: what is used, and one line on what is not."""

import sys
import types

import numpy as np
import pytest
from PIL import Image

from artiphys.errors import ArtiphysWarning, InputError
from artiphys_torch import as_photographs


@pytest.fixture
def without_heif(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)


def saved(*paths):
    for path in paths:
        path.parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(path)


def told(folder):
    """Return the photographs of a folder and the one warning that they come with."""
    with pytest.warns(ArtiphysWarning) as record:
        found = as_photographs(folder)
    assert len(record) == 1
    message = str(record[0].message)
    assert "\n" not in message
    return found, message


def test_one_of_eight_files_is_used(tmp_path, without_heif):
    saved(tmp_path / "a.png")
    for name in ("b.heic", "c.HEIC", "d.heif", "e.cr2", "f.CR2", "g.mp4", "h.txt"):
        (tmp_path / name).touch()
    found, message = told(tmp_path)
    assert found.names == ["a.png"]
    assert "7 of 8 files are left out" in message
    assert "4 not images by their suffix (2 .cr2, 1 .mp4, 1 .txt)" in message
    assert "3 HEIC, for which pillow-heif is missing: pip install 'artiphys[heif]'" in message
    assert {record["reason"]: record["count"] for record in found.dropped} == {
        "not an image by its suffix": 4,
        "HEIC, and pillow-heif is not installed": 3,
    }


def test_one_text_of_eight_files_is_used_too(tmp_path):
    saved(tmp_path / "a.png")
    for number in range(7):
        (tmp_path / f"{number}.txt").touch()
    assert "7 of 8 files are left out" in told(tmp_path)[1]


def test_notes_beside_photographs_are_counted_in_silence(tmp_path):
    saved(tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png")
    for name in ("README.md", "labels.csv", "LICENSE"):
        (tmp_path / name).touch()
    assert as_photographs(tmp_path).dropped[0]["count"] == 3


def test_sub_folders_by_class(tmp_path):
    classes = [tmp_path / "n2" / "x.png", tmp_path / "n10" / "1.png", tmp_path / "n10" / "x.png"]
    saved(*classes, tmp_path / ".hidden" / "x.png")
    found = as_photographs(tmp_path)
    assert found.names == ["n2/x.png", "n10/1.png", "n10/x.png"]
    assert [item.read().size for item in found] == [(4, 4)] * 3
    assert as_photographs(tmp_path, n_images=2).names == ["n2/x.png", "n10/1.png"]


def test_sub_folders_beside_photographs_are_left_out_with_a_word(tmp_path):
    saved(tmp_path / "a.png", tmp_path / "raw" / "a.png", tmp_path / "raw" / "old" / "b.png")
    found, message = told(tmp_path)
    assert found.names == ["a.png"]
    assert "2 of 3 files are left out: 2 in sub-folders, as the folder itself" in message
    assert found.dropped[0]["count"] == 2


def test_links_that_go_round_in_a_circle(tmp_path):
    saved(tmp_path / "class" / "a.png")
    (tmp_path / "class" / "up").symlink_to(tmp_path)
    assert as_photographs(tmp_path).names == ["class/a.png"]


def test_no_photographs_anywhere(tmp_path):
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "a.txt").touch()
    with pytest.raises(InputError, match="holds no photographs; .* got 0 other files"):
        as_photographs(tmp_path)


def test_only_heic_and_no_pillow_heif(tmp_path, without_heif):
    (tmp_path / "a.heic").touch()
    with pytest.raises(InputError, match=r"HEIC needs pillow-heif: pip install 'artiphys\[heif\]'"):
        as_photographs(tmp_path)


def test_with_pillow_heif_heic_files_are_photographs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", types.ModuleType("pillow_heif"))
    saved(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.heic")  # PIL knows it by its content
    assert as_photographs(tmp_path).names == ["a.heic"]


@pytest.mark.parametrize("suffix", ["jfif", "JFIF", "jpe", "jp2", "pnm"])
def test_other_suffixes_of_photographs(tmp_path, suffix):
    kind = {"jp2": "JPEG2000", "pnm": "PPM"}.get(suffix, "JPEG")
    Image.new("RGB", (8, 8), "red").save(tmp_path / f"a.{suffix}", format=kind)
    assert as_photographs(tmp_path)[0].read().size == (8, 8)
