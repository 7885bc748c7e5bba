"""What a caller gave, cleaned; or one line that says what was expected, and what came."""

import operator
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from artiphys.errors import InputError

__all__ = ["Faults", "generator", "real_number", "real_numbers", "share", "whole_number"]


def real_numbers(given: Any, name: str) -> np.ndarray:
    """Return `given` as floats.

    Raises
    ------
    InputError
        If it is no array of real numbers: text is none, even of digits, nor is None, of which NumPy
        would make NaN.
    """
    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:  # nested lists of unlike lengths
        msg = f"{name} must be real numbers; got {' '.join(str(error).split())}"
        raise InputError(msg) from None
    if array.dtype == object and all(isinstance(entry, Real) for entry in array.flat):
        return array.astype(float)  # a row of a table with text in other columns
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


def real_number(
    value: Any, name: str, *, least: float = -np.inf, most: float = np.inf, above: bool = False
) -> float:
    """Return `value` as a float.

    Raises
    ------
    InputError
        If it is no real number (a bool is none, nor is NaN), or out of range; `above` leaves out
        `least` itself.
    """
    number = isinstance(value, int | float | np.integer | np.floating)
    if number and not isinstance(value, bool) and least <= value <= most:
        if not (above and value == least):
            return float(value)
    lowest = "" if least == -np.inf else f" {'above' if above else 'of at least'} {least:g}"
    highest = "" if most == np.inf else f", at most {most:g}"
    msg = f"{name} must be a number{lowest}{highest}; got {value!r}"
    raise InputError(msg)


def share(value: Any, name: str) -> float:
    """Return `value`, a share between 0 and 1, neither of them.

    Raises
    ------
    InputError
        If it is none.
    """
    number = isinstance(value, int | float | np.integer | np.floating)
    if number and 0 < value < 1:
        return float(value)
    msg = f"{name} must lie between 0 and 1, e.g. 0.95; got {value!r}"
    raise InputError(msg)


class Faults:
    """Faults of several arguments, so that a caller hears of all of them at once."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def of(self, check: Callable[..., Any], *given: Any, **bounds: Any) -> None:
        """Note the fault that a check finds, if it does."""
        try:
            check(*given, **bounds)
        except InputError as error:
            self.found.append(str(error))

    def add(self, fault: str) -> None:
        """Note a fault."""
        self.found.append(fault)

    def refuse(self) -> None:
        """Raise InputError if there is a fault, with all of them in one line."""
        if self.found:
            raise InputError("; ".join(self.found))


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
