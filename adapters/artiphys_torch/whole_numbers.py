"""Whole numbers as they are given: Python's, numpy's, and nothing else."""

import operator
from typing import Any

from artiphys.errors import InputError

__all__ = ["whole_number"]


def whole_number(value: Any, name: str, least: int, most: int = 2**63 - 1) -> int:
    """Return `value` as an int.

    Raises
    ------
    InputError
        If it is no whole number (a bool is none, nor is 3.0), or out of range.
    """
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = least - 1
    if least <= number <= most:
        return number
    msg = f"{name} must be a whole number of at least {least}; got {value!r}"
    raise InputError(msg)
