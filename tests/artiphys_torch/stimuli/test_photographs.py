"""Photographs: every kind of file and array, and every kind of file that is none."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artiphys.errors import ArtiphysWarning, InputError
from artiphys_torch import Photograph, Photographs, as_photographs
from artiphys_torch.stimuli.photographs import cached


def saved(path, mode="RGB", size=(6, 4), **options):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **options)
    return path


def test_folder_in_natural_order_others_counted(tmp_path):
    for name in ("img10.png", "img2.png", "Img1.PNG", "._img3.png"):
        saved(tmp_path / name)
    (tmp_path / "notes.txt").write_text("of the day")
    (tmp_path / "more").mkdir()
    found = as_photographs(tmp_path)
    assert found.names == ["Img1.PNG", "img2.png", "img10.png"]
    assert [(d["what"], d["count"]) for d in found.dropped] == [("file", 1)]


def test_some_are_spread_evenly_and_the_rest_counted(tmp_path):
    for number in range(10):
        saved(tmp_path / f"{number}.png")
    found = as_photographs(tmp_path, n_images=4)
    assert found.names == ["0.png", "2.png", "5.png", "7.png"]
    assert found.dropped[-1]["count"] == 6
    assert len(as_photographs(tmp_path, n_images=99)) == 10


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    suffix = "tif" if mode == "CMYK" else "png"
    path = tmp_path / f"a.{suffix}"
    if mode == "I;16":
        Image.fromarray(np.array([[0, 65535], [32768, 257]], dtype=np.uint16)).save(path)
    else:
        saved(path, mode)
    picture = as_photographs(path)[0].read()
    assert picture.mode == "RGB"
    if mode == "I;16":
        assert np.asarray(picture)[..., 0].tolist() == [[0, 255], [127, 1]]


def test_cmyk_jpeg_and_one_pixel(tmp_path):
    assert as_photographs(saved(tmp_path / "a.jpg", "CMYK"))[0].read().mode == "RGB"
    assert as_photographs(saved(tmp_path / "b.png", size=(1, 1)))[0].read().size == (1, 1)


def test_transparency_is_white_and_orientation_obeyed(tmp_path):
    clear = Image.new("RGBA", (2, 2), (10, 20, 30, 0))
    clear.save(tmp_path / "clear.png")
    assert np.asarray(as_photographs(tmp_path / "clear.png")[0].read()).min() == 255
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.save(tmp_path / "p.png", transparency=1)
    assert np.asarray(as_photographs(tmp_path / "p.png")[0].read()).min() == 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (8, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert as_photographs(tmp_path / "turned.jpg")[0].read().size == (4, 8)


def test_arrays_of_every_kind():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    as_floats = as_photographs([pixels / 255])[0].read()
    assert np.array_equal(np.asarray(as_floats), pixels)
    grey = np.asarray(as_photographs(pixels[..., 0])[0].read())
    assert np.array_equal(grey, np.repeat(pixels[..., :1], 3, axis=2))
    assert as_photographs(np.stack([pixels, pixels + 1])).names == ["image-000", "image-001"]
    assert as_photographs({"a": pixels, "b": Image.fromarray(pixels)}).names == ["a", "b"]
    assert np.asarray(as_photographs([pixels[..., :1]])[0].read()).shape == (5, 4, 3)


def test_names_are_unique(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    one, other = saved(tmp_path / "a" / "x.png"), saved(tmp_path / "b" / "x.png")
    assert as_photographs([one, other]).names == [one.as_posix(), other.as_posix()]
    with pytest.raises(InputError, match=r"names must be unique; .*x\.png repeat"):
        as_photographs([one, one])
    with pytest.raises(InputError, match="names must be unique; leaves-0-000 repeat"):
        as_photographs([*as_photographs(n_images=1), *as_photographs(n_images=1)])


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    path = saved(tmp_path / "a.png")
    found = as_photographs(tmp_path)
    Image.new("RGB", (3, 3), "red").save(path)
    assert np.asarray(found[0].read())[0, 0].tolist() == [255, 0, 0]


def test_digest_depends_on_names_and_pixels():
    pixels = np.zeros((4, 4), dtype=np.uint8)
    digests = [
        as_photographs({"a": pixels}).digest(),
        as_photographs({"b": pixels}).digest(),
        as_photographs({"a": pixels + 1}).digest(),
        as_photographs(n_images=1, seed=0).digest(),
        as_photographs(n_images=1, seed=1).digest(),
    ]
    assert len(set(digests)) == 5
    assert as_photographs({"a": pixels.copy()}).digest() == digests[0]


def test_dead_leaves_by_default():
    found = as_photographs(n_images=2, seed=3)
    assert found.names == ["leaves-3-000", "leaves-3-001"]
    assert found[0].read().size == (256, 256)
    assert len(as_photographs()) == 500


def test_files_that_are_no_photographs(tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("a picture is worth a thousand words")
    with pytest.raises(InputError, match=r"text\.jpg: cannot be read .* it is not an image"):
        as_photographs(tmp_path)
    whole = saved(tmp_path / "whole.jpg", size=(200, 200)).read_bytes()
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.jpg: cannot be read .* damaged or truncated"):
        as_photographs(cut)[0].read()
    with pytest.raises(InputError, match=r"gone\.jpg: no such photograph"):
        as_photographs([tmp_path / "gone.jpg"])
    Image.fromarray(np.zeros((2, 2), dtype=np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(InputError, match=r"f\.tif: has floating pixels"):
        as_photographs(tmp_path / "f.tif")[0].read()


def test_decompression_bomb_is_refused(tmp_path, monkeypatch):
    saved(tmp_path / "big.png", size=(100, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match=r"big\.png: .* more pixels than is safe"):
        as_photographs(tmp_path)


def test_folder_without_photographs(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(InputError, match="holds no photographs; .* got 1 other files"):
        as_photographs(tmp_path)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "at least one photograph; got an empty list"),
        (3, "images must be a folder, files or arrays, or None; got int"),
        ([3], "image-000: a photograph must be a file or an array; got int"),
        ([np.zeros((3, 8, 8), dtype=np.uint8)], r"must be .*row, column.*; got shape \(3, 8, 8\)"),
        (
            np.zeros((3, 8, 8), dtype=np.uint8),
            r"\(3, 8, 8\) are one picture, its channels first, or",
        ),
        ([np.zeros((0, 4), dtype=np.uint8)], r"got shape \(0, 4\)"),
        ([np.zeros((4, 4), dtype=np.int64)], "must be uint8, or floating from 0 to 1; got int64"),
        ([np.full((4, 4), 255.0)], "must lie from 0 to 1; got 255 to 255"),
        ([np.full((4, 4), np.nan)], "must lie from 0 to 1; got nan to nan"),
    ],
)
def test_bad_input_is_refused(images, message):
    with pytest.raises(InputError, match=message):
        as_photographs(images)


def test_a_link_whose_content_was_not_fetched_is_refused(tmp_path):
    """As in a folder of DataLad's before ``datalad get``: silence would drop photographs."""
    saved(tmp_path / "a.png")
    (tmp_path / "b.jpg").symlink_to(".git/annex/objects/b.jpg")
    for images in (tmp_path, tmp_path / "b.jpg", [tmp_path / "b.jpg"]):
        with pytest.raises(
            InputError, match=r"b\.jpg: .* link to a file that is not there; .* get"
        ):
            as_photographs(images)
    (tmp_path / "b.jpg").rename(tmp_path / "b.txt")
    assert as_photographs(tmp_path).dropped[0]["count"] == 1


