"""How often each image was shown at each position, and where positions are."""

import re

import numpy as np

from artiphys_nwb.errors import FewRepeats, PositionsDoubtful, PresentationsDoubtful
from artiphys_nwb.sessions.session import Session

__all__ = [
    "check_filled",
    "check_jitter",
    "check_labels_alike",
    "check_none_exchanged",
    "check_repeats",
    "check_repeats_alike",
    "check_two_positions",
    "first_of_each",
]

# A cell is repeated far more than is usual from so many times, and so many more; in few cells.
TIMES_USUAL, MORE_THAN_USUAL, FEW_CELLS = 6, 20, (3, 0.05)
# A label is rare if shown so often at most; few labels are.
RARE, FEW_LABELS = 2, 0.05
MANY_CELLS = 10
LEAST_FILLED, MANY_PLACES = 0.1, 1000


def first_of_each(codes: np.ndarray) -> np.ndarray:
    """Return where each of the numbers 0, 1, ... comes first.

    Examples
    --------
    >>> import numpy as np
    >>> first_of_each(np.array([0, 0, 2, 1, 2])).tolist()
    [0, 3, 2]
    """
    first = np.empty(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of several the last that is written stays
    return first


def check_repeats(session: Session, repeats: np.ndarray) -> None:
    """Doubt that noise can be told from signal where no image was shown twice at a position."""
    if len(repeats) and repeats.max() == 1:
        session.doubt(
            FewRepeats,
            f"{session.shown_table.path}: each image was shown once at a position; there is no "
            "split half and no noise correction without repeats",
        )


def check_repeats_alike(
    session: Session, repeats: np.ndarray, image: np.ndarray, position: np.ndarray
) -> None:
    """Doubt a few cells (image × position) repeated many times more than is usual."""
    usual = float(np.median(repeats))
    flagged = np.flatnonzero(_far_more(repeats))
    if len(flagged):
        most = int(flagged[np.argmax(repeats[flagged])])
        session.doubt(
            PresentationsDoubtful,
            f"{session.shown_table.path}: image {image[most]} at position {position[most]} was "
            f"shown {repeats[most]} times where {usual:g} are usual ({len(flagged)} of "
            f"{len(repeats)} cells); is it mislabelled, or no image? then name it in blank",
        )


def check_labels_alike(session: Session, what: str, labels: np.ndarray, codes: np.ndarray) -> None:
    """Doubt an image, or a position, shown once or twice where the others were many times."""
    shown, first = np.bincount(codes), first_of_each(codes)
    usual = float(np.median(shown))
    rare = np.flatnonzero((shown <= RARE) & (shown * TIMES_USUAL <= usual))
    if 0 < len(rare) <= max(1, FEW_LABELS * len(shown)):
        one = int(rare[0])
        session.doubt(
            PresentationsDoubtful,
            f"{session.shown_table.path}: {what} {labels[first[one]]} was shown {shown[one]} times "
            f"where {usual:g} are usual ({len(rare)} of {len(shown)} {what}s); is it mislabelled? "
            "then leave it out by trials_where",
        )


def check_none_exchanged(
    session: Session, repeats: np.ndarray, image: np.ndarray, position: np.ndarray
) -> None:
    """Doubt a cell with one repeat more in a design balanced but for another with one less."""
    usual = int(np.median(repeats))
    more, less = np.flatnonzero(repeats == usual + 1), np.flatnonzero(repeats == usual - 1)
    balanced = int((repeats == usual).sum()) == len(repeats) - 2
    if len(repeats) >= MANY_CELLS and usual > 1 and balanced and len(more) == len(less) == 1:
        a, b = int(more[0]), int(less[0])
        session.doubt(
            PresentationsDoubtful,
            f"{session.shown_table.path}: all cells were shown {usual} times, but image {image[a]} "
            f"at {position[a]} once more and image {image[b]} at {position[b]} once less; is one "
            "presentation mislabelled?",
        )


def check_filled(session: Session, repeats: np.ndarray, n_grid: int, n_units: int) -> None:
    """Doubt an array that will be nearly empty, because images are repeated so unequally."""
    repeats = repeats[~_far_more(repeats)]  # which have been told
    n_places = n_grid * int(repeats.max(initial=0))
    filled = repeats.sum() / max(n_places, 1)
    if n_places >= MANY_PLACES and filled < LEAST_FILLED:
        session.doubt(
            PresentationsDoubtful,
            f"{session.shown_table.path}: the array will be {100 * filled:.2g} % filled "
            f"({8e-6 * n_places * n_units:.3g} MB): {len(repeats)} of {n_grid} pairs of image and "
            f"position were shown, from {repeats.min()} to {repeats.max()} times; see that image "
            "and position are not exchanged with something measured, or select by trials_where",
        )


def _far_more(repeats: np.ndarray) -> np.ndarray:
    """Return which cells are repeated far more than is usual, if they are few."""
    usual = float(np.median(repeats)) if len(repeats) else 0.0
    flagged = (repeats > TIMES_USUAL * usual) & (repeats >= usual + MORE_THAN_USUAL)
    return (
        flagged
        if flagged.sum() <= max(FEW_CELLS[0], FEW_CELLS[1] * len(repeats))
        else flagged & False
    )


def check_two_positions(session: Session, cells: np.ndarray, images: np.ndarray) -> None:
    """Doubt that invariance can be measured where no image was shown at two positions."""
    layout = session.layout
    if layout.position is None and not re.search(r"\?P<(x|position)>", layout.pattern or ""):
        return  # one position was asked for
    if cells.max() == images.max() > 0:  # as many pairs as images
        session.doubt(
            PositionsDoubtful,
            f"{session.shown_table.path}: no image was shown at two positions, so there is "
            "nothing to measure invariance by; see which column is the image and which the "
            "position",
        )


def check_jitter(session: Session, n_before: int, n_after: int) -> None:
    """Doubt positions that differed by rounding and were made one."""
    if n_after < n_before:
        session.doubt(
            PositionsDoubtful,
            f"{session.shown_table.path}: {n_before} positions differ by rounding only and are "
            f"taken for {n_after}",
        )
