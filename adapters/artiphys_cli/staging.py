"""Several files that appear in a folder together, when all of them are whole."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from artiphys.atomic_files import writable_folder
from artiphys.errors import InputError

__all__ = ["written_together"]


@contextlib.contextmanager
def written_together(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder whose files are moved into `folder` when the block ends well.

    After an error, Ctrl-C included, `folder` holds what it held before; made for this, it is gone.

    Raises
    ------
    InputError
        If `folder` cannot be made or written to, or the disk is full.
    """
    made = not folder.exists()
    folder = writable_folder(folder)
    staging = folder / f".{os.getpid()}.partial"
    try:
        staging.mkdir()
        try:
            yield staging
        except InputError as error:
            raise InputError(str(error).replace(str(staging), str(folder))) from error
        for path in sorted(staging.iterdir()):
            try:
                path.replace(folder / path.name)
            except OSError as error:
                msg = f"{folder / path.name}: cannot be written: {error.strerror or error}"
                raise InputError(msg) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # if nothing has come into it
