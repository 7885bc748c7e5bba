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
from artiphys.signatures.told_cautions import NEXT_CAUTION, worst_first

__all__ = ["NO_NOISE", "cautions_of", "footnote", "ranked", "sentence"]

NO_NOISE = (
    "if these are averages over trials, not a network's responses, nothing here can be believed: "
    "noise adds to dynamic range and takes from invariance, which makes a relation by itself"
)
# What the page itself adds: worse than all that the signature says, or less bad.
WORST = ("in simulations of this recording without a relation", "if these are averages")
NAMED = re.compile(r"[^\s:]+: ")
LEAST = ("simulations of this recording find",)


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
    in_order = worst_first(dict.fromkeys(cautions))
    return [sentence(text) for text in sorted(in_order, key=_place)]


def sentence(text: str) -> str:
    """Return a text with a capital letter, true minus signs and a full stop."""
    text = true_minus(text.strip())
    if text.startswith(("p <", "p =")) or NAMED.match(text):  # a symbol, or the name of a group
        return text + ("" if text.endswith(".") else ".")
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def footnote(texts: Iterable[str]) -> str:
    """Return what the mark of a bound means, if one of the texts has it."""
    marked = any(is_marked(text.replace("−", "-")) for text in texts)
    return BEYOND_BOUNDS if marked else ""


def _place(text: str) -> int:
    return text.startswith(LEAST) - text.startswith(WORST)
