"""A lock on a folder: one run at a time writes there, and a run that was killed stops nobody.

A lock is an empty file whose name says which process of which host holds it: it is whole as soon as
it is there, and whoever finds it can ask whether that process lives.
"""

import contextlib
import os
import socket
from pathlib import Path

from artiphys.atomic_files import lives
from artiphys.errors import InputError

__all__ = ["is_lock", "lock", "require_unlocked", "unlock"]

SUFFIX = ".lock"
_HELD: set[Path] = set()  # by this process, whose threads share its number


def lock(folder: Path) -> Path:
    """Lock a folder for this process, and return the file that says so.

    Raises
    ------
    InputError
        If another run holds it, in this process or another.
    """
    mine = (folder / f"{os.getpid()}.{socket.gethostname()}{SUFFIX}").resolve()
    if mine in _HELD:
        raise InputError(_refusal(mine))
    try:
        mine.unlink(missing_ok=True)  # of a dead process that had our number
        mine.touch()
    except OSError as error:
        msg = f"{mine}: cannot be written: {error.strerror or error}"
        raise InputError(msg) from error
    _HELD.add(mine)
    try:
        require_unlocked(folder, mine)
    except BaseException:
        unlock(mine)
        raise
    return mine


def unlock(mine: Path) -> None:
    """Give a lock back."""
    _HELD.discard(mine)
    _remove(mine)


def require_unlocked(folder: Path, mine: Path | None = None) -> None:
    """Raise if another run than that of the lock `mine` holds the folder; remove dead ones' locks.

    A lock made after ours is of a run that finds ours and gives way.
    """
    for other in folder.glob(f"*{SUFFIX}"):
        if other.resolve() == mine:
            continue
        if _is_dead(other):
            _remove(other)
        elif mine is None or not _made_after(other, mine):
            raise InputError(_refusal(other))


def is_lock(path: Path) -> bool:
    """Say whether a file is a lock."""
    number, host = _holder(path)
    return path.suffix == SUFFIX and number.isdecimal() and bool(host)


def _holder(path: Path) -> tuple[str, str]:
    number, _, host = path.name.removesuffix(SUFFIX).partition(".")
    return number, host


def _is_dead(path: Path) -> bool:
    """Say whether a lock's process is no more; those of other hosts cannot be asked."""
    number, host = _holder(path)
    if host != socket.gethostname() or not number.isdecimal():
        return False
    if int(number) == os.getpid():
        return path.resolve() not in _HELD
    return not lives(int(number))


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # gone already, or in a folder closed meanwhile
        path.unlink()


def _made_after(other: Path, mine: Path) -> bool:
    try:
        return other.stat().st_mtime_ns > mine.stat().st_mtime_ns
    except FileNotFoundError:  # it has just been given back
        return True


def _refusal(path: Path) -> str:
    number, host = _holder(path)
    return (
        f"{path.parent}: process {number} on {host} is writing there; wait until it ends, or choose"
        f" another out (if that process is no more, remove {path.name} there)"
    )
