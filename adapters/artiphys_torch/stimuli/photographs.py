"""Photographs as RGB pictures with unique names, from a folder, files, arrays or stimulus sets.

A photograph is a name and two calls, one that reads it and one that digests it: nothing is held in
memory until it is asked for, so that a folder of any size can be probed.
"""

import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from artiphys.arguments import whole_number
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.responses.provenance import digest_array, dropped
from artiphys_torch.stimuli import dead_leaves as leaves
from artiphys_torch.stimuli.folders import pictures_in
from artiphys_torch.stimuli.picture_arrays import as_uint8, is_array
from artiphys_torch.stimuli.picture_files import (
    Header,
    as_rgb,
    cautions,
    digest_picture,
    header,
    header_of,
    read_picture,
    unreadable,
)
from artiphys_torch.stimuli.stimulus_sets import (
    HDF5_SUFFIXES,
    StoredPicture,
    is_stimulus_set,
    labelled_pictures,
)

__all__ = ["Photograph", "Photographs", "as_photographs", "cached"]

CACHE_BYTES = 10**9  # of pixels
N_DEAD_LEAVES = 500  # as many as the paper has photographs


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
    header : Header, optional
        What its file says of it, where it comes from one.
    """

    name: str
    read: Callable[[], Image.Image]
    digest: Callable[[], str]
    header: Header | None = None


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
        - a folder: its image files (by suffix) in natural order, 2 before 10; where it has none,
          those of its sub-folders, named ``class/file``;
        - a file, or a sequence of files, arrays and ``PIL`` images, in the order given;
        - a mapping of names to them;
        - an array of many pictures, (image, row, column) or (image, row, column, channel);
        - a stimulus set with labels, which become the names: an HDF5 file (``.h5``), an xarray
          ``DataArray`` or ``Dataset``, a pandas ``Series`` or ``DataFrame`` of arrays or files;
        - by default, dead leaves (see :func:`artiphys_torch.dead_leaves`).

        An array or tensor is one picture of shape (row, column), (row, column, 3) or (row, column,
        4), uint8, or floating from 0 to 1, which is rounded to 8 bits as a photograph is. Grey,
        palette, CMYK and 16-bit files become RGB, transparency white; the orientation in the EXIF
        data and the colour profile are obeyed. HEIC needs the extra ``heif``.
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

    Warns
    -----
    ArtiphysWarning
        In one line of what a folder holds and is left out; of very large pictures, of colour
        profiles that cannot be obeyed, and of pictures of 16 bits that use few of them.
    """
    if n_images is not None:
        n_images = whole_number(n_images, "n_images", 1)
    told: list[str] = []
    if isinstance(images, Photographs):
        found = images
    elif images is None:
        return _generated(n_images or N_DEAD_LEAVES, seed)
    elif isinstance(images, str | Path) and _is_folder(Path(images)):
        found, told = _in_folder(Path(images))
    else:
        found = _given(images)
    chosen = _spread(found, n_images)
    if found is not images:  # and so is told of for the first time
        told += cautions([item.header for item in chosen if item.header])
    for line in told:
        warnings.warn(line, ArtiphysWarning, stacklevel=2)
    return chosen


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


def _spread(found: Photographs, n_images: int | None) -> Photographs:
    if n_images is None or n_images >= len(found):
        return found
    items = tuple(found[index * len(found) // n_images] for index in range(n_images))
    left = dropped("image", f"only {n_images} were asked for", len(found) - n_images)
    return Photographs(items, found.origin, (*found.dropped, left))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError as error:  # of the folder that it is in
        raise unreadable(path, error) from error


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


def _in_folder(folder: Path) -> tuple[Photographs, list[str]]:
    """Return the photographs of a folder, and what is to be told of the rest."""
    pictures = pictures_in(folder)
    _require_text(pictures.names)
    items = tuple(_from_file(folder / name, name) for name in pictures.names)
    found = Photographs(items, f"folder {folder.name}", pictures.dropped)
    return found, [pictures.caution] if pictures.caution else []


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
    origin, labels = "list of photographs", None
    if is_stimulus_set(images):
        if isinstance(images, str | Path):
            origin = f"stimulus set {Path(images).name}"
        labels, images = labelled_pictures(images)
    if isinstance(images, str | Path | Image.Image):
        images = [images]
    if is_array(images):
        images = _pictures_of(images)
    if isinstance(images, Mapping):
        names, sources = [str(name) for name in images], list(images.values())
    elif isinstance(images, Iterable):
        sources = list(images)
        names = labels or _names(sources)
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
    return Photographs(items, origin)


def _pictures_of(array: Any) -> Sequence[Any]:
    """Return the pictures that an array holds: itself, or those along its first dim."""
    shape = np.shape(array)
    if len(shape) == 2 or (len(shape) == 3 and shape[-1] in (3, 4)):
        return [array]
    if len(shape) == 3 and shape[0] == 3:
        msg = (
            f"images of shape {shape} are one picture, its channels first, or three"
            " grey ones: pass one as (row, column, channel), three as a list"
        )
        raise InputError(msg)
    return list(array)


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
    if isinstance(source, StoredPicture):
        return Photograph(name, partial(_read_stored, source), source.digest)
    known = None
    if isinstance(source, Image.Image):
        known = header_of(source, name)
        source = np.asarray(as_rgb(source, name))
    if is_array(source):
        pixels = as_uint8(source, name)
        return Photograph(name, partial(_read_array, pixels), partial(digest_array, pixels), known)
    msg = f"{name}: a photograph must be a file or an array; got {type(source).__name__}"
    raise InputError(msg)


def _from_file(path: Path, name: str) -> Photograph:
    if path.suffix.lower() in HDF5_SUFFIXES:
        msg = f"{path}: a stimulus set is no photograph; pass it by itself, not in a list"
        raise InputError(msg)
    known = header(path)
    return Photograph(name, partial(read_picture, known), partial(digest_picture, path), known)


def _read_array(pixels: np.ndarray) -> Image.Image:
    return as_rgb(Image.fromarray(pixels), "array")


def _read_stored(picture: StoredPicture) -> Image.Image:
    return _read_array(picture.pixels())


def _read_leaves(index: int, size: int, seed: int) -> Image.Image:
    return Image.fromarray(leaves.leaves(index, size, seed))


def _digest_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
