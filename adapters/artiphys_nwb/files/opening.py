"""Recordings from whatever a user has: paths, patterns, folders, URLs, names in DANDI, open files.

HDF5 opens the file, so that what is wrong with it can be said; pynwb makes its objects in it. What
is no HDF5, a Zarr store or an ``NWBFile`` that was just made, becomes HDF5 in memory.
"""

import contextlib
import dataclasses
import errno
import glob
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from artiphys.errors import InputError
from artiphys_nwb.errors import FileError, RecordingError
from artiphys_nwb.files import dandi_archive, in_memory, zarr_stores
from artiphys_nwb.files.soundness import require_sound
from artiphys_nwb.files.streaming import SCHEMES, store_at, streamed
from artiphys_nwb.labels import decoded

if TYPE_CHECKING:
    from artiphys_nwb.files.objects import Objects

__all__ = ["Recording", "Source", "attribute_text", "opened", "sources"]

CLOSED = "the file given is closed; open it, or give its path"
SIGNS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file; fetch it with git lfs pull"),
    (b"/annex/objects", "a git-annex pointer, not the file; fetch it with git annex get"),
    (b"<", "a web page or an error message saved under this name; download the file again"),
    (b"PK", "a zip archive; unpack it first"),
    (b"\x1f\x8b", "compressed by gzip; unpack it first"),
    (b"MATLAB", "a MATLAB file, not NWB; convert it"),
)


@dataclasses.dataclass(frozen=True)
class Source:
    """One recording: what to open, and what messages and provenance call it."""

    name: str
    target: Any


class Recording:
    """A recording that is open: its name in messages, its HDF5 file, and pynwb's objects in it."""

    def __init__(self, name: str, file: h5py.File, io: Any = None) -> None:
        self.name, self.file, self._io = name, file, io

    @cached_property
    def objects(self) -> "Objects":
        """The objects that pynwb makes of the file."""
        from artiphys_nwb.files.objects import Objects  # which loads pynwb

        return Objects(self.file, self._io)


def sources(source: Any) -> list[Source]:
    """Return the recordings that `source` stands for, in order; nothing is opened yet.

    Parameters
    ----------
    source : path, URL, name in DANDI, open file, or iterable of these
        A folder stands for the ``.nwb`` files and Zarr stores in it and below, a pattern for those
        it matches, ``dandi:001357/sub-SP`` for what the archive has there.

    Raises
    ------
    InputError
        If it stands for no recording.
    """
    if _is_open_file(source):
        return [Source(_name_of_open_file(source), source)]
    if isinstance(source, str | bytes | os.PathLike):
        path = os.fsdecode(source)
        if dandi_archive.is_dandi(path):
            return [Source(asset.name, asset) for asset in dandi_archive.assets(path)]
        found = [path] if path.startswith(SCHEMES) else _paths(path)
        return [Source(one, one) for one in found]
    if isinstance(source, dict) or not isinstance(source, Iterable):
        plain = source is None or isinstance(source, dict | int | float)
        got = repr(source) if plain else type(source).__name__
        msg = f"source must be a path, a URL, an open file or many of them; got {got}"
        raise InputError(msg)
    many = [one for item in source for one in sources(item)]
    if not many:
        msg = "source must have at least one recording; got none"
        raise InputError(msg)
    return many


@contextlib.contextmanager
def opened(source: Source) -> Iterator[Recording]:
    """Yield a recording that is NWB; closed at the end unless it was open before.

    Raises
    ------
    FileError
        If it cannot be opened, is so damaged that HDF5 ends the process or never ends, or is not
        an NWB file of version 2.
    """
    with contextlib.ExitStack() as stack:
        try:
            recording = _open(source, stack)
            require_sound(recording.file)  # before anything is read
            _require_nwb(recording.file)
            yield recording
        except RecordingError as error:  # wherever in the reading: said of this file
            msg = f"{source.name}: {error}"
            raise type(error)(msg) from error
        except (OSError, RuntimeError, KeyError) as error:  # what h5py makes of damaged bytes
            why = f"cannot be read on; it is damaged; fetch it again ({_in_one_line(error)})"
            msg = f"{source.name}: {why}"
            raise FileError(msg) from error


def attribute_text(node: h5py.HLObject, name: str) -> str:
    """Return an attribute as text, empty if it is not there; arrays of one count as one."""
    value = node.attrs.get(name, "")
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return decoded(value)


def _is_open_file(source: Any) -> bool:
    return (
        isinstance(source, h5py.HLObject)
        or _is_of_pynwb(source, "NWBHDF5IO", "NWBFile")
        or _is_zarr_io(source)
        or (hasattr(source, "read") and hasattr(source, "seek"))
    )


def _is_of_pynwb(source: Any, *kinds: str) -> bool:
    """Return whether this is an object of pynwb's, which is loaded then."""
    pynwb = sys.modules.get("pynwb")
    return pynwb is not None and isinstance(source, tuple(getattr(pynwb, kind) for kind in kinds))


def _is_zarr_io(source: Any) -> bool:
    """Return whether this is hdmf-zarr's ``NWBZarrIO``, by its name: it is not loaded for this."""
    return any(one.__module__.startswith("hdmf_zarr") for one in type(source).__mro__)


def _name_of_open_file(source: Any) -> str:
    if isinstance(source, h5py.HLObject):
        return str(source.file.filename) if source else "a closed file"
    for name in ("container_source", "source", "full_name", "name", "path"):
        value = getattr(source, name, None)
        if isinstance(value, str | os.PathLike):
            return os.fspath(value)
    return type(source).__name__


