"""Write a file or a folder so that a reader sees the whole of it or none of it."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from artiphys.errors import InputError

__all__ = ["writable_folder", "written_whole"]


@contextlib.contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that takes the place of `path` when the block ends without an error.

    After an error, Ctrl-C included, what was at `path` before is still there and nothing else is.

    Parameters
    ----------
    path : str or Path
        The file or folder to write. An existing one is replaced.

    Raises
    ------
    InputError
        If the folder does not exist, may not be written to, or the disk is full.
    """
    path = Path(path)
    if not path.parent.is_dir():
        msg = f"{path}: the folder {path.parent} does not exist; make it first"
        raise InputError(msg)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        _replace(partial, path)
    except OSError as error:
        raise InputError(_why_not_written(path, error)) from error
    finally:
        _remove(partial)


def writable_folder(path: str | Path) -> Path:
    """Return `path` as a folder that can be written to, made if it is not there.

    Long work calls this first, so that it does not fail at its end.

    Raises
    ------
    InputError
        If it is a file, or cannot be made or written to.
    """
    path = Path(path)
    probe = path / f".{os.getpid()}.partial"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
    except OSError as error:
        raise InputError(_why_not_written(path, error)) from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return path


def _replace(partial: Path, path: Path) -> None:
    if partial.is_dir() and path.exists():  # a folder can only take the place of an empty one
        old = path.with_name(f".{path.name}.{os.getpid()}.old.partial")
        path.rename(old)
        partial.rename(path)
        _remove(old)
    else:
        partial.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _why_not_written(path: Path, error: OSError) -> str:
    remedies = {
        errno.ENOSPC: "the disk is full; free some space or write elsewhere",
        errno.EDQUOT: "the disk quota is used up; free some space or write elsewhere",
        errno.EACCES: "no permission to write there; choose another folder",
        errno.EPERM: "no permission to write there; choose another folder",
        errno.EROFS: "the file system is read-only; choose another folder",
        errno.ENOTDIR: "a part of the path is a file, not a folder",
        errno.EEXIST: "a file of that name is in the way; choose another folder",
        errno.EISDIR: "a folder of that name is in the way; choose another name",
    }
    why = remedies.get(error.errno or 0, error.strerror or str(error))
    return f"{path}: cannot be written: {why}"