def test_a_link_to_a_photograph_is_one(tmp_path):
    saved(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("a.png")
    assert as_photographs(tmp_path).names == ["a.png", "b.png"]


def test_pipes_are_told_and_counted(tmp_path):
    saved(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")
    with pytest.warns(ArtiphysWarning, match=r"1 entries are left out, being pipes, .* b\.png"):
        found = as_photographs(tmp_path)
    assert found.names == ["a.png"]
    assert [(d["reason"], d["count"]) for d in found.dropped] == [("a pipe, socket or device", 1)]
    with pytest.raises(InputError, match=r"b\.png: .* it is a pipe, socket or device"):
        as_photographs(tmp_path / "b.png")


def test_a_name_that_is_no_text_is_refused(tmp_path):
    saved(tmp_path / "a.png")
    os.rename(tmp_path / "a.png", os.fsencode(tmp_path) + b"/a\xff.png")
    message = r"names must be text in UTF-8; got a\\udcff\.png; rename the file"
    for images in (tmp_path, list(tmp_path.iterdir()), {"a\udcff.png": np.zeros((4, 4))}):
        with pytest.raises(InputError, match=message):
            as_photographs(images)


def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch):
    def closed(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(
        InputError, match="searched for photographs: no permission to read the fold"
    ):
        as_photographs(tmp_path)
    monkeypatch.setattr(Path, "is_dir", closed)
    with pytest.raises(InputError, match="cannot be read as a photograph: no permission"):
        as_photographs(tmp_path / "within")


def test_a_folder_among_files(tmp_path):
    with pytest.raises(InputError, match="cannot be read as a photograph: it is a folder"):
        as_photographs([tmp_path])


@pytest.mark.parametrize("n_images", [0, -1, 2.5, "all"])
def test_number_must_be_a_number(n_images):
    with pytest.raises(InputError, match="n_images must be a whole number of at least 1"):
        as_photographs(n_images=n_images)


def noted(photographs, read):
    """Photographs that note in a list who was read."""

    def noting(item):
        def reading():
            read.append(item.name)
            return item.read()

        return Photograph(item.name, reading, item.digest)

    return Photographs(tuple(noting(item) for item in photographs), "noted")


@pytest.fixture
def pictures():
    return as_photographs(np.random.default_rng(0).integers(0, 256, (3, 8, 10, 3), dtype=np.uint8))


def test_each_is_read_once_and_is_the_same(pictures):
    read = []
    found = cached(noted(pictures, read))
    for _ in range(3):
        for item, expected in zip(found, pictures, strict=True):
            assert np.array_equal(np.asarray(item.read()), np.asarray(expected.read()))
    assert read == pictures.names
    assert (found.names, found.origin, found.digest()) == (
        pictures.names,
        "noted",
        pictures.digest(),
    )


def test_none_is_read_before_it_is_asked_for(pictures):
    read = []
    cached(noted(pictures, read))
    assert read == []


def test_beyond_the_budget_they_are_read_anew(pictures):
    read = []
    found = cached(noted(pictures, read), budget=2 * 8 * 10 * 3 + 1)
    for _ in range(2):
        for item in found:
            item.read()
    assert read == [*pictures.names, pictures.names[2]]


def test_what_is_cached_is_not_cached_twice(pictures):
    found = cached(pictures)
    assert cached(found) is found
    assert as_photographs(found) is found
