"""Recordings from whatever a user has: paths, patterns, folders, URLs, open files.

HDF5 opens the file, so that what is wrong with it can be said; pynwb makes its objects in it.
"""

import contextlib
import dataclasses
import errno
import gc
import glob
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from artiphys.errors import InputError, to_install
from artiphys_nwb.errors import FileError, RecordingError
from artiphys_nwb.labels import decoded

if TYPE_CHECKING:
    from artiphys_nwb.files.objects import Objects

__all__ = ["Recording", "Source", "attribute_text", "opened", "sources"]

SCHEMES = ("http://", "https://", "s3://", "gs://", "ftp://", "file://", "memory://")
# Few large requests: a file is read by a handful of columns, each of them one run of bytes.
BLOCK_SIZE = 4 * 2**20
BLOCKS_KEPT = 64
CLOSED = "the file given is closed; open it, or give its path"
NO_RANGES = "the server does not serve ranges; download the file first"
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
    source : path, URL, open file, or iterable of these
        A folder stands for the ``.nwb`` files in it and below, a pattern for those it matches.

    Raises
    ------
    InputError
        If it stands for no recording.
    """
    if _is_open_file(source):
        return [Source(_name_of_open_file(source), source)]
    if isinstance(source, str | bytes | os.PathLike):
        path = os.fsdecode(source)
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
        If it cannot be opened, or is not an NWB file of version 2.
    """
    with contextlib.ExitStack() as stack:
        try:
            recording = _open(source, stack)
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
        or (hasattr(source, "read") and hasattr(source, "seek"))
    )


def _is_of_pynwb(source: Any, *kinds: str) -> bool:
    """Return whether this is an object of pynwb's, which is loaded then."""
    pynwb = sys.modules.get("pynwb")
    return pynwb is not None and isinstance(source, tuple(getattr(pynwb, kind) for kind in kinds))


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
        if any(os.path.exists(os.path.join(path, key)) for key in (".zgroup", "zarr.json")):
            msg = f"{path}: NWB in Zarr is not read; export it to HDF5 first"
            raise FileError(msg)
        inside = sorted(str(one) for one in Path(path).rglob("*.nwb"))
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


def _open(source: Source, stack: contextlib.ExitStack) -> Recording:
    target, name = source.target, source.name
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
    if isinstance(target, str) and target.startswith(SCHEMES):
        target = stack.enter_context(_streamed(source))
    elif isinstance(target, str):
        _require_file(target)
    try:
        return Recording(name, stack.enter_context(h5py.File(target, "r")))
    except FileError:
        raise
    except Exception as error:
        raise FileError(_why_not_opened(target, error)) from error


@contextlib.contextmanager
def _streamed(source: Source) -> Iterator[Any]:
    try:
        import fsspec
    except ImportError as error:
        msg = f"{source.name}: reading over the network needs fsspec: {to_install('stream')}"
        raise ImportError(msg) from error
    try:
        opener = fsspec.open(
            source.target,
            mode="rb",
            block_size=BLOCK_SIZE,
            cache_type="blockcache",
            cache_options={"maxblocks": BLOCKS_KEPT},
        )
        file = opener.open()
    except ImportError as error:
        msg = f"{source.name}: this kind of address needs another package ({error})"
        raise ImportError(msg) from error
    except Exception as error:  # whatever a file system of fsspec's may raise
        msg = f"cannot be fetched ({_in_one_line(error)}); check the address"
        raise FileError(msg) from error
    with contextlib.closing(file):
        if not file.seekable():
            raise FileError(NO_RANGES)
        yield _Stream(file)


class _Stream:
    """A remote file for h5py, whose errors on the way say which file and what to do."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        try:
            with _no_garbage_collection():
                return bytes(self._file.read(size))
        except Exception as error:  # of asyncio, aiohttp, fsspec or another file system
            if "range" in str(error):
                raise FileError(NO_RANGES) from error
            msg = (
                f"the connection failed ({_in_one_line(error)}); try again, or download the file "
                "first"
            )
            raise FileError(msg) from error


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep the thread that fetches from collecting garbage while this one waits for it.

    h5py holds its lock while it waits for bytes; a cycle with an h5py object in it, collected in
    fsspec's thread, would wait for that lock, and both for ever. Only one thread at a time gets
    here, since h5py's lock is held.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


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
