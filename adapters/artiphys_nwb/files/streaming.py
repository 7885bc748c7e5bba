"""A file over the network, some ranges of bytes at a time.

A file is read by a handful of columns, so that fsspec fetches it in blocks of 4 MB, each once. Of
blocks that are asked for one after the other, as those of spike times, the next ones come along,
several at once, for one connection is slower than the network. ``benchmarks/nwb_streaming.py`` sets
this against remfile.
"""

import contextlib
import gc
import os
from collections.abc import Iterable, Iterator
from typing import Any

from artiphys.errors import to_install
from artiphys_nwb.errors import FileError

__all__ = ["SCHEMES", "RemoteStore", "store_at", "streamed"]

SCHEMES = ("http://", "https://", "s3://", "gs://", "ftp://", "file://", "memory://")
BLOCK_SIZE = 4 * 2**20
BLOCKS_KEPT = 64
MOST_AT_ONCE = 8
NO_RANGES = "the server does not serve ranges; download the file first"


@contextlib.contextmanager
def streamed(address: str, name: str) -> Iterator[Any]:
    """Yield a file at an address, for h5py to read.

    Raises
    ------
    FileError
        If it cannot be fetched, or not in parts.
    ImportError
        Without fsspec, or what it needs for this kind of address.
    """
    with _errors_told(name):
        file = _fsspec(name).open(address, mode="rb", cache_type="none").open()
    with contextlib.closing(file):
        if not file.seekable():
            raise FileError(NO_RANGES)
        yield _Stream(file)


def store_at(address: str, name: str) -> "RemoteStore":
    """Return the files below an address, by their paths from there.

    Raises
    ------
    FileError, ImportError
        As :func:`streamed`.
    """
    with _errors_told(name):
        return RemoteStore(_fsspec(name).get_mapper(address))


class RemoteStore:
    """Files by their paths, each read once; those that are asked for together come side by side."""

    def __init__(self, mapper: Any) -> None:
        self._mapper = mapper
        self._fetched: dict[str, bytes] = {}

    def fetch(self, keys: Iterable[str]) -> None:
        """Fetch files that will be read; those that are not there are left out.

        Raises
        ------
        FileError
            If the connection fails.
        """
        with _no_garbage_collection():
            found = self._mapper.getitems(list(keys), on_error="return")
        for key, data in found.items():
            if isinstance(data, bytes):
                self._fetched[key] = data
            elif not isinstance(data, KeyError):
                raise FileError(_failed(data)) from data

    def __getitem__(self, key: str) -> bytes:
        if key not in self._fetched:
            self.fetch([key])
        return self._fetched.pop(key)


def _fsspec(name: str) -> Any:
    try:
        import fsspec
    except ImportError as error:
        msg = f"{name}: reading over the network needs fsspec: {to_install('stream')}"
        raise ImportError(msg) from error
    return fsspec


@contextlib.contextmanager
def _errors_told(name: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        if str(error).startswith(name):
            raise
        msg = f"{name}: this kind of address needs another package ({error})"
        raise ImportError(msg) from error
    except Exception as error:  # whatever a file system of fsspec's may raise
        msg = f"cannot be fetched ({_in_one_line(error)}); check the address"
        raise FileError(msg) from error


class _Stream:
    """A remote file for h5py, whose errors on the way say which file and what to do."""

    def __init__(self, file: Any) -> None:
        self._fs, self._path, self._size = file.fs, file.path, int(file.size)
        self._at = 0
        self._blocks: dict[int, bytes] = {}
        self._after, self._ahead = 0, 0  # the block after the last fetched, and how many came along

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        start = self._at
        stop = self._size if size < 0 else min(start + size, self._size)
        if stop <= start:
            return b""
        first, last = start // BLOCK_SIZE, (stop - 1) // BLOCK_SIZE
        self._require(first, last)
        data = b"".join(self._blocks[number] for number in range(first, last + 1))
        self._forget()
        self._at = stop
        return data[start - first * BLOCK_SIZE : stop - first * BLOCK_SIZE]

    def _require(self, first: int, last: int) -> None:
        """Fetch blocks that are not there, and after others that came in a row some of the next."""
        if all(number in self._blocks for number in range(first, last + 1)):
            return
        in_a_row = first <= self._after <= last
        self._ahead = min(2 * self._ahead + 1, MOST_AT_ONCE) if in_a_row else 0
        end = min(last + self._ahead, (self._size - 1) // BLOCK_SIZE)
        missing = [number for number in range(first, end + 1) if number not in self._blocks]
        self._blocks |= dict(zip(missing, self._fetched(missing), strict=True))
        self._after = end + 1

    def _fetched(self, numbers: list[int]) -> list[bytes]:
        starts = [number * BLOCK_SIZE for number in numbers]
        stops = [min(start + BLOCK_SIZE, self._size) for start in starts]
        try:
            with _no_garbage_collection():
                paths = [self._path] * len(numbers)
                blocks = self._fs.cat_ranges(paths, starts, stops, on_error="raise")
        except Exception as error:  # of asyncio, aiohttp, fsspec or another file system
            raise FileError(_failed(error)) from error
        for block, start, stop in zip(blocks, starts, stops, strict=True):
            if len(block) != stop - start:  # the whole file, whatever was asked for
                raise FileError(NO_RANGES)
        return [bytes(block) for block in blocks]

    def _forget(self) -> None:
        """Keep the last blocks that were fetched, so that memory does not grow with the file."""
        for number in list(self._blocks)[:-BLOCKS_KEPT]:
            del self._blocks[number]


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


def _failed(error: Exception) -> str:
    why = _in_one_line(error)
    return f"the connection failed ({why}); try again, or download the file first"


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
