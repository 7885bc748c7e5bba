"""What a person should look at before taking a layout for true."""

import re

import numpy as np

from artiphys_nwb.files.tables import Table
from artiphys_nwb.layout import Layout, columns_of
from artiphys_nwb.proposing.columns import Facts, facts_of, holds_truths, partner_of
from artiphys_nwb.proposing.names import BEHAVIOUR, DIODES, EYES

__all__ = [
    "doubts_about",
    "doubts_of",
]


def doubts_of(table: Table, layout: Layout) -> tuple[str, ...]:
    """Return what is doubtful about the columns of a table that a layout reads."""
    return tuple(doubts_about(facts_of(table), layout))


def doubts_about(columns: dict[str, Facts], layout: Layout) -> list[str]:
    """Return what is doubtful about columns, given what a layout takes of them."""
    doubts = []
    taken = {*columns_of(layout.image), *columns_of(layout.position), layout.onset, layout.valid}
    for column in columns.values():
        if re.fullmatch(DIODES, column.words) and re.search("on", column.words):
            doubts += _doubts_of_diode(column, columns, layout)
        elif (
            re.fullmatch(BEHAVIOUR, column.words)
            and column.name not in taken
            and holds_truths(column)
        ):
            doubts.append(
                f"{column.name} is what the animal did, not whether the image was seen; it is not "
                "taken for valid"
            )
        elif re.fullmatch(EYES, column.words) and partner_of(column, columns) is not None:
            doubts.append(f"{column.name} is where the animal looked, not where the image was")
    if layout.offset is not None:
        doubts.append(
            f"{layout.onset} counts from the start of the trial"
            + (", in milliseconds" if layout.scale else "")
            + f"; {layout.offset} is added"
        )
    image = columns.get(str(layout.image))
    if image is not None and len(image.known) < 1.5 * len(image.different):
        doubts.append(f"few values of {image.name} come again: is it an image?")
    return doubts


def _is_behaviour(column: Facts) -> bool:
    return re.fullmatch(BEHAVIOUR, column.words) is not None and holds_truths(column)


def _doubts_of_diode(column: Facts, columns: dict[str, Facts], layout: Layout) -> list[str]:
    start = columns.get("start_time")
    if start is None or column.numbers is None or start.numbers is None:
        return []
    if len(start.numbers) != len(column.numbers):
        return []
    delay = column.numbers - start.numbers
    if not np.isfinite(delay).any():
        return [f"{column.name}, of a photodiode, has no times; map another onset column"]
    late = float(np.nanmedian(delay)) * 1000
    told = f"{column.name}, of a photodiode, is {late:.0f} ms after start_time"
    n_missing = int((~np.isfinite(column.numbers)).sum())
    missed = f"; {n_missing} rows have none" if n_missing else ""
    return [f"{told}; {layout.onset} is taken for the onset{missed}"]
