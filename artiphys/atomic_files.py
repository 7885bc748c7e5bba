"""Write a file or a folder so that a reader sees the whole of it or none of it."""

import contextlib
import errno
import glob
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from artiphys.errors import InputError

__all__ = [
    "why_not_written",
    "with_suffix",
    "writable_folder",
    "written_together",
    "written_whole",
]

LOCK, OLD = ".artiphys-lock", ".artiphys-old"  # beside what is written, in its hidden folder


def with_suffix(path: Path, *suffixes: str, formats: Sequence[str] = ()) -> Path:
    """Return `path` if its suffix, in small or capital letters, is one of these.

    Parameters
    ----------
    path : Path
    suffixes : str
    formats : sequence of str
        What each suffix stands for, for the message.

    Raises
    ------
    InputError
        If it is another.
    """
    if path.suffix.lower() in suffixes:
        return path
    named = [f"{s} ({f})" for s, f in zip(suffixes, formats, strict=True)] if formats else suffixes
    msg = f"{path}: the name must end in {' or '.join(named)}; got {path.suffix!r}"
    raise InputError(msg)


@contextlib.contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that takes the place of `path` when the block ends without an error.

    After an error, Ctrl-C included, what was at `path` before is still there and nothing else is.
    The temporary path lies in a hidden folder beside, which is locked by the operating system. A
    process that was killed outright leaves the folder but not the lock; the next to write to
    `path` then removes it.

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
        fault = "is no folder" if path.parent.exists() else "does not exist"
        msg = f"{path}: the folder {path.parent} {fault}; make it first"
        raise InputError(msg)
    workshop = path.with_name(f".{path.name}.{socket.gethostname()}.{uuid.uuid4().hex[:8]}.partial")
    lock = FileLock(workshop / LOCK, timeout=0, thread_local=False)
    try:
        _tidy_up_after_the_dead(path)
        workshop.mkdir()
        with contextlib.suppress(NotImplementedError):  # a file system without locks
            lock.acquire()
        partial = workshop / path.name
        partial.touch()  # the reason why it cannot be, which libraries may hide
        partial.unlink()
        yield partial
        _replace(partial, path, workshop / OLD)
    except OSError as error:
        raise InputError(why_not_written(path, error)) from error
    finally:
        with contextlib.suppress(OSError):  # the error that led here is the one to tell
            lock.release()  # first: some systems remove no file that is open
            if path.exists() or not (workshop / OLD).exists():
                _remove(workshop)


@contextlib.contextmanager
def written_together(folder: str | Path) -> Iterator[Path]:
    """Yield a temporary folder whose files are moved into `folder` when the block ends well.

    After an error, Ctrl-C included, `folder` holds what it held before; made for this, it is gone.

    Parameters
    ----------
    folder : str or Path
        Where the files are to be, made if it is not there.

    Raises
    ------
    InputError
        If `folder` cannot be made or written to, or the disk is full.
    """
    made = not Path(folder).exists()
    folder = writable_folder(folder)
    try:
        with tempfile.TemporaryDirectory(
            dir=folder, prefix=".", suffix=".partial", ignore_cleanup_errors=True
        ) as name:
            partial = Path(name)
            try:
                yield partial
            except InputError as error:
                raise InputError(str(error).replace(name, str(folder))) from error
            for path in sorted(partial.iterdir()):
                try:
                    path.replace(folder / path.name)
                except OSError as error:
                    raise InputError(why_not_written(folder / path.name, error)) from error
    finally:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # if nothing has come into it


def writable_folder(path: str | Path) -> Path:
    """Return `path` as a folder that can be written to, made if it is not there.

    Long work calls this first, so that it does not fail at its end.

    Raises
    ------
    InputError
        If it is a file, or cannot be made or written to.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(why_not_written(path, error)) from error
    return path


def why_not_written(path: Path, error: OSError) -> str:
    """Return what an error of the system says of a path, and its remedy, in one line."""
    remedies = {
        errno.ENOSPC: "the disk is full; free some space or write elsewhere",
        errno.EDQUOT: "the disk quota is used up; free some space or write elsewhere",
        errno.EACCES: "no permission to write there; choose another folder",
        errno.EPERM: "no permission to write there; choose another folder",
        errno.EROFS: "the file system is read-only; choose another folder",
        errno.EFBIG: "it would be larger than files may be here; write elsewhere",
        errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
        errno.ENOTDIR: "a part of the path is a file, not a folder",
        errno.EEXIST: "a file of that name is in the way; choose another folder",
        errno.EISDIR: "a folder of that name is in the way; choose another name",
    }
    why = remedies.get(error.errno or 0, error.strerror or str(error))
    return f"{path}: cannot be written: {why}"


def _replace(partial: Path, path: Path, old: Path) -> None:
    if not (partial.is_dir() and path.exists()):
        partial.replace(path)
        return
    try:  # a folder can only take the place of an empty one
        path.rename(old)
        partial.rename(path)
    except BaseException:  # Ctrl-C between the two would leave nothing at all
        if old.exists() and not path.exists():
            old.rename(path)
        raise


def _tidy_up_after_the_dead(path: Path) -> None:
    """Remove what killed processes of this machine left of `path`; put back what they moved away.

    What is locked belongs to the living. Locks of other machines may not be seen from here, so that
    theirs is left.
    """
    ours = f".{glob.escape(path.name)}.{glob.escape(socket.gethostname())}.*.partial"
    for workshop in sorted(path.parent.glob(ours)):
        if not (workshop / LOCK).is_file():  # just begun
            continue
        lock = FileLock(workshop / LOCK, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            continue
        if (workshop / OLD).exists() and not path.exists():
            (workshop / OLD).rename(path)  # killed between moving the old away and the new in
        lock.release()
        _remove(workshop)


def _remove(path: Path) -> None:
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    for _ in range(40):  # threads that an interrupt has not reached yet may still write chunks
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(0.05)
