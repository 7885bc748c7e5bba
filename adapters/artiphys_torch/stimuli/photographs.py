"""Photographs as RGB pictures with unique names, from a folder, files or arrays.

A photograph is a name and two calls, one that reads it and one that digests it: nothing is held in
memory until it is asked for, so that a folder of any size can be probed.
"""

import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from artiphys.arguments import whole_number
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.responses.provenance import digest_array, digest_file, dropped
from artiphys_torch.stimuli import dead_leaves as leaves

__all__ = ["Photograph", "Photographs", "as_photographs", "cached"]

CACHE_BYTES = 10**9  # of pixels
N_DEAD_LEAVES = 500  # as many as the paper has photographs
ORIENTATION = 0x0112  # EXIF tag
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".ppm", ".pgm")


@dataclass(frozen=True)
class Photograph:
    """A picture that is read when asked for.

    Attributes
    ----------
    name : str
    read : callable
        Returns the picture as a ``PIL.Image.Image`` of mode RGB.
    digest : callable
        Returns the SHA-256 of what the picture is made from.
    """

    name: str
    read: Callable[[], Image.Image]
    digest: Callable[[], str]


@dataclass(frozen=True)
class Photographs(Sequence[Photograph]):
    """Photographs in a fixed order, with unique names.

    Attributes
    ----------
    items : tuple of Photograph
    origin : str
        Where they come from, in words.
    dropped : tuple of dict
        What was left out, by reason, with counts.
    in_memory : bool
        Whether each, once read, stays in memory (see :func:`cached`).
    """

    items: tuple[Photograph, ...]
    origin: str
    dropped: tuple[dict[str, Any], ...] = ()
    in_memory: bool = False

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        return self.items[index]

    def __iter__(self) -> Iterator[Photograph]:
        return iter(self.items)

    @property
    def names(self) -> list[str]:
        """Names in order."""
        return [item.name for item in self.items]

    def digest(self) -> str:
        """Return one SHA-256 of all names and pictures, in their order."""
        digest = hashlib.sha256()
        for item in self.items:
            digest.update(f"{item.name}\0{item.digest()}\0".encode())
        return digest.hexdigest()


