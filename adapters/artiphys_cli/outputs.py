"""What a command is about to write: nothing that is there already is lost in silence."""

from collections.abc import Iterable
from pathlib import Path

__all__ = ["check_new"]


def check_new(paths: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse to write where something is, before the work, unless told to `overwrite` it.

    Raises
    ------
    InputError
        With the first that is there, and how many more are.
    """
    from artiphys.errors import InputError

    there = [] if overwrite else [path for path in paths if path.exists() or path.is_symlink()]
    if there:
        more = f", and {len(there) - 1} more," if len(there) > 1 else ""
        are = "are" if more else "is"
        msg = f"{there[0]}{more} {are} there already; add --overwrite, or write elsewhere"
        raise InputError(msg)
