"""What a user is told when something is wrong: what was expected, what came, the remedy."""

__all__ = ["ArtiphysError", "ArtiphysWarning", "InputError", "SchemaError"]


class ArtiphysError(Exception):
    """Base of every error raised on purpose; the command prints it as one line and exits 2."""


class InputError(ArtiphysError, ValueError):
    """An argument or a file that cannot be used as it is."""


class SchemaError(InputError):
    """An array that is not a valid response array; the message lists every fault."""


class ArtiphysWarning(UserWarning):
    """Something was measured, but the user has to know a circumstance of it."""
