"""Numbers as they are printed: one spelling for tables and for verdicts.

What lies beyond a bound is printed as the bound, with a mark: 1.27 is no correlation. Results and
files keep the number.
"""

import re

import numpy as np

__all__ = [
    "BEYOND_BOUNDS",
    "correlation_text",
    "is_marked",
    "number_text",
    "p_text",
    "p_words",
]

BEYOND_BOUNDS = "* Beyond ±1 once corrected for noise: read it as a bound; files keep the number."
MARKED = re.compile(r"[<>] -?[12]\*")


def number_text(value: float) -> str:
    """Return a number as ``0.61``, never as ``-0.00``, and ``-`` for none."""
    if np.isnan(value):
        return "-"
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def correlation_text(value: float, *, limit: int = 1) -> str:
    """Return a correlation as ``0.61``; beyond ±`limit` as ``> 1*``. Of a difference it is 2."""
    if abs(value) > limit:
        return f"> {limit}*" if value > 0 else f"< -{limit}*"
    return number_text(value)


def is_marked(text: str) -> bool:
    """Say whether a text has a bound in place of a number, which :data:`BEYOND_BOUNDS` explains."""
    return MARKED.search(text) is not None


def p_text(p_value: float) -> str:
    """Return a p-value as a paper prints it, ``0.043`` or ``< 0.001``."""
    if np.isnan(p_value):
        return "-"
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def p_words(p_value: float) -> str:
    """Return ``p = 0.043``, or ``p < 0.001``."""
    text = p_text(p_value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
