"""Folders of partial results: where they lie, what is told of what is in the way, and their locks.

All of it is asked before any work, so that nothing that could be known stops a run at its end.
"""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from artiphys.errors import InputError, to_install
from artiphys.responses.storage import with_known_suffix

__all__ = [
    "GROUP",
    "KEY_FILE",
    "LOCK_FILE",
    "left_record",
    "locked",
    "partial_folder",
    "there_already",
]

GROUP, KEY_FILE, LOCK_FILE = "group.zarr", "key.json", "run.lock"


def partial_folder(out: str | Path, *, overwrite: bool = False) -> Path:
    """Return the folder of partial results beside `out`; whatever would stop the end stops here.

    Raises
    ------
    ImportError
        If Zarr or dask is not there, with how to install it.
    InputError
        If `out` is no path, or has another suffix than a response array's, or is there already, or
        is a folder where a file is to be, or its folder is missing, or what lies at the partial
        results' place is none, or is being written by another run.
    """
    if not isinstance(out, str | os.PathLike):
        msg = f"out must be the path of a file to write; got {out!r}"
        raise InputError(msg)
    out = with_known_suffix(out)
    for module in ("zarr", "dask"):
        if importlib.util.find_spec(module) is None:
            msg = f"{module} is needed to write responses as they are found: {to_install(module)}"
            raise ImportError(msg, name=module)
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
        locked(folder).release()
    elif (out.exists() or out.is_symlink()) and not overwrite:
        raise there_already(out)
    return folder


def left_record(folder: Path) -> dict[str, Any] | None:
    """Return the key that a run has left in a folder, with its digest; None if there is none."""
    try:
        record = json.loads((folder / KEY_FILE).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def locked(folder: Path) -> FileLock:
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


def there_already(out: Path) -> InputError:
    """Return the error of a file that is not to be replaced."""
    return InputError(f"{out} is there already; overwrite=True replaces it, or write elsewhere")


def _is_another_s(folder: Path) -> bool:
    """Say whether a folder holds what no run left there: a run may die before its key is whole."""
    names = [path.name for path in folder.iterdir() if path.name not in (LOCK_FILE, GROUP)]
    unfinished = [name for name in names if name.startswith((f".{KEY_FILE}.", f".{GROUP}."))]
    return len(names) > len(unfinished) and left_record(folder) is None
