"""Labels of images and positions: one spelling for a value, whatever type a file gives it.

``12``, ``12.0``, ``"12"`` and ``b"12"`` are one image, or sessions would share none.
"""

import math
import re
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "MISSING",
    "decoded",
    "in_order",
    "is_held_out",
    "labelled",
    "number_or_text",
    "one_label",
    "pair_in",
    "without_jitter",
]

MISSING = ""
# Texts that stand for no value, as tables of text get them from NaN and None.
NO_VALUE = {"", "nan", "none", "null", "<na>", "nat"}
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
# "[1.0, -2.0]", "(1; 2)", "1 -2", "x=1, y=-2": pairs as tables of text hold them.
PAIR = re.compile(
    rf"[\[({{]?\s*(?:x\s*[=:]?\s*)?({NUMBER})\s*(?:[,;\s]|(?=[_ ]?y))\s*_?"
    rf"(?:y\s*[=:]?\s*)?({NUMBER})\s*[\])}}]?",
    flags=re.IGNORECASE | re.ASCII,
)
# Numbers closer than this (or this share of the largest) differ by rounding only: no display and
# no eye tracker is so exact, and 32-bit floats are wrong by less.
ROUNDING = 1e-6
SHARE = 1e-5
FAR = 10  # times as far apart are others


def labelled(values: np.ndarray) -> np.ndarray:
    """Return each value as text, `MISSING` where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> labelled(np.array([12.0, np.nan, 0.5, -0.0])).tolist()
    ['12', '', '0.5', '0']
    """
    values = np.asarray(values)
    if values.dtype.kind in "OSU":
        different = {value: one_label(value) for value in set(values.tolist())}
        return np.array([different[value] for value in values.tolist()], dtype=object)
    codes, different_values = pd.factorize(values.ravel(), use_na_sentinel=False)
    labels = np.array([one_label(value) for value in different_values], dtype=object)
    return labels[codes.reshape(values.shape)] if len(labels) else np.empty(0, dtype=object)


def one_label(value: Any) -> str:
    """Return one value as text, in the spelling of :func:`labelled`."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return MISSING
        if abs(float(value)) < 1e15:
            return str(np.format_float_positional(value + 0.0, trim="-"))
        return repr(float(value))
    text = str(value).strip()
    return MISSING if text.lower() in NO_VALUE else _canonical(text)


def decoded(value: Any) -> str:
    """Return text as a file holds it: UTF-8, or Latin-1 where it is not; without closing zeros."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode("utf-8").rstrip("\0")
    except UnicodeDecodeError:
        return value.decode("latin-1").rstrip("\0")


def in_order(labels: set[str]) -> list[str]:
    """Return labels in the order of their numbers, then of their texts, part by part.

    Numbers inside texts count as such.

    Examples
    --------
    >>> in_order({"im10", "im2", "10", "2,-1", "2,-2"})
    ['2,-2', '2,-1', '10', 'im2', 'im10']
    """
    return sorted(labels, key=lambda label: [_key(part) for part in _parts(label)])


def number_or_text(labels: list[str]) -> list[Any]:
    """Return the labels as numbers if all of them are spelt as such, else as they are.

    ``"012"`` and ``"0_1"`` are names: as numbers they could not be told from others.
    """
    numbers = [_number(label) for label in labels]
    if any(
        number is None or one_label(number) != label
        for number, label in zip(numbers, labels, strict=True)
    ):
        return list(labels)
    if all(number == int(number) for number in numbers if number is not None):
        return [int(number) for number in numbers if number is not None]
    return numbers


def pair_in(text: str) -> tuple[float, float] | None:
    """Return the two numbers that a text spells; None if it is no pair.

    Examples
    --------
    >>> pair_in("[1.0, -2.0]"), pair_in("x=1, y=-2"), pair_in("0_1")
    ((1.0, -2.0), (1.0, -2.0), None)
    """
    match = PAIR.fullmatch(text.strip())
    if match is None:
        return None
    return float(match[1]), float(match[2])


