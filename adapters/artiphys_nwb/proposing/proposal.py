"""The layout that fits a recording best, with its rivals by field."""

import dataclasses
import math
import re
import textwrap
from collections.abc import Iterable

from artiphys_nwb.files.tables import Table
from artiphys_nwb.labels import in_order
from artiphys_nwb.layout import Layout, columns_of
from artiphys_nwb.proposing.clocks import other_units, relative_to_trial
from artiphys_nwb.proposing.columns import Facts, facts_of, holds_truths
from artiphys_nwb.proposing.doubts import doubts_about
from artiphys_nwb.proposing.names import (
    AREAS,
    BLANKS,
    CENTRES,
    ONSETS,
    VALIDS,
    weight_of,
    words_of,
)
from artiphys_nwb.proposing.scores import (
    Place,
    Scored,
    image_score,
    may_be_position,
    onset_score,
    place_scores,
    ranked,
    with_displacement,
)

__all__ = [
    "Proposal",
    "propose",
]

MOST_NAMED = 6  # rivals in a comment
NOT_PRESENTATIONS = ("invalid_times", "epochs", "electrodes")
LEAST_IMAGE, LEAST_ONSET, LEAST_POSITION = 1.2, 0.9, 2.4
SURE_ONSET = 3.5  # of a name alone
LEAST_UNNAMED = 0.3  # of an image that is known by its values alone
SCORE_OF_SERIES = 8.0  # an IndexSeries says onsets and images by its type, and no positions


@dataclasses.dataclass(frozen=True)
class Proposal:
    """A layout, its rivals by field, what is doubtful, and what is missing where there is none."""

    layout: Layout | None
    rivals: dict[str, tuple[str, ...]]
    facts: dict[str, str]
    doubts: tuple[str, ...]
    missing: tuple[str, ...]

    def to_toml(self) -> str:
        """Return the layout as TOML, with its rivals and all that is doubtful as comments."""
        if self.layout is None:
            return ""
        lines: list[str] = []
        said = dict(line.split(" = ", 1) for line in self.layout.to_toml().splitlines())
        for field in (one.name for one in dataclasses.fields(Layout)):
            rivals = self.rivals.get(field, ())
            if field not in said and not rivals:
                continue
            told = [*_comment(self.facts[field])] if self.facts.get(field) else []
            if field in said:
                told += [f"{field} = {said[field]}", *(f"# or {field} = {one}" for one in rivals)]
            else:
                told += [f"# {field} = {one}" for one in rivals]
            lines += ["", *told] if len(told) > 1 and lines else told
        if self.doubts:
            lines += ["", "# Doubtful:"]
            lines += [line for doubt in self.doubts for line in _comment(f"- {doubt}")]
        return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 80, initial_indent="# ", subsequent_indent="#   ")


def propose(tables: Iterable[Table], units: Table | None) -> Proposal:
    """Return the layout that fits the tables of a recording best.

    Parameters
    ----------
    tables : iterable of Table
        All but those of units.
    units : Table or None
        The units, None if the file has none.
    """
    if units is None:
        return Proposal(
            None, {}, {}, (), ("no table of units with spike_times, nor binned counts",)
        )
    proposals: list[tuple[float, Proposal]] = []
    missing: list[str] = []
    for table in tables:
        if table.n_rows and not table.path.endswith(NOT_PRESENTATIONS):
            score, proposal = _of_table(table, units)
            missing += proposal.missing
            if proposal.layout is not None:
                proposals.append((score, proposal))
    if not proposals:
        return Proposal(None, {}, {}, (), tuple(missing) or ("no table of presentations",))
    proposals.sort(key=lambda pair: -pair[0])
    best = proposals[0][1]
    others = [f'"{p.layout.table}"' for _, p in proposals[1:] if p.layout is not None]
    rivals = {"table": tuple(others[:MOST_NAMED]), **best.rivals} if others else best.rivals
    return dataclasses.replace(best, rivals=rivals)