def as_photographs(
    images: Any = None, *, n_images: int | None = None, seed: int = 0
) -> Photographs:
    """Return photographs from a folder, files, arrays, or the dead-leaves generator.

    Parameters
    ----------
    images : path, sequence or mapping, optional
        - a folder: its image files (by suffix, subfolders left out) in natural order, 2 before 10;
        - a file, or a sequence of files, arrays and ``PIL`` images, in the order given;
        - a mapping of names to them;
        - an array of many pictures, (image, row, column) or (image, row, column, channel);
        - by default, dead leaves (see :func:`artiphys_torch.dead_leaves`).

        An array is one picture of shape (row, column), (row, column, 3) or (row, column, 4), uint8,
        or floating from 0 to 1, which is rounded to 8 bits as a photograph is. Grey, palette, CMYK
        and 16-bit files become RGB, transparency white; the orientation in the EXIF data is obeyed.
    n_images : int, optional
        At most so many, spread evenly over those there are: 1 of 10 classes sorted by name each
        rather than 10 of the first. By default all (of the dead leaves 500).
    seed : int
        Of the dead leaves.

    Returns
    -------
    Photographs
        Read from disk only when each is asked for; their headers are read now, so that a file that
        is no picture is found before any work.

    Raises
    ------
    InputError
        If there are none, a file is missing or not a picture, or names repeat or are no text.
    """
    if n_images is not None:
        n_images = whole_number(n_images, "n_images", 1)
    if isinstance(images, Photographs):
        found = images
    elif images is None:
        return _generated(n_images or N_DEAD_LEAVES, seed)
    elif isinstance(images, str | Path) and _is_folder(Path(images)):
        found = _in_folder(Path(images))
    else:
        found = _given(images)
    if n_images is None or n_images >= len(found):
        return found
    items = tuple(found[index * len(found) // n_images] for index in range(n_images))
    left = dropped("image", f"only {n_images} were asked for", len(found) - n_images)
    return Photographs(items, found.origin, (*found.dropped, left))


def cached(photographs: Photographs, budget: int = CACHE_BYTES) -> Photographs:
    """Return the same photographs, kept in memory from when they are first read.

    For what goes over them several times: each layer and each network does.

    Parameters
    ----------
    photographs : Photographs
        Returned as they are if they are in memory already.
    budget : int
        Bytes of pixels that are kept; photographs beyond are read anew each time.

    Returns
    -------
    Photographs
        Their pictures are shared by all who read them: not to be changed in place.
    """
    if photographs.in_memory:
        return photographs
    pictures: dict[str, Image.Image] = {}
    left = budget
    lock = Lock()  # they are read in several threads at once

    def read(item: Photograph) -> Image.Image:
        nonlocal left
        if item.name in pictures:
            return pictures[item.name]
        picture = item.read()
        n_bytes = 3 * picture.width * picture.height
        with lock:
            if n_bytes <= left and item.name not in pictures:
                left -= n_bytes
                pictures[item.name] = picture
        return picture

    items = tuple(replace(item, read=partial(read, item)) for item in photographs)
    return replace(photographs, items=items, in_memory=True)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError as error:  # of the folder that it is in
        raise _unreadable(path, error) from error


def _generated(n_images: int, seed: int, size: int = 256) -> Photographs:
    seed = whole_number(seed, "seed", 0)
    width = max(3, len(str(n_images - 1)))
    items = tuple(
        Photograph(
            f"leaves-{seed}-{index:0{width}}",
            partial(_read_leaves, index, size, seed),
            partial(_digest_text, f"dead leaves {leaves.VERSION} {seed} {index} {size}"),
        )
        for index in range(n_images)
    )
    return Photographs(items, f"dead leaves, seed {seed}")


def _in_folder(folder: Path) -> Photographs:
    files, special = _files(folder)
    pictures = sorted((p for p in files if p.suffix.lower() in SUFFIXES), key=_natural)
    if not pictures:
        msg = (
            f"{folder}: holds no photographs; expected files that end in {', '.join(SUFFIXES)};"
            f" got {len(files)} other files (subfolders are not searched)"
        )
        raise InputError(msg)
    _require_text(path.name for path in pictures)
    return Photographs(
        tuple(_from_file(p, p.name) for p in pictures),
        f"folder {folder.name}",
        _left_out(folder, len(files) - len(pictures), special),
    )


def _left_out(folder: Path, n_others: int, special: Sequence[Path]) -> tuple[dict[str, Any], ...]:
    """Record what in a folder is no photograph; tell of what might have been meant as one."""
    if special:
        msg = (
            f"{folder}: {len(special)} entries are left out, being pipes, sockets or devices, first"
            f" {special[0].name}; save photographs as files"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=4)
    counts = {"not an image by its suffix": n_others, "a pipe, socket or device": len(special)}
    return tuple(dropped("file", why, count) for why, count in counts.items() if count)


def _files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return a folder's files, links to nothing among them, and what is neither file nor folder."""
    files: list[Path] = []
    special: list[Path] = []
    try:
        for path in folder.iterdir():
            if path.name[0] != "." and not path.is_dir():
                (special if path.exists() and not path.is_file() else files).append(path)
    except PermissionError as error:
        msg = f"{folder}: cannot be searched for photographs: no permission to read the folder"
        raise InputError(msg) from error
    return files, special


def _require_text(names: Iterable[str]) -> None:
    """Raise if a name holds bytes that are no text, which no file of responses could hold."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            told = name.encode(errors="backslashreplace").decode()
            msg = f"image names must be text in UTF-8; got {told}; rename the file"
            raise InputError(msg) from error


def _given(images: Any) -> Photographs:
    if isinstance(images, str | Path | Image.Image):
        images = [images]
    if _is_array(images) and np.ndim(images) == 2:
        images = [images]
    if _is_array(images) and np.ndim(images) == 3:
        if np.shape(images)[-1] in (3, 4):
            images = [images]
        elif np.shape(images)[0] == 3:
            msg = (
                f"images of shape {np.shape(images)} are one picture, its channels first, or three"
                " grey ones: pass one as (row, column, channel), three as a list"
            )
            raise InputError(msg)
    if isinstance(images, Mapping):
        names, sources = [str(name) for name in images], list(images.values())
    elif isinstance(images, Iterable):
        sources = list(images)
        names = _names(sources)
    else:
        msg = f"images must be a folder, files or arrays, or None; got {type(images).__name__}"
        raise InputError(msg)
    if not sources:
        msg = "images must hold at least one photograph; got an empty list"
        raise InputError(msg)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        msg = f"image names must be unique; {', '.join(twice[:3])} repeat; drop the copies"
        raise InputError(msg)
    _require_text(names)
    items = tuple(_one(source, name) for source, name in zip(sources, names, strict=True))
    return Photographs(items, "list of photographs")


def _names(sources: Sequence[Any]) -> list[str]:
    """Name files by their names, with their folders where two share one; number the rest."""
    width = max(3, len(str(len(sources) - 1)))
    paths = [Path(s) if isinstance(s, str | Path) else None for s in sources]
    count = Counter(path.name for path in paths if path)
    names = []
    for index, (path, source) in enumerate(zip(paths, sources, strict=True)):
        if path:
            names.append(path.name if count[path.name] == 1 else path.as_posix())
        else:
            names.append(
                source.name if isinstance(source, Photograph) else f"image-{index:0{width}}"
            )
    return names


def _one(source: Any, name: str) -> Photograph:
    if isinstance(source, Photograph):
        return Photograph(name, source.read, source.digest)
    if isinstance(source, str | Path):
        return _from_file(Path(source), name)
    if isinstance(source, Image.Image):
        source = np.asarray(_rgb(source, name))
    if _is_array(source):
        pixels = _as_uint8(np.asarray(source), name)
        return Photograph(name, partial(_read_array, pixels), partial(digest_array, pixels))
    msg = f"{name}: a photograph must be a file or an array; got {type(source).__name__}"
    raise InputError(msg)


def _from_file(path: Path, name: str) -> Photograph:
    _open(path).close()
    return Photograph(name, partial(_read_file, path), partial(_digest_file, path))


def _open(path: Path) -> Image.Image:
    try:
        if path.is_file():
            return Image.open(path)
        msg = f"{path}: {_why_no_file(path)}"
    except Exception as error:  # PIL's plugins raise errors of many kinds on damaged files
        raise _unreadable(path, error) from error
    raise InputError(msg)


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        return "cannot be read as a photograph: it is a folder"
    if path.exists():
        return "cannot be read as a photograph: it is a pipe, socket or device; save it as a file"
    if path.is_symlink():
        return (
            "cannot be read as a photograph: it is a link to a file that is not there; if its"
            " content was never fetched, fetch it (datalad get, git annex get)"
        )
    return "no such photograph or folder"


def _read_file(path: Path) -> Image.Image:
    try:
        with _open(path) as image:
            upright = image.getexif().get(ORIENTATION, 1) == 1  # spares most a copy
            return _rgb(image if upright else ImageOps.exif_transpose(image), str(path))
    except InputError:
        raise
    except Exception as error:  # see above
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    what = {
        "UnidentifiedImageError": "it is not an image, whatever its name says",
        "DecompressionBombError": "it has more pixels than is safe to open; make it smaller",
        "DecompressionBombWarning": "it has more pixels than is safe to open; make it smaller",
        "PermissionError": "no permission to read it",
    }.get(type(error).__name__, f"it is damaged or truncated ({error})")
    msg = f"{path}: cannot be read as a photograph: {what}"
    return InputError(" ".join(msg.split()))


def _rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel; PIL would clip them at 255
        pixels = np.asarray(image).astype(np.int64)
        image = Image.fromarray((pixels.clip(0, 65535) // 257).astype(np.uint8))
    if image.mode == "F":
        msg = f"{name}: has floating pixels of unknown range; save it with 8 bits a channel"
        raise InputError(msg)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _read_array(pixels: np.ndarray) -> Image.Image:
    return _rgb(Image.fromarray(pixels), "array")


def _read_leaves(index: int, size: int, seed: int) -> Image.Image:
    return Image.fromarray(leaves.leaves(index, size, seed))


def _digest_file(path: Path) -> str:
    try:
        return digest_file(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _digest_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _as_uint8(pixels: np.ndarray, name: str) -> np.ndarray:
    """Return one picture as (row, column) or (row, column, 3 or 4) of uint8."""
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.size == 0 or not (
        pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    ):
        msg = (
            f"{name}: an array must be (row, column) or (row, column, 3); got shape {pixels.shape}"
        )
        raise InputError(msg)
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    if pixels.dtype.kind != "f":
        msg = f"{name}: an array must be uint8, or floating from 0 to 1; got {pixels.dtype}"
        raise InputError(msg)
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= 1):
        msg = f"{name}: floating pixels must lie from 0 to 1; got {low:g} to {high:g}"
        raise InputError(msg)
    return np.rint(255 * pixels.astype(np.float64)).astype(np.uint8)


def _is_array(source: Any) -> bool:
    return hasattr(source, "__array__") and not isinstance(source, Image.Image)


def _natural(path: Path) -> list[Any]:
    """Sort key with numbers by their value; the text itself decides between equals."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [[int(part) if part.isdigit() else part for part in parts], path.name]
