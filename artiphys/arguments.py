"""What a caller gave, cleaned; or one line that says what was expected, and what came."""

import operator
from typing import Any

import numpy as np

from artiphys.errors import InputError

__all__ = ["generator", "real_numbers", "whole_number"]


def real_numbers(given: Any, name: str) -> np.ndarray:
    """Return `given` as floats, or raise InputError that calls it `name`.

    None is refused where NumPy would make NaN of it, and so are numbers in text.
    """
    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:  # nested lists of unlike lengths
        msg = f"{name} must be real numbers; got {' '.join(str(error).split())}"
        raise InputError(msg) from None
    if array.dtype.kind not in "biuf":
        got = f"dtype {array.dtype}" if array.ndim else repr(given)
        msg = f"{name} must be real numbers; got {got}; convert with .astype(float), None to NaN"
        raise InputError(msg)
    return array.astype(float, copy=False)


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


def generator(rng: Any) -> np.random.Generator:
    """Return the generator that ``numpy.random.default_rng`` makes of `rng`.

    Raises
    ------
    InputError
        If it makes none of it: a negative seed, say, or a text.
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        msg = (
            "rng must be a seed (a whole number of at least 0), a numpy.random.Generator or None; "
            f"got {rng!r}"
        )
        raise InputError(msg) from error
