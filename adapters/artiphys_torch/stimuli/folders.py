"""Which files of a folder are photographs, and what is said of the rest.

A folder's own photographs are taken; where it has none, those of its sub-folders are, as in a
folder with a sub-folder for each class.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artiphys.errors import InputError, listed, to_install
from artiphys.responses.provenance import dropped
from artiphys_torch.stimuli.picture_files import HEIC_SUFFIXES, NEEDS_HEIF, SUFFIXES, has_heif

__all__ = ["FolderPictures", "pictures_in"]

# What lies beside photographs and is none: worth no word where most files are photographs.
BESIDE = (
    *("", ".txt", ".csv", ".tsv", ".json", ".md", ".xml", ".html", ".yaml", ".yml", ".log"),
    *(".ini", ".db", ".py", ".m"),
)


class FolderPictures(NamedTuple):
    """The photographs of a folder, and what was left out of it."""

    names: tuple[str, ...]
    """Below the folder, in natural order."""
    dropped: tuple[dict[str, Any], ...]
    """Records of what was left out."""
    caution: str
    """What has to be said of it in one line; empty where nothing has."""


def pictures_in(folder: Path) -> FolderPictures:
    """Return the photographs of a folder by their suffix.

    Raises
    ------
    InputError
        If there are none, or the folder may not be read.
    """
    own = _contents(folder)
    files, inner = own.files, _within(own.folders, strict=False)
    n_inner = sum(_is_picture(path) for path in inner)
    if n_inner and not any(_is_picture(path) for path in files):
        files, n_inner = [*files, *_within(own.folders, strict=True)], 0
    pictures = [path for path in files if _is_picture(path)]
    others = [path for path in files if not _is_picture(path)]
    heic = [path for path in pictures if path.suffix.lower() in HEIC_SUFFIXES]
    if has_heif():
        heic = []
    pictures = [path for path in pictures if path not in set(heic)]
    if not pictures and heic:
        msg = f"{heic[0]}: cannot be read as a photograph: {NEEDS_HEIF}"
        raise InputError(msg)
    if not pictures:
        msg = (
            f"{folder}: holds no photographs; expected files that end in {', '.join(SUFFIXES)};"
            f" got {len(others)} other files"
        )
        raise InputError(msg)
    below = sorted((path.relative_to(folder) for path in pictures), key=_natural)
    return FolderPictures(
        tuple(path.as_posix() for path in below),
        _records(others, heic, n_inner, own.special),
        _caution(folder, len(pictures), others, heic, n_inner, own.special),
    )


class _Contents(NamedTuple):
    files: list[Path]
    """Links to nothing among them."""
    folders: list[Path]
    special: list[Path]
    """What is neither file nor folder."""


def _contents(folder: Path) -> _Contents:
    found = _Contents([], [], [])
    try:
        for path in folder.iterdir():
            if path.name[0] == ".":
                continue
            if path.is_dir():
                found.folders.append(path)
            else:
                special = path.exists() and not path.is_file()
                (found.special if special else found.files).append(path)
    except PermissionError as error:
        msg = f"{folder}: cannot be searched for photographs: no permission to read the folder"
        raise InputError(msg) from error
    return found


def _within(folders: Iterable[Path], *, strict: bool) -> list[Path]:
    """Return the files of folders and of all below; of a folder met twice, by links, once."""
    found: list[Path] = []
    waiting, met = list(folders), set()
    while waiting:
        folder = waiting.pop()
        if folder.resolve() in met:
            continue
        met.add(folder.resolve())
        try:
            contents = _contents(folder)
        except InputError:
            if strict:
                raise
            continue
        found += contents.files
        waiting += contents.folders
    return found


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _records(
    others: Sequence[Path], heic: Sequence[Path], n_inner: int, special: Sequence[Path]
) -> tuple[dict[str, Any], ...]:
    counts = {
        "not an image by its suffix": len(others),
        "HEIC, and pillow-heif is not installed": len(heic),
        "in a sub-folder of a folder that holds photographs itself": n_inner,
        "a pipe, socket or device": len(special),
    }
    return tuple(dropped("file", why, count) for why, count in counts.items() if count)


def _caution(
    folder: Path,
    n_used: int,
    others: Sequence[Path],
    heic: Sequence[Path],
    n_inner: int,
    special: Sequence[Path],
) -> str:
    """Return one line on what in a folder is not used, if some of it may be meant to be."""
    suffixes = Counter(path.suffix.lower() for path in others)
    told = suffixes.keys() - set(BESIDE) or len(others) > n_used or heic or n_inner
    parts = []
    if told and others:
        most_first = sorted(suffixes.items(), key=lambda each: (-each[1], each[0]))
        kinds = [f"{count} {kind or 'without one'}" for kind, count in most_first]
        parts.append(f"{len(others)} not images by their suffix ({listed(kinds, 'kinds')})")
    if heic:
        parts.append(f"{len(heic)} HEIC, for which pillow-heif is missing: {to_install('heif')}")
    if n_inner:
        parts.append(f"{n_inner} in sub-folders, as the folder itself holds photographs")
    n_left = len(others) + len(heic) + n_inner
    lines = []
    if parts:
        lines.append(f"{n_left} of {n_left + n_used} files are left out: {'; '.join(parts)}")
    if special:
        lines.append(
            f"{len(special)} entries are left out, being pipes, sockets or devices, first"
            f" {special[0].name}; save photographs as files"
        )
    return f"{folder}: {'; '.join(lines)}" if lines else ""


def _natural(path: Path) -> list[Any]:
    """Sort key with numbers by their value; the text itself decides between equals."""
    parts = [re.split(r"(\d+)", part.lower()) for part in path.parts]
    return [
        [[int(text) if text.isdecimal() else text for text in part] for part in parts],
        path.as_posix(),
    ]