def _paths(path: str) -> list[str]:
    if "\0" in path:
        msg = f"{path!r}: not a path (embedded null byte); check it"
        raise FileError(msg)
    if os.path.isdir(path):
        if zarr_stores.is_zarr(path):
            return [path]
        inside = sorted(_recordings_below(Path(path)))
        if not inside:
            msg = f"{path}: a folder without .nwb files; name a recording or a folder of them"
            raise FileError(msg)
        return inside
    if glob.has_magic(path) and not os.path.lexists(path):
        matched = sorted(glob.glob(path, recursive=True))
        if not matched:
            msg = f"{path}: no file matches; check the pattern"
            raise FileError(msg)
        return matched
    return [path]


def _recordings_below(folder: Path) -> Iterator[str]:
    """Yield the files of HDF5, by their suffix, and the stores of Zarr, by what is in them."""
    for name in os.listdir(folder):
        path = folder / name
        if not path.is_dir():
            if path.suffix == ".nwb":
                yield str(path)
        elif zarr_stores.is_zarr(str(path)):
            yield str(path)
        elif not path.is_symlink():
            yield from _recordings_below(path)


def _open(source: Source, stack: contextlib.ExitStack) -> Recording:
    target, name = source.target, source.name
    made = _opened_in_memory(target, name)
    if made is not None:
        return Recording(name, stack.enter_context(made))
    if isinstance(target, dandi_archive.Asset):
        target = target.address()
    io = target.read_io if _is_of_pynwb(target, "NWBFile") else target
    if not _is_of_pynwb(io, "NWBHDF5IO"):
        io = None
    if _is_of_pynwb(target, "NWBHDF5IO", "NWBFile"):
        target = io._file if io is not None else None
    if target is None or getattr(target, "closed", False):
        raise FileError(CLOSED)
    if isinstance(target, h5py.HLObject):
        if not target:
            raise FileError(CLOSED)
        return Recording(name, target.file, io)
    _use_filters()
    if isinstance(target, str) and target.startswith(SCHEMES):
        target = stack.enter_context(streamed(target, name))
    elif isinstance(target, str):
        _require_file(target)
    try:
        return Recording(name, stack.enter_context(h5py.File(target, "r")))
    except FileError:
        raise
    except Exception as error:
        raise FileError(_why_not_opened(target, error)) from error


def _opened_in_memory(target: Any, name: str) -> h5py.File | None:
    """Return as HDF5 in memory what is none: a Zarr store, or what pynwb has made or changed."""
    if _is_of_pynwb(target, "NWBFile"):
        io = target.read_io
        if _is_zarr_io(io) and not target.modified:
            return zarr_stores.as_hdf5(io.abspath)
        if io is None or target.modified:
            return in_memory.as_hdf5(target, io)
    if _is_zarr_io(target):
        return zarr_stores.as_hdf5(target.abspath)
    if isinstance(target, dandi_archive.Asset) and target.is_zarr:
        return zarr_stores.as_hdf5(name, store_at(target.address(), name))
    if not isinstance(target, str) or not zarr_stores.is_zarr(target):
        return None
    remote = target.startswith(SCHEMES)
    return zarr_stores.as_hdf5(target, store_at(target, name) if remote else None)


def _use_filters() -> None:
    """Let HDF5 read what is compressed by filters that are not its own, where they are there."""
    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401


def _require_file(path: str) -> None:
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        remedies = {
            errno.ENOENT: (
                "a link that leads nowhere; fetch the file it stands for"
                if os.path.islink(path)
                else "no such file; check the path"
            ),
            errno.EACCES: "no permission to read it; ask its owner, or copy it",
            errno.EISDIR: "a folder; name the file in it",
            errno.ELOOP: "a link that leads to itself; fetch the file it stands for",
            errno.ENAMETOOLONG: "its name is too long; check the path",
        }
        why = remedies.get(error.errno or 0, f"cannot be read: {error.strerror}; fetch it again")
        raise FileError(why) from error


def _why_not_opened(target: Any, error: Exception) -> str:
    why = _in_one_line(error)
    if "truncated" in why:
        return f"cut short: shorter than it says it is; fetch it again ({why})"
    if "lock file" in why or "already open" in why or "temporarily unavailable" in why:
        return f"open for writing elsewhere; close it there, or read a copy ({why})"
    if "consistency flags" in why:
        return f"not closed by what wrote it; mend it with h5clear -s, or write it again ({why})"
    head = _head(target)
    if head == b"":
        return "empty; fetch it again"
    for sign, what in SIGNS:
        if head is not None and (head.startswith(sign) or (len(sign) > 4 and sign in head)):
            return what
    if head is not None and not head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "not an HDF5 file, which NWB is; check what it is, or fetch it again"
    return f"a damaged HDF5 file; fetch it again ({why})"


def _head(target: Any) -> bytes | None:
    try:
        if isinstance(target, str):
            with open(target, "rb") as file:
                return file.read(512)
        target.seek(0)
        return bytes(target.read(512))
    except Exception:
        return None


def _require_nwb(file: h5py.File) -> None:
    version = attribute_text(file, "nwb_version")
    if not version and "nwb_version" in file:
        msg = "NWB of version 1; convert it to version 2"
        raise FileError(msg)
    if not version:
        msg = "an HDF5 file without nwb_version, so not NWB; name an NWB file"
        raise FileError(msg)
    if not version.upper().removeprefix("NWB-").strip().startswith("2"):
        msg = f"NWB of version {version}; versions 2.0 to 2.11 and later 2.x are read"
        raise FileError(msg)


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
