"""Cautions, one sentence each, the worst first.

What they say comes from the signature, where calibration on data of the same kind found it, and
from simulations of the recording itself. How bad one is: how often it makes a relation of nothing,
then how much it keeps hidden, then how wide it leaves the answer.
"""

import re
from collections.abc import Iterable

import xarray as xr

from artiphys.plotting.style import true_minus
from artiphys.signatures.printed import BEYOND_BOUNDS, is_marked
from artiphys.signatures.report import NEXT_CAUTION

__all__ = ["NO_NOISE", "cautions_of", "footnote", "ranked", "sentence"]

NO_NOISE = (
    "if these are averages over trials, not a network's responses, nothing here can be believed: "
    "noise adds to dynamic range and takes from invariance, which makes a relation by itself"
)
WORST_FIRST = tuple(
    re.compile(pattern)
    for pattern in (
        r"^in simulations of this recording without a relation",
        r"^noise adds|^both quantities are from|^one way of many",
        r"^if these are averages",
        r"^few images \(\d+\) for what",
        r"^of \d+ units \d+ answer too little",
        r"^bent",
        r"^simulations of this recording find",
        r"^noisy",
        r"^few images",
        r"^few sessions",
        r"^few units",
        r"share their tuning",
    )
)


def cautions_of(cell: xr.Dataset) -> list[str]:
    """Return the cautions of a signature in one group at one position."""
    whole = str(cell["caution"].item()) if "caution" in cell else ""
    return NEXT_CAUTION.split(whole) if whole else []


def ranked(cautions: Iterable[str]) -> list[str]:
    """Return cautions as sentences, the worst first; those of unknown weight last.

    Examples
    --------
    >>> ranked(["few units (9): the interval is wide", "few images (7) for what 132 units differ"])
    ['Few images (7) for what 132 units differ.', 'Few units (9): the interval is wide.']
    """
    return [sentence(text) for text in sorted(dict.fromkeys(cautions), key=_rank)]


def sentence(text: str) -> str:
    """Return a text with a capital letter, true minus signs and a full stop."""
    text = true_minus(text.strip())
    if text.startswith(("p <", "p =")):  # a symbol
        return text + ("" if text.endswith(".") else ".")
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def footnote(texts: Iterable[str]) -> str:
    """Return what the mark of a bound means, if one of the texts has it."""
    marked = any(is_marked(text.replace("−", "-")) for text in texts)
    return BEYOND_BOUNDS if marked else ""


def _rank(text: str) -> int:
    found = [rank for rank, kind in enumerate(WORST_FIRST) if kind.search(text)]
    return found[0] if found else len(WORST_FIRST)
