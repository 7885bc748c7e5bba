"""What a column is known by: its name, its values, and how it goes with another."""

import contextlib
import dataclasses

import numpy as np

from artiphys_nwb.errors import RecordingError
from artiphys_nwb.files.pointers import read_names
from artiphys_nwb.files.tables import Table
from artiphys_nwb.labels import MISSING, in_order, labelled
from artiphys_nwb.proposing.names import PAIRS, words_of

__all__ = [
    "Facts",
    "crossing",
    "facts_of",
    "holds_truths",
    "partner_of",
]

MOST_ROWS = 20_000  # enough to know a column by
MOST_NAMED = 6  # values in a comment


@dataclasses.dataclass(frozen=True, eq=False)
class Facts:
    """What a column is known by."""

    name: str
    words: str
    labels: np.ndarray
    numbers: np.ndarray | None
    is_truth: bool
    bounds: np.ndarray | None

    @property
    def known(self) -> np.ndarray:
        """Labels where there is a value."""
        return self.labels[self.labels != MISSING]

    @property
    def different(self) -> set[str]:
        """The labels there are."""
        return set(self.known.tolist())

    def __str__(self) -> str:
        first = in_order(self.different)
        some = ", ".join(one[:20] for one in first[:MOST_NAMED])
        return f"{len(first)} different: {some}{' ...' if len(first) > MOST_NAMED else ''}"


def facts_of(table: Table) -> dict[str, Facts]:
    """Return what is known of each column of one value, or one pair, a row."""
    facts = {}
    for name in table.columns:
        with contextlib.suppress(RecordingError):
            column = read_names(table, name)
            values, bounds = column.values, column.bounds
            if values.ndim == 2 and values.shape[1] == 2:
                values = np.array([f"{x},{y}" for x, y in values.tolist()], dtype=object)
            if values.ndim != 1 or len(column) != table.n_rows:
                continue
            values = values[:MOST_ROWS]
            labels = labelled(values)
            facts[name] = Facts(
                name=name,
                words=words_of(name),
                labels=labels,
                numbers=values.astype(float) if values.dtype.kind in "iuf" else None,
                is_truth=values.dtype.kind == "b",
                bounds=bounds,
            )
    return facts


def partner_of(column: Facts, columns: dict[str, Facts]) -> Facts | None:
    """Return the column of y that belongs to one of x."""
    parts = column.words.split("_")
    for x, y in PAIRS:
        if x in parts:
            wanted = "_".join(y if part == x else part for part in parts)
            for other in columns.values():
                same = other.words == wanted and len(other.labels) == len(column.labels)
                if same and other.numbers is not None and column.numbers is not None:
                    return other
    return None


def crossing(labels: np.ndarray, image: Facts) -> float:
    """Return 2 where all images were shown at all positions, down to -3 where each at its own."""
    if len(labels) != len(image.labels):
        return 0.0
    rows = [
        (one, place)
        for one, place in zip(image.labels.tolist(), labels.tolist(), strict=True)
        if one != MISSING and MISSING not in place.split(",")
    ]
    seen = len(set(rows))
    n_images, n_places = len({one for one, _ in rows}), len({place for _, place in rows})
    if seen <= n_images or n_places < 2:
        return -3.0 if n_places > 1 else -0.5
    return 2.0 * seen / (n_images * n_places)


def holds_truths(column: Facts) -> bool:
    """Return whether a column holds truth values, however they are written."""
    words = {label.lower() for label in column.different}
    return column.is_truth or (
        bool(words) and words <= {"0", "1", "true", "false", "yes", "no"} and len(words) == 2
    )