def _of_table(table: Table, units: Table) -> tuple[float, Proposal]:
    """Return the best layout of one table, and how well it fits."""
    if table.kind == "IndexSeries":
        return _of_index_series(table, units)
    columns = facts_of(table)
    times = [(c, onset_score(c, columns)) for c in columns.values()]
    onsets = _best(times, LEAST_ONSET)
    values = [(c, image_score(c) + _one_for_each(c, onsets)) for c in columns.values()]
    images = _best(values, LEAST_IMAGE)
    by_name = bool(images)
    images = images or _best(values, LEAST_UNNAMED)
    missing = [
        f"{table.path}: no column of {what}"
        for what, found in (
            ("onsets (numbers that rise from row to row)", onsets),
            ("images (values that come again and again)", images),
        )
        if not found
    ]
    if missing:
        return 0.0, Proposal(None, {}, {}, (), tuple(missing))
    (onset, _), (image, _) = onsets[0], images[0]
    places = _best(place_scores(columns, image, onset), LEAST_POSITION)
    places = with_displacement(places) if places else []
    position = places[0][0] if places else None
    layout, doubts = _layout(table, units, columns, (image, position, onset))
    rivals = {
        "image": [f'"{c.name}"' for c, _ in images[1:]],
        "position": [_quoted(_named(c)) for c, _ in places[1:]],
        "onset": [f'"{c.name}"' for c, _ in onsets[1:]],
        "area": [f'"{name}"' for name in units.columns if re.fullmatch(AREAS, words_of(name))],
    }
    if not by_name:
        doubts.append(
            f"{image.name} is taken for the image by its values alone; its name does not say it"
        )
    rising = [
        c.name for c, score in times if score == 0 and c.name not in (layout.onset, layout.offset)
    ]
    if rising:
        rivals["onset"] += [f'"{name}"' for name in rising]
        doubts.append(f"{rising[0]} rises from row to row as well: is it the onset of images?")
    doubts += [
        f"{c.name} is named like an onset and does not rise from row to row: if it counts from the "
        'start of the trial, set onset to it, offset to "start_time", and scale to 0.001 for ms'
        for c, score in times
        if score == -math.inf and c.numbers is not None and weight_of(c.words, ONSETS) >= SURE_ONSET
    ]
    if position is None:
        crossed = [c.name for c in columns.values() if may_be_position(c, image, onset)]
        rivals["position"] = [f'"{name}"' for name in crossed]
        if crossed:
            doubts.append(f"images come again at each {crossed[0]}: is it the position?")
    if layout.valid is None:
        taken = {*columns_of(layout.image), *columns_of(layout.position)}  # positions 0 and 1, say
        rivals["valid"] = [
            f'"{c.name}"' for c in columns.values() if holds_truths(c) and c.name not in taken
        ]
    few = {field: tuple(named[:MOST_NAMED]) for field, named in rivals.items() if named}
    score = sum(found[0][1] for found in (onsets, images)) + (places[0][1] if places else 0.0)
    doubts = [*doubts, *doubts_about(columns, layout)]
    return score, Proposal(layout, few, _said(image, position, onset), tuple(doubts), ())


def _one_for_each(image: Facts, onsets: list[tuple[Facts, float]]) -> float:
    """Return what it costs an image that rows hold more or fewer of them than of onsets."""
    if not onsets or len(image.labels) == len(onsets[0][0].labels):
        return 0.0
    return -2.0 if image.bounds is None else -math.inf


def _of_index_series(table: Table, units: Table) -> tuple[float, Proposal]:
    named = "indexed_images/order_of_images" in table.group
    image = "indexed_images" if named else "data"
    layout = Layout(table=table.path, units=units.path, image=image, onset="timestamps")
    return SCORE_OF_SERIES, Proposal(layout, {}, {}, (), ())


def _best(scored: Iterable[tuple[Scored, float]], least: float) -> list[tuple[Scored, float]]:
    return [pair for pair in ranked(scored) if pair[1] >= least]


def _layout(
    table: Table,
    units: Table,
    columns: dict[str, Facts],
    chosen: tuple[Facts, Place | None, Facts],
) -> tuple[Layout, list[str]]:
    """Return the layout with the columns chosen, and what is doubtful about its clocks."""
    image, position, onset = chosen
    valid = next((c for c in columns.values() if re.fullmatch(VALIDS, c.words)), None)
    offset, scale = relative_to_trial(onset, columns)
    clock_scale, spike_scale, doubts = other_units(onset, offset, units)
    layout = Layout(
        table=table.path,
        units=units.path,
        image=image.name,
        position=None if position is None else _named(position),
        onset=onset.name,
        scale=scale or clock_scale,
        offset=offset,
        spike_scale=spike_scale,
        valid=valid.name if valid is not None and holds_truths(valid) else None,
        blank=_blanks(image),
        reference=_centre(position),
    )
    return layout, doubts


def _said(image: Facts, position: Place | None, onset: Facts) -> dict[str, str]:
    """Return what a person should know of each field."""
    numbers = onset.numbers
    labels = _columns_in(position)
    return {
        "image": f"{image}, {len(image.known) / len(image.different):.3g} times each",
        "position": "all images at one place, as far as columns say"
        if position is None
        else ("x and y" if len(labels) == 2 else str(labels[0])),
        "onset": "" if numbers is None else f"{numbers[0]:.6g} to {numbers[-1]:.6g}",
        "valid": "rows in which it is false are left out; which rows count is for you to say",
        "reference": "the position that shifts are measured from",
        "area": "the location of the electrodes, unless another column says it",
    }


def _blanks(image: Facts) -> tuple[object, ...] | None:
    """Return the values that look like no image; None where the usual ones will do."""
    if image.words.startswith("frame") and "-1" in image.different:
        return (-1,)
    blanks = [one for one in in_order(image.different) if re.fullmatch(BLANKS, one.lower())]
    return tuple(blanks) if blanks and blanks != ["blank"] else None


def _centre(position: Place | None) -> str | None:
    labels = _columns_in(position)
    if len(labels) not in (1, 3):
        return None
    centres = [one for one in in_order(labels[0].different) if re.fullmatch(CENTRES, one.lower())]
    return centres[0] if len(centres) == 1 else None


def _columns_in(position: Place | None) -> tuple[Facts, ...]:
    if position is None:
        return ()
    return (position,) if isinstance(position, Facts) else position


def _named(position: Place) -> str | tuple[str, ...]:
    if isinstance(position, Facts):
        return position.name
    return tuple(column.name for column in position)


def _quoted(name: str | tuple[str, ...]) -> str:
    names = [f'"{one}"' for one in columns_of(name)]
    return names[0] if isinstance(name, str) else f"[{', '.join(names)}]"