def without_jitter(values: np.ndarray, *, near_whole_only: bool = False) -> np.ndarray:
    """Return numbers of which those that differ by rounding only are one, the shortest to write.

    Numbers that no other is near stay as they are, but for what 32-bit floats make of 0.1.

    Parameters
    ----------
    values : ndarray of float
    near_whole_only : bool
        Numbers of images: nothing but the nearest whole number is put in the place of another.

    Examples
    --------
    >>> import numpy as np
    >>> without_jitter(np.array([0.0, 1e-7, 2.0000001, 2.0, 0.5])).tolist()
    [0.0, 0.0, 2.0, 2.0, 0.5]
    """
    known = np.unique(values[np.isfinite(values)])
    if len(known) == 0 or (known == np.floor(known)).all():
        return values
    if near_whole_only:
        whole = np.round(values)
        return np.where(np.abs(values - whole) < SHARE, whole, values)
    apart = max(ROUNDING, SHARE * float(np.abs(known).max()))
    steps = np.diff(known)
    if ((steps > apart) & (steps < FAR * apart)).any():
        return values  # measured, not rounded: there is no telling one from the next
    starts = np.concatenate(([True], steps > apart))
    of_known = np.cumsum(starts) - 1
    groups = np.split(known, np.flatnonzero(starts)[1:])
    chosen = np.array([_shortest(group, apart) for group in groups])
    cleaned = values.copy()
    finite = np.isfinite(values)
    cleaned[finite] = chosen[of_known[np.searchsorted(known, values[finite])]]
    return cleaned


def is_held_out(values: np.ndarray) -> np.ndarray:
    """Return where whole numbers from 0 up are -1: an image kept back, neither image nor blank.

    An unsigned column holds it as its largest number. Other negative numbers mean that -1 is one
    of them, an orientation say.
    """
    none = np.zeros(values.shape, dtype=bool)
    if values.dtype.kind == "u":
        return values == np.iinfo(values.dtype).max if values.dtype.itemsize > 1 else none
    if values.dtype.kind == "O":
        numbers = [_number(value) for value in labelled(values).tolist()]
        values = np.array([np.nan if n is None else n for n in numbers], dtype=float)
    if values.dtype.kind not in "if":
        return none
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    numbers_from_0 = (known >= -1).all() and (known == np.floor(known)).all()
    return values == -1 if numbers_from_0 else none


def _canonical(text: str) -> str:
    """``"12.0"`` as ``"12"``, but ``"012"`` and ``"1e3"`` as they are: they may be names."""
    whole, point, decimals = text.partition(".")
    if point and set(decimals) <= {"0"} and decimals and whole.lstrip("-").isdigit():
        return "0" if whole == "-0" else whole
    return text


def _parts(label: str) -> list[str]:
    return label.replace(",", "|").split("|")


def _key(part: str) -> tuple[int, float, list[tuple[int, str]], str]:
    number = _number(part)
    if number is not None:
        return 0, number, [], part
    # Text and digits in turn, the text first: the n-th of each is compared with the n-th.
    runs = re.split(r"([0-9]+)", part)
    return 1, 0.0, [(int(run), "") if run.isdecimal() else (0, run) for run in runs], part


def _shortest(group: np.ndarray, apart: float) -> float:
    """Return the number that is shortest to write: one of a group, or the round one beside them."""
    if len(group) == 1:
        alone, near = float(group[0]), round(float(group[0]), 4)
        return near if abs(near - alone) < ROUNDING else alone
    middle = float(np.median(group))
    round_one = round(middle, math.floor(-math.log10(apart)))
    return min([*group.tolist(), round_one], key=lambda number: len(one_label(number)))


def _number(text: str) -> float | None:
    if "_" in text:  # which Python takes for a digit's neighbour
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None
