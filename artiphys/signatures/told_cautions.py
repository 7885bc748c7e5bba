"""Cautions of many cells as they are told: each once, the worst first.

How bad one is: how often it makes a relation of nothing, then how much it keeps hidden, then how
wide it leaves the answer.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from artiphys.errors import listed

__all__ = ["NEXT_CAUTION", "told_cautions", "worst_first"]

# Where one caution ends and the next begins, and the numbers in which those of two cells differ.
NEXT_CAUTION = re.compile(r"; (?=few (?:images|units|sessions)|noisy \(|bent \(|of \d+ units)")
NUMBER = re.compile(r"(?<!\w)-?\d+(?:\.\d+)?")
WORST_FIRST = tuple(
    re.compile(pattern)
    for pattern in (
        r"noise adds|both quantities are from|one way of many",
        r"few images \(\d+\) for what",
        r"of \d+ units \d+ answer too little",
        r"bent \(",
        r"noisy \(",
        r"few images",
        r"few sessions",
        r"few units",
        r"of \d+ units few tell",
        r"of \d+ units \d+ share",
    )
)


def told_cautions(cautions: Mapping[str, str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the cautions of each cell alone, and paragraphs of those that several share.

    Parameters
    ----------
    cautions : mapping of str to str
        From the name of a cell to all its cautions, one text.
    """
    found: dict[str, dict[str, str]] = {}
    for where, whole in cautions.items():
        for text in NEXT_CAUTION.split(whole) if whole else []:
            found.setdefault(NUMBER.sub("#", text), {})[where] = text
    own: dict[str, list[str]] = {where: [] for where in cautions}
    shared = []
    for kind in worst_first(found):
        texts = found[kind]
        if len(texts) == 1:
            ((where, text),) = texts.items()
            own[where].append(text)
        else:
            everywhere = len(texts) == len(cautions)
            places = "all of these" if everywhere else listed(texts, "cells", last="and")
            shared.append(f"Caution, {places}: {_as_one(list(texts.values()))}.")
    return own, shared


def worst_first(cautions: Iterable[str]) -> list[str]:
    """Return cautions in order; those of unknown weight last."""
    return sorted(cautions, key=_rank)


def _rank(text: str) -> int:
    with_numbers = text.replace("#", "0")
    ranks = (rank for rank, kind in enumerate(WORST_FIRST) if kind.match(with_numbers))
    return next(ranks, len(WORST_FIRST))


def _as_one(texts: Sequence[str]) -> str:
    """Return texts that differ in numbers alone as one, with ``0.31 to 0.35`` where they differ."""
    numbers = [
        sorted(set(each), key=float) for each in zip(*map(NUMBER.findall, texts), strict=True)
    ]
    ranges = iter(n[0] if len(n) == 1 else f"{n[0]} to {n[-1]}" for n in numbers)
    return NUMBER.sub(lambda _: next(ranges), texts[0])
