"""Picture files as people have them: colours, depths, sizes, and HEIC."""

import io
import struct
import sys
import types
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from artiphys.errors import ArtiphysWarning, InputError
from artiphys_torch import as_photographs
from artiphys_torch.stimuli.canvas import patch


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def read(path):
    return np.asarray(as_photographs(path)[0].read())


def told(images):
    """Return the lines that photographs come with."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        found = as_photographs(images)
        for item in found:
            item.read()
    assert {each.category for each in record} <= {ArtiphysWarning}
    assert all("\n" not in str(each.message) for each in record)
    return [str(each.message) for each in record]


def s15(value):
    return struct.pack(">i", round(value * 65536))


def profile(space="RGB ", *, swapped=False, gamma=2.2):
    """Return a profile by its definition: of a display whose red and green are swapped, say."""
    columns = [(0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)]
    if swapped:
        columns[:2] = columns[1::-1]
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = {}
    if space == "GRAY":
        tags[b"kTRC"] = curve
    else:
        for letter, column in zip("rgb", columns, strict=True):
            tags[f"{letter}XYZ".encode()] = b"XYZ " + bytes(4) + b"".join(map(s15, column))
            tags[f"{letter}TRC".encode()] = curve
    return assembled(b"mntr", space, b"XYZ ", tags)


def cmyk_profile():
    """Return a profile of a press whose cyan prints magenta, and the other way round."""
    inks = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    cyan, magenta, yellow, black = inks.T[[1, 0, 2, 3]]
    light = 255 * (1 - black) * (1 - (cyan + magenta + yellow) / 4)
    lab = np.stack([light, 128 + 60 * (magenta - cyan), 128 + 60 * (yellow - cyan)], axis=-1)
    straight = bytes(range(256))
    identity = b"".join(map(s15, np.eye(3).ravel()))
    table = b"mft1" + bytes([0, 0, 0, 0, 4, 3, 2, 0]) + identity + 4 * straight
    table += lab.astype(np.uint8).tobytes() + 3 * straight
    return assembled(b"prtr", "CMYK", b"Lab ", {b"A2B0": table})


def assembled(kind, space, connection, tags):
    """Return a profile of the tags that say what it does."""
    white = b"".join(map(s15, (0.9642, 1.0, 0.8249)))
    tags = {b"wtpt": b"XYZ " + bytes(4) + white, **tags}
    start = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, values in tags.items():
        table += name + struct.pack(">II", start + len(data), len(values))
        data += values
    header = bytearray(128)
    header[8:12] = struct.pack(">I", 0x02400000)
    header[12:24] = kind + space.encode() + connection
    header[36:40] = b"acsp"
    header[68:80] = white
    header[0:4] = struct.pack(">I", start + len(data))
    return bytes(header) + table + data


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_a_colour_profile_is_obeyed(tmp_path, pixels):
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path, icc_profile=profile(swapped=True))
    expected = ImageCms.profileToProfile(
        Image.fromarray(pixels), io.BytesIO(profile(swapped=True)), ImageCms.createProfile("sRGB")
    )
    found = read(path)
    assert np.array_equal(found, np.asarray(expected))
    assert np.abs(found.astype(int) - pixels[..., [1, 0, 2]]).max() <= 16  # of gamma 2.2 and sRGB's
    assert told(path) == []


def test_the_profile_of_srgb_changes_no_value(tmp_path, pixels):
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path, icc_profile=SRGB)
    assert np.array_equal(read(path), pixels)


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA"])
def test_a_profile_of_every_mode(tmp_path, pixels, mode):
    path = tmp_path / "a.png"
    image = Image.fromarray(pixels).convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(np.full((6, 8), 255, dtype=np.uint8)))
    grey = mode in ("L", "LA")
    with_profile = profile("GRAY", gamma=1.0) if grey else profile(swapped=True)
    image.save(path, icc_profile=with_profile)
    opaque = image.convert("L" if grey else "RGB")
    expected = ImageCms.profileToProfile(
        opaque, io.BytesIO(with_profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert np.array_equal(read(path), np.asarray(expected))
    assert not np.array_equal(read(path), np.asarray(opaque.convert("RGB")))


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_a_profile_of_cmyk(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    inks = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    Image.fromarray(inks, mode="CMYK").save(path, icc_profile=cmyk_profile())
    with Image.open(path) as stored:
        assert stored.mode == "CMYK"
        expected = ImageCms.profileToProfile(
            stored, io.BytesIO(cmyk_profile()), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        assert np.array_equal(read(path), np.asarray(expected))
        assert not np.array_equal(read(path), np.asarray(stored.convert("RGB")))
    assert told(path) == []
    Image.new("RGB", (8, 8)).save(path.with_suffix(".png"), icc_profile=cmyk_profile())
    (line,) = told(path.with_suffix(".png"))
    assert "it is for CMYK and the picture is RGB" in line


def test_profiles_that_cannot_be_obeyed_are_counted_in_one_line(tmp_path, pixels):
    for name, bad in {"a": b"no profile", "b": profile("GRAY"), "c": SRGB}.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png", icc_profile=bad)
    (line,) = told(tmp_path)
    assert "2 of 3 photographs have a colour profile that cannot be obeyed, first a.png" in line
    assert "their colours are taken as sRGB" in line
    assert np.array_equal(read([tmp_path / "c.png"]), pixels)


def deep_png(path, pixels):
    """Write a PNG of 16 bits a channel, which PIL does not write in colour."""
    kind = {1: 0, 3: 2}[pixels.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, kind, 0, 0, 0)
    chunks = {b"IHDR": head, b"IDAT": zlib.compress(rows), b"IEND": b""}
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in chunks.items()
        )
    )


@pytest.mark.parametrize(
    ("n_channels", "top", "bits"), [(1, 255, 8), (1, 4095, 12), (3, 4095, 12), (1, 1023, 10)]
)
def test_16_bits_that_hold_fewer_are_told_of(tmp_path, n_channels, top, bits):
    full = np.linspace(0, 65535, 48).reshape(4, 12, 1).repeat(n_channels, 2).astype(np.uint16)
    deep_png(tmp_path / "full.png", full)
    assert told(tmp_path) == []
    for name in ("a.png", "b.png"):
        deep_png(tmp_path / name, (full * (top / 65535)).astype(np.uint16))
    (line,) = told(tmp_path)
    assert f"2 of 3 pictures of 16 bits hold 12 bits or fewer, first a.png ({bits} bits)" in line
    assert "pass arrays from 0 to 1" in line


def test_a_16_bit_tiff_of_12_bits_is_told_of(tmp_path):
    Image.fromarray(np.full((4, 4), 4095, dtype=np.uint16)).save(tmp_path / "a.tif")
    (line,) = told(tmp_path)
    assert "first a.tif (12 bits): of 256 grey levels 16 are left" in line


def test_a_picture_of_pils_of_12_bits_is_told_of():
    image = Image.fromarray(np.full((4, 4), 4095, dtype=np.uint16))
    (line,) = told({"dark": image, "light": Image.new("L", (4, 4), 9)})
    assert "1 of 1 pictures of 16 bits hold 12 bits or fewer, first dark (12 bits)" in line


@pytest.mark.parametrize("suffix", ["tif", "gif"])
def test_files_of_several_pictures_are_told_of(tmp_path, suffix):
    frames = [Image.new("L", (4, 4), level) for level in (10, 20, 30)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / f"b.{suffix}")
    (line,) = told(tmp_path)
    assert f"1 of 2 files hold several pictures, first a.{suffix} (3); only the first" in line


def test_large_pictures_are_told_of_in_our_words(tmp_path, monkeypatch):
    Image.new("RGB", (40, 38), "red").save(tmp_path / "a.png")
    Image.new("RGB", (10, 10), "red").save(tmp_path / "b.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    (line,) = told(tmp_path)
    assert "1 of 2 photographs are very large, a.png with 0 megapixels the largest" in line
    with pytest.warns(ArtiphysWarning, match="very large"):
        found = as_photographs(tmp_path)
    assert patch(found[0].read(), 5).tolist() == [[[255, 0, 0]] * 5] * 5


def test_heic_without_pillow_heif(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for name in ("a.heic", "a.jpg"):  # as phones' pictures are called after some exports
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
        with pytest.raises(InputError, match=r"HEIC needs .*: pip install 'artiphys\[heif\]'"):
            as_photographs(tmp_path / name)


def test_heic_is_read_by_pillow_heif(tmp_path, monkeypatch):
    """By a stand-in where it is not installed: what it registers with PIL is used."""
    try:
        import pillow_heif
    except ImportError:
        called = []
        stand_in = types.ModuleType("pillow_heif")
        stand_in.register_heif_opener = lambda: called.append(True)
        monkeypatch.setitem(sys.modules, "pillow_heif", stand_in)
        (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
        with pytest.raises(InputError, match=r"a\.heic: cannot be read"):
            as_photographs(tmp_path)
        assert called
    else:
        pillow_heif.register_heif_opener()
        Image.new("RGB", (64, 48), (200, 30, 10)).save(tmp_path / "a.heic", quality=95)
        found = read(tmp_path)
        assert found.shape == (48, 64, 3)
        assert np.abs(found.astype(int) - (200, 30, 10)).max() < 6
