"""One picture file as an RGB picture of 8 bits, the way a viewer shows it.

Orientation, colour profile and transparency are obeyed. The profile comes before anything is mixed
with the colours, for it holds for the colours as they are stored.
"""

import functools
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from artiphys.errors import InputError, to_install
from artiphys.responses.provenance import digest_file

__all__ = [
    "HEIC_SUFFIXES",
    "SUFFIXES",
    "Header",
    "as_rgb",
    "cautions",
    "digest_picture",
    "has_heif",
    "header",
    "header_of",
    "read_picture",
    "unreadable",
]

HEIC_SUFFIXES = (".heic", ".heif", ".hif")
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif"),
    *(".ppm", ".pgm", ".pnm", ".jp2", ".avif", *HEIC_SUFFIXES),
)
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"mif1", b"msf1")
NEEDS_HEIF = f"HEIC needs pillow-heif: {to_install('heif')}"
ORIENTATION = 0x0112  # EXIF tag
FEW_BITS = 12  # of 16, in which cameras and displays of stimuli keep their values
MULTIPLE = ("TIFF", "GIF", "WEBP", "PNG")  # not JPEG, in which phones keep depth and gain maps
COLOURS = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # PIL's mode, by a profile's own name

_filters = Lock()  # Python's list of warning filters is one for all threads


class Header(NamedTuple):
    """What is known of a picture before its pixels are read."""

    path: Path
    """Its name alone where it is no file."""
    n_pixels: int
    deep: bool
    """Whether its pixels have 16 bits."""
    profile: str
    """Why its colour profile cannot be obeyed; empty where it can, or there is none."""
    n_frames: int = 1
    bits: int | None = None
    """That its values fill, where they have been looked at."""


def header(path: Path) -> Header:
    """Return what a picture file says of itself.

    Raises
    ------
    InputError
        If it is missing, or no picture.
    """
    with _quietly(), _opened(path) as image:
        known = Header(path, image.width * image.height, _is_deep(image), _profile_fault(image))
        return known._replace(n_frames=_n_frames(image))


def header_of(image: Image.Image, name: str) -> Header:
    """Return what is known of a picture of PIL's."""
    deep = _is_deep(image)
    n_pixels = image.width * image.height
    bits = _bits(image) if deep else None
    return Header(Path(name), n_pixels, deep, _profile_fault(image), bits=bits)


def read_picture(known: Header) -> Image.Image:
    """Return a picture file in RGB, upright, in the colours of sRGB, transparency white.

    Raises
    ------
    InputError
        If it is missing, no picture, or damaged.
    """
    path = known.path
    try:
        if _is_large(known.n_pixels):
            with _quietly():
                image = _opened(path)
        else:
            image = _opened(path)
        with image:
            upright = image.getexif().get(ORIENTATION, 1) == 1  # spares most a copy
            return as_rgb(image if upright else ImageOps.exif_transpose(image), str(path))
    except InputError:
        raise
    except Exception as error:  # PIL's plugins raise errors of many kinds on damaged files
        raise unreadable(path, error) from error


