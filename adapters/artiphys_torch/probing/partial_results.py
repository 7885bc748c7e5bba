"""Results on disk while a long run is under way, so that a killed run goes on where it stopped.

Beside ``responses.nc`` lies a folder ``responses.nc.partial`` of finished chunks of images and the
key of the run: a digest of all that its values depend on. The digest is in the chunks' names too,
so that chunks of another key are never used, whoever put them there. The folder is locked by the
operating system, which gives the lock back when a run is killed.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout

from artiphys.atomic_files import writable_folder, written_whole
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.responses.storage import with_known_suffix

__all__ = ["NotWrittenError", "PartialResults", "partial_folder", "partial_results"]

KEY_FILE = "key.json"
LOCK_FILE = "run.lock"
N_DIGITS = 16  # of a key's digest in the names of its chunks


class NotWrittenError(InputError):
    """There was no room, or no permission, to write what has been found."""


@contextlib.contextmanager
def partial_results(out: str | Path, key: Mapping[str, Any]) -> Iterator["PartialResults"]:
    """Give a run its partial results; they go when it ends well, and stay if it can go on.

    Raises
    ------
    InputError
        As :func:`partial_folder` and :class:`PartialResults`.
    KeyboardInterrupt
        Of the run's, with how to go on.
    """
    kept = PartialResults(partial_folder(out), key)
    try:
        yield kept
    except KeyboardInterrupt as interrupt:
        if not kept.how_to_go_on():
            raise
        msg = f"interrupted; {kept.how_to_go_on()}"
        raise KeyboardInterrupt(msg) from interrupt
    except (NotWrittenError, MemoryError, torch.OutOfMemoryError):
        raise  # with more room, or smaller batches, the same call goes on
    except Exception:
        kept.remove()  # what is wrong has to be mended first, and then the key is another
        raise
    else:
        kept.remove()
    finally:
        kept.close()


class PartialResults:
    """Finished chunks of a run in a folder, which is that run's alone until it is closed.

    Parameters
    ----------
    folder : Path
        Made if it is not there. Chunks in it that another run left are removed, with a warning.
    key : mapping
        All that the values depend on, as JSON takes it.

    Raises
    ------
    InputError
        If another run is writing there, or nothing can be written.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any]) -> None:
        self.folder = folder
        text = json.dumps(key, sort_keys=True, default=str)
        self._digest = hashlib.sha256(text.encode()).hexdigest()
        self._lock = _locked(writable_folder(folder))
        try:
            self._begin({"sha256": self._digest, "key": json.loads(text)})
        except BaseException:
            self.close()
            raise

    def load(self, first: int, shape: tuple[int, ...]) -> np.ndarray | None:
        """Return the chunk that begins at image `first`, or None if it is not there yet."""
        path = self._path(first)
        if not path.is_file():
            return None
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return values if values.shape == shape else None

    def save(self, first: int, values: np.ndarray) -> None:
        """Write the chunk that begins at image `first`; all of it or nothing."""
        buffer = io.BytesIO()  # numpy, writing to a file itself, loses the reason of a failure
        np.save(buffer, values)
        with self.writing(), written_whole(self._path(first)) as path:
            path.write_bytes(buffer.getbuffer())

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Say of a failure to write that what is finished is kept."""
        try:
            yield
        except InputError as error:
            msg = "; ".join(filter(None, (str(error), self.how_to_go_on())))
            raise NotWrittenError(msg) from error

    def how_to_go_on(self) -> str:
        """Return how to go on, in words; nothing without a finished chunk."""
        if self._has_chunks():
            return f"the same call goes on from what is in {self.folder}"
        return ""

    def remove(self) -> None:
        """Remove the folder."""
        self._empty()
        with contextlib.suppress(OSError):  # where open files cannot go, the lock's own does later
            (self.folder / LOCK_FILE).unlink()
        self._lock.release()
        with contextlib.suppress(OSError):  # another run may have come into it
            self.folder.rmdir()

    def close(self) -> None:
        """Let other runs have the folder; without a finished chunk it goes."""
        if self._lock.is_locked and not self._has_chunks():
            self.remove()
        self._lock.release()

    def _begin(self, record: dict[str, Any]) -> None:
        """Remove what another key left, and write this one's."""
        left = _left_record(self.folder)
        if left is not None and left != record:
            differs = [k for k in record["key"] if left.get("key", {}).get(k) != record["key"][k]]
            msg = (
                f"{self.folder.name} is of another run (its {', '.join(differs) or 'key'} differ):"
                " not used; starting anew"
            )
            warnings.warn(msg, ArtiphysWarning, stacklevel=6)
            self._empty()
        with written_whole(self.folder / KEY_FILE) as path:
            path.write_text(json.dumps(record, indent=1))

    def _empty(self) -> None:
        for path in self.folder.glob("*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != LOCK_FILE:  # the last to go: until then nobody else begins
                path.unlink(missing_ok=True)

    def _has_chunks(self) -> bool:
        return any(self.folder.glob(f"*-{self._digest[:N_DIGITS]}.npy"))

    def _path(self, first: int) -> Path:
        return self.folder / f"{first:08}-{self._digest[:N_DIGITS]}.npy"


def partial_folder(out: str | Path) -> Path:
    """Return the folder of partial results beside `out`; whatever would stop the end stops here.

    Raises
    ------
    InputError
        If `out` is no path, or has another suffix than a response array's, or is a folder where a
        file is to be, or its folder is missing, or what lies at the partial results' place is none,
        or is being written by another run.
    """
    if not isinstance(out, str | os.PathLike):
        msg = f"out must be the path of a file to write; got {out!r}"
        raise InputError(msg)
    out = with_known_suffix(out)
    if not out.parent.is_dir():
        msg = f"{out}: the folder {out.parent} does not exist; make it first"
        raise InputError(msg)
    if out.suffix.lower() == ".nc" and out.is_dir():
        msg = f"{out}: is a folder; expected a file to be written or replaced; choose another name"
        raise InputError(msg)
    folder = out.with_name(f"{out.name}.partial")
    if folder.exists() and (not folder.is_dir() or _is_another_s(folder)):
        msg = f"{folder}: is in the way and holds no partial results; move it away"
        raise InputError(msg)
    if (folder / LOCK_FILE).exists():
        _locked(folder).release()
    return folder


def _is_another_s(folder: Path) -> bool:
    """Say whether a folder holds what no run left there: a run may die before its key is whole."""
    names = [path.name for path in folder.iterdir() if path.name != LOCK_FILE]
    unfinished = [name for name in names if name.startswith(f".{KEY_FILE}.")]
    return len(names) > len(unfinished) and _left_record(folder) is None


def _left_record(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / KEY_FILE).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _locked(folder: Path) -> FileLock:
    """Return the lock of a folder, taken; or raise InputError that another run has it."""
    lock = FileLock(folder / LOCK_FILE, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        msg = f"{folder}: another run is writing there; wait until it ends, or choose another out"
        raise InputError(msg) from error
    except OSError as error:
        msg = f"{folder / LOCK_FILE}: cannot be written: {error.strerror or error}"
        raise InputError(msg) from error
    return lock
