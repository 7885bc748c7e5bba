"""What a user is told when something is wrong: what was expected, what came, the remedy."""

from collections.abc import Iterable

__all__ = [
    "ArtiphysError",
    "ArtiphysWarning",
    "InputError",
    "SchemaError",
    "counted",
    "listed",
    "to_install",
]

MAX_LISTED = 5  # things that a message names


class ArtiphysError(Exception):
    """Base of every error raised on purpose; the command prints it as one line and exits 2."""


class InputError(ArtiphysError, ValueError):
    """An argument or a file that cannot be used as it is."""


class SchemaError(InputError):
    """An array that is not a valid response array; the message lists every fault."""


class ArtiphysWarning(UserWarning):
    """Something was measured, but the user has to know a circumstance of it."""


def counted(n: int, what: str) -> str:
    """Return ``1 unit``, or ``2 units``."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def to_install(extra: str) -> str:
    """Return the command that installs an extra.

    The first needs no index that has artiphys: where it is installed, pip finds in it what the
    extra asks for.

    Parameters
    ----------
    extra : str
        Such as ``nwb``.
    """
    return f"pip install 'artiphys[{extra}]', or from a checkout pip install '.[{extra}]'"


def listed(
    things: Iterable[object], what: str = "", *, most: int = MAX_LISTED, last: str = ""
) -> str:
    """Return things as a list, ``a, b, c and 2 groups more``.

    Parameters
    ----------
    things : iterable
    what : str
        What they are, for those that are not named.
    most : int
        As many are named.
    last : str
        What stands before the last of them if all are named, ``and`` say; a comma by default.
    """
    words = [str(thing) for thing in things]
    if len(words) > most:
        more = f"{len(words) - most} {what} more" if what else f"{len(words) - most} more"
        return f"{', '.join(words[:most])} and {more}"
    if last and len(words) > 1:
        return f"{', '.join(words[:-1])} {last} {words[-1]}"
    return ", ".join(words)