def as_rgb(image: Image.Image, name: str) -> Image.Image:
    """Return any picture of PIL's in RGB with 8 bits a channel.

    Raises
    ------
    InputError
        If its pixels are floating, whose range is not known.
    """
    if image.mode.startswith("I"):  # 16 bits a pixel; PIL would clip them at 255
        pixels, info = np.asarray(image).astype(np.int64), image.info
        image = Image.fromarray((pixels.clip(0, 65535) // 257).astype(np.uint8))
        image.info = {key: info[key] for key in ("icc_profile",) if key in info}
    if image.mode == "F":
        msg = f"{name}: has floating pixels of unknown range; save it with 8 bits a channel"
        raise InputError(msg)
    profile = image.info.get("icc_profile")
    if not image.has_transparency_data:
        return _in_srgb(image, profile).convert("RGB")
    seen = image.convert("RGBA")
    alpha = seen.getchannel("A")
    grey = image.mode in ("L", "LA", "La")
    seen = _in_srgb(seen.convert("L" if grey else "RGB"), profile).convert("RGB")
    seen.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")


def cautions(known: Sequence[Header]) -> list[str]:
    """Return what has to be known of some files, a line for each circumstance."""
    told = []
    large = [each for each in known if _is_large(each.n_pixels)]
    if large:
        largest = max(large, key=lambda each: each.n_pixels)
        told.append(
            f"{len(large)} of {len(known)} photographs are very large, {largest.path.name} with"
            f" {largest.n_pixels / 1e6:.0f} megapixels the largest: to read it takes"
            f" {3 * largest.n_pixels / 1e9:.1f} GB of memory and more; make them smaller"
        )
    faulty = [each for each in known if each.profile]
    if faulty:
        told.append(
            f"{len(faulty)} of {len(known)} photographs have a colour profile that cannot be"
            f" obeyed, first {faulty[0].path.name} ({faulty[0].profile}); their colours are taken"
            " as sRGB"
        )
    many = [each for each in known if each.n_frames > 1]
    if many:
        told.append(
            f"{len(many)} of {len(known)} files hold several pictures, first {many[0].path.name}"
            f" ({many[0].n_frames}); only the first of each is used; save the others as files"
        )
    deep = [each for each in known if each.deep]
    shallow = {each.path.name: bits for each in deep if 0 < (bits := _filled(each)) <= FEW_BITS}
    if shallow:
        first, bits = next(iter(shallow.items()))
        told.append(
            f"{len(shallow)} of {len(deep)} pictures of 16 bits hold {FEW_BITS} bits or fewer,"
            f" first {first} ({bits} bits): of 256 grey levels"
            f" {'one is' if bits <= 8 else f'{2 ** (bits - 8)} are'} left, nearly black; save them"
            " with values up to 65535, or pass arrays from 0 to 1"
        )
    return told


def has_heif() -> bool:
    """Return whether HEIC files can be read here."""
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        return False
    return True


def digest_picture(path: Path) -> str:
    """Return the SHA-256 of a picture file."""
    try:
        return digest_file(path)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> InputError:
    """Return the error of a photograph that cannot be read, in one line."""
    what = {
        "UnidentifiedImageError": "it is not an image, whatever its name says",
        "DecompressionBombError": "it has more pixels than is safe to open; make it smaller",
        "PermissionError": "no permission to read it",
    }.get(type(error).__name__, f"it is damaged or truncated ({error})")
    msg = f"{path}: cannot be read as a photograph: {what}"
    return InputError(" ".join(msg.split()))


def _opened(path: Path) -> Image.Image:
    try:
        if path.is_file():
            return _identified(path)
        msg = f"{path}: cannot be read as a photograph: {_why_no_file(path)}"
        if not path.exists() and not path.is_symlink():
            msg = f"{path}: no such photograph or folder"
    except InputError:
        raise
    except Exception as error:  # as above
        raise unreadable(path, error) from error
    raise InputError(msg)


def _identified(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        if not _is_heic(path):
            raise
    try:
        import pillow_heif
    except ImportError as error:
        msg = f"{path}: cannot be read as a photograph: {NEEDS_HEIF}"
        raise InputError(msg) from error
    pillow_heif.register_heif_opener()
    return Image.open(path)


def _is_heic(path: Path) -> bool:
    """Return whether a file is HEIC by its first bytes, whatever its suffix."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    if path.exists():
        return "it is a pipe, socket or device; save it as a file"
    return (
        "it is a link to a file that is not there; if its content has yet to be fetched, as by"
        " git-annex or DataLad, get it first"
    )


def _is_large(n_pixels: int) -> bool:
    return Image.MAX_IMAGE_PIXELS is not None and n_pixels > Image.MAX_IMAGE_PIXELS


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep PIL's words on large pictures to itself; what it refuses it still refuses."""
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _is_deep(image: Image.Image) -> bool:
    stored = str(getattr(image, "tile", "")).replace("BGR;16", "")  # 16 bits for three channels
    return image.mode.startswith("I") or ";16" in stored


def _n_frames(image: Image.Image) -> int:
    if image.format not in MULTIPLE:
        return 1
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # damaged: found when it is read
        return 1


def _filled(known: Header) -> int:
    """Return how many bits of a picture of 16 bits its values fill."""
    if known.bits is not None:
        return known.bits
    with _quietly(), _opened(known.path) as image:
        try:
            return _bits(image)
        except Exception as error:  # as above
            raise unreadable(known.path, error) from error


def _bits(image: Image.Image) -> int:
    pixels = np.asarray(image)
    if image.mode.startswith("I"):
        return int(pixels.max()).bit_length()
    colours = pixels[..., :3] if pixels.ndim == 3 else pixels
    return 8 + int(colours.max()).bit_length()  # PIL keeps the upper 8 bits of a colour


def _profile_fault(image: Image.Image) -> str:
    profile = image.info.get("icc_profile")
    if not profile:
        return ""
    mode = _profile(profile).mode
    if not mode:
        return "it is damaged, or of no kind that photographs have"
    if (mode == "CMYK") != (image.mode == "CMYK") or (mode == "L" and not _is_grey(image)):
        return f"it is for {mode} and the picture is {image.mode}"
    return ""


def _is_grey(image: Image.Image) -> bool:
    return image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")


class _Profile(NamedTuple):
    mode: str
    """Of the pictures that it is for; empty where it is none that can be obeyed."""
    transform: Any
    """To sRGB; None where it changes nothing."""


@functools.lru_cache(maxsize=16)  # photographs of one camera have one profile
def _profile(profile: bytes) -> _Profile:
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = COLOURS[opened.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode != "CMYK" and _changes_nothing(transform, mode):
            return _Profile(mode, None)
    except (ImageCms.PyCMSError, ImportError, OSError, KeyError, ValueError):
        return _Profile("", None)
    return _Profile(mode, transform)


def _changes_nothing(transform: Any, mode: str) -> bool:
    """Return whether a transform is that of sRGB itself, but for its rounding."""
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 1, 3)
    before = Image.fromarray(cube if mode == "RGB" else steps[:, np.newaxis])
    after = np.asarray(ImageCms.applyTransform(before, transform), dtype=int)
    return bool(np.abs(after - np.asarray(before.convert("RGB"))).max() <= 1)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture without transparency in sRGB, or as it is where that cannot be."""
    if not profile or _profile_fault(image):
        return image
    mode, transform = _profile(profile)
    if transform is None:
        return image
    found = ImageCms.applyTransform(image.convert(mode), transform)
    return image if found is None else found
