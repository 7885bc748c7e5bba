"""Recordings from whatever a user has: paths, patterns, folders, URLs, open files."""

import contextlib
import dataclasses
import errno
import gc
import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py

from artiphys.errors import InputError
from artiphys_nwb.errors import FileError, RecordingError
from artiphys_nwb.files.tables import attribute_text

__all__ = ["Source", "opened", "sources"]

SCHEMES = ("http://", "https://", "s3://", "gs://", "ftp://", "file://", "memory://")
# Few large requests: a file is read by a handful of columns, each of them one run of bytes.
BLOCK_SIZE = 4 * 2**20
BLOCKS_KEPT = 64
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
    if isinstance(source, dict | int | float | bool) or source is None:
        msg = f"source must be a path, a URL, an open file or many of them; got {source!r}"
        raise InputError(msg)
    if not isinstance(source, str | bytes | os.PathLike) and not _is_open_file(source):
        if not isinstance(source, Iterable):
            kind = type(source).__name__
            msg = f"source must be a path, a URL, an open file or many of them; got {kind}"
            raise InputError(msg)
        found = [one for item in source for one in sources(item)]
        if not found:
            msg = "source must have at least one recording; got none"
            raise InputError(msg)
        return found
    if _is_open_file(source):
        return [Source(_name_of_open_file(source), source)]
    path = os.fsdecode(source)
    if path.startswith(SCHEMES):
        return [Source(path, path)]
    return [Source(one, one) for one in _paths(path)]


@contextlib.contextmanager
def opened(source: Source) -> Iterator[h5py.File]:
    """Yield a recording as an HDF5 file that is NWB; closed at the end unless it was open before.

    Raises
    ------
    FileError
        If it cannot be opened, or is not an NWB file of version 2.
    """
    with contextlib.ExitStack() as stack:
        file = _open(source, stack)
        try:
            _require_nwb(file, source.name)
            yield file
        except RecordingError:
            raise
        except (OSError, RuntimeError, KeyError) as error:  # what h5py makes of damaged bytes
            msg = f"{source.name}: cannot be read on; it is damaged; fetch it again ({error})"
            raise FileError(" ".join(msg.split())) from error


def _is_open_file(source: Any) -> bool:
    return (
        isinstance(source, h5py.HLObject)
        or hasattr(source, "read_io")
        or (
            hasattr(source, "read")
            and (hasattr(source, "seek") or type(source).__name__ == "NWBHDF5IO")
        )
    )


def _name_of_open_file(source: Any) -> str:
    if isinstance(source, h5py.HLObject):
        return str(source.file.filename) if source else "a closed file"
    for name in ("container_source", "source", "full_name", "name", "path"):
        value = getattr(source, name, None)
        if isinstance(value, str | os.PathLike):
            return os.fspath(value)
    return type(source).__name__


def _paths(path: str) -> list[str]:
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


def _open(source: Source, stack: contextlib.ExitStack) -> h5py.File:
    target = source.target
    if hasattr(target, "read_io"):  # a pynwb.NWBFile
        target = target.read_io
    if type(target).__name__ == "NWBHDF5IO":
        target = target._file
    if target is None or (isinstance(target, h5py.HLObject) and not target):
        msg = f"{source.name}: the file given is closed; open it, or give its path"
        raise FileError(msg)
    if isinstance(target, h5py.HLObject):
        return target.file
    if isinstance(target, str) and target.startswith(SCHEMES):
        target = stack.enter_context(_streamed(source))
    elif isinstance(target, str):
        _require_file(target)
    elif getattr(target, "closed", False):
        msg = f"{source.name}: the file given is closed; open it, or give its path"
        raise FileError(msg)
    try:
        return stack.enter_context(h5py.File(target, "r"))
    except FileError:
        raise
    except Exception as error:
        msg = f"{source.name}: {_why_not_opened(target, error)}"
        raise FileError(msg) from error


@contextlib.contextmanager
def _streamed(source: Source) -> Iterator[Any]:
    try:
        import fsspec
    except ImportError as error:
        msg = f"{source.name}: reading over the network needs pip install 'artiphys[stream]'"
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
        msg = f"{source.name}: cannot be fetched ({_in_one_line(error)}); check the address"
        raise FileError(msg) from error
    with contextlib.closing(file):
        if not file.seekable():
            raise FileError(_without_ranges(source.name))
        yield _Stream(file, source.name)


class _Stream:
    """A remote file for h5py, whose errors on the way say which file and what to do."""

    def __init__(self, file: Any, name: str) -> None:
        self._file, self._name = file, name
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
                raise FileError(_without_ranges(self._name)) from error
            msg = (
                f"{self._name}: the connection failed ({_in_one_line(error)}); try again, or "
                "download the file first"
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


def _without_ranges(name: str) -> str:
    return f"{name}: the server does not serve ranges; download the file first"


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
        msg = f"{path}: {why}"
        raise FileError(msg) from error
    except ValueError as error:  # a null byte in the name
        msg = f"{path!r}: not a path ({error}); check it"
        raise FileError(msg) from error


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


def _require_nwb(file: h5py.File, name: str) -> None:
    version = attribute_text(file, "nwb_version")
    if not version:
        if "nwb_version" in file:
            msg = f"{name}: NWB of version 1; convert it to version 2"
            raise FileError(msg)
        msg = f"{name}: an HDF5 file without nwb_version, so not NWB; name an NWB file"
        raise FileError(msg)
    number = version.upper().removeprefix("NWB-").strip()
    if not number.startswith("2"):
        msg = f"{name}: NWB of version {version}; versions 2.0 to 2.11 and later 2.x are read"
        raise FileError(msg)


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
