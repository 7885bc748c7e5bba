"""How well a column would do as onset, image or position."""

import math
import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from artiphys_nwb.labels import pair_in
from artiphys_nwb.proposing.clocks import relative_to_trial
from artiphys_nwb.proposing.columns import Facts, crossing, partner_of
from artiphys_nwb.proposing.names import (
    BEHAVIOUR,
    BOOKKEEPING,
    ENDS,
    EYES,
    IMAGES,
    ONSETS,
    PLACE,
    POSITIONS,
    TIMES,
    weight_of,
)

__all__ = [
    "Place",
    "Scored",
    "image_score",
    "may_be_position",
    "onset_score",
    "place_scores",
    "ranked",
    "with_displacement",
]

Scored = TypeVar("Scored")
Place = Facts | tuple[Facts, ...]  # a column of labels, or x and y, or all three


def ranked(scored: Iterable[tuple[Scored, float]]) -> list[tuple[Scored, float]]:
    """Return what was scored, the best first."""
    return sorted(scored, key=lambda pair: -pair[1])


def onset_score(column: Facts, columns: dict[str, Facts]) -> float:
    """Score a column of onsets: numbers that rise, or lie in the trial, with such a name."""
    numbers = column.numbers
    if numbers is None or column.is_truth or column.name == "id":
        return -math.inf
    known = numbers[np.isfinite(numbers)]
    if len(known) < 2 or re.fullmatch(ENDS, column.words) or re.fullmatch(BEHAVIOUR, column.words):
        return -math.inf
    weight = weight_of(column.words, ONSETS)
    rises = float((np.diff(known) >= 0).mean())  # rows may be there twice
    if weight == 0 and re.fullmatch(BOOKKEEPING, column.words):
        return -math.inf
    if len(set(known.tolist())) < len(known) / (4 if rises >= 0.9 else 2):
        return -math.inf  # a condition, not a time
    if rises < 0.9 and relative_to_trial(column, columns)[0] is None:
        weight -= 1.5  # rows need not be in order
    return weight * len(known) / len(numbers)


def image_score(column: Facts) -> float:
    """Score a column of images: values that come again, about equally often, with such a name."""
    n, n_different = len(column.known), len(column.different)
    if n_different < 2 or column.name == "id" or column.is_truth:
        return -math.inf
    for pattern in (BEHAVIOUR, EYES, TIMES):
        if re.fullmatch(pattern, column.words):
            return -math.inf
    weight = weight_of(column.words, IMAGES)
    if weight == 0 and re.fullmatch(rf"(.*_)?({PLACE}|x|y)s?(_.*)?|{BOOKKEEPING}", column.words):
        return -math.inf
    if re.fullmatch(rf"(.*_)?({PLACE}|x|y)s?(_.*)?", column.words):
        return -math.inf
    numbers = column.numbers
    if numbers is not None:
        known = numbers[np.isfinite(numbers)]
        broken = (known != np.floor(known)).any()
        weight -= 2.0 if broken and n_different > n / 4 else 0.5 if weight == 0 else 0.0
    else:
        weight += 0.5
    repeats = np.unique(column.known.astype(str), return_counts=True)[1]
    weight += 0.5 * float(repeats.min() / np.median(repeats)) - (
        3.0 if n < 1.2 * n_different else 0
    )
    return weight + math.log2(min(n_different, 1024)) / 5


def place_scores(
    columns: dict[str, Facts], image: Facts, onset: Facts
) -> Iterator[tuple[Place, float]]:
    """Yield columns of positions, and pairs of x and y, with their scores."""
    for column in columns.values():
        weight = weight_of(column.words, POSITIONS)
        if weight and may_be_position(column, image, onset):
            spelt = all(pair_in(label) for label in column.different)
            yield column, weight + crossing(column.labels, image) + (0.5 if spelt else 0.0)
    for column in columns.values():
        other = partner_of(column, columns)
        if other is None or re.fullmatch(EYES, column.words):
            continue
        labels = np.array(
            [",".join(pair) for pair in zip(column.labels, other.labels, strict=True)], dtype=object
        )
        if 2 <= len(set(labels.tolist())) <= max(len(labels) / 2, 2):
            yield (column, other), 4.0 + crossing(labels, image)


def with_displacement(places: list[tuple[Place, float]]) -> list[tuple[Place, float]]:
    """Return places ranked, the best with x and y before it where it is of labels that have them.

    Each label has then one x and y, and each x and y one label.
    """
    best, score = places[0]
    if not isinstance(best, Facts) or any(pair_in(label) for label in best.different):
        return places
    for pair, _ in places:
        if not isinstance(pair, Facts):
            at = zip(*(column.labels.tolist() for column in pair), strict=True)
            both = set(zip(best.labels.tolist(), at, strict=True))
            if len({label for label, _ in both}) == len({xy for _, xy in both}) == len(both):
                return [((best, *pair), score), *places]
    return places


def may_be_position(column: Facts, image: Facts, onset: Facts) -> bool:
    """Return whether a column has few values, in which images come again."""
    if column in (image, onset) or column.is_truth or column.name == "id":
        return False
    for pattern in (BEHAVIOUR, EYES, TIMES, BOOKKEEPING):
        if re.fullmatch(pattern, column.words) and not re.search(PLACE, column.words):
            return False
    n_different = len(column.different)
    return 2 <= n_different <= max(len(column.known) / 4, 2) and (
        len(column.labels) == len(image.labels) and crossing(column.labels, image) > 0
    )
