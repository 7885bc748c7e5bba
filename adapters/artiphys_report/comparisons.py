"""Networks beside recordings: each pair of files, the network seen through the recording."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from artiphys.comparison.compare import compare
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.plotting.comparison import plot_comparison
from artiphys.plotting.style import true_minus
from artiphys.signatures.printed import correlation_text, p_text
from artiphys.signatures.report import paragraphs
from artiphys_report.cautions import footnote, sentence
from artiphys_report.figures import Picture, as_label, picture
from artiphys_report.inputs import Input
from artiphys_report.labels import position_in

__all__ = ["Comparison", "check_positions", "comparisons_of"]

MAX_WORDS = 12  # paragraphs: of more cells the table has the numbers


class Comparison(NamedTuple):
    """A network beside a recording, or why they were not compared."""

    network: str
    recording: str
    anchor: str
    note: str
    matched: str = ""
    words: Sequence[str] = ()
    rows: Sequence[tuple[str, ...]] = ()
    pictures: Sequence[Picture] = ()
    remarks: Sequence[str] = ()
    footnote: str = ""


def check_positions(inputs: list[Input], positions: Mapping[Any, Any] | None) -> None:
    """Refuse pairs of positions that no file has, before the work: a slip of the pen, most likely.

    Raises
    ------
    InputError
        If there are pairs, but no network or no recording, or none with such a position.
    """
    if positions is None:
        return
    for trials, asked, kind in (
        (False, positions.keys(), "network"),
        (True, positions.values(), "recording"),
    ):
        files = [each for each in inputs if each.has_trials == trials]
        if not files:
            what = "with trials" if trials else "without trials"
            msg = f"positions pairs those of a network and a recording; got no {kind} ({what})"
            raise InputError(msg)
        known = [label for each in files for label in each.responses["position"].values.tolist()]
        for label in asked:
            position_in(
                list(dict.fromkeys(known)), label, whose=" or ".join(each.name for each in files)
            )


def comparisons_of(
    inputs: list[Input],
    *,
    by: str,
    positions: Mapping[Any, Any] | None,
    resample: Any,
    level: float,
    seed: int,
) -> list[Comparison]:
    """Return each network compared with each recording; the arguments are those of the report."""
    networks = [each for each in inputs if not each.has_trials]
    recordings = [each for each in inputs if each.has_trials]
    pairs = [(network, recording) for network in networks for recording in recordings]
    return [
        _compared(
            *pair,
            f"compared-{number}",
            by=by,
            positions=positions,
            resample=resample,
            level=level,
            seed=seed,
        )
        for number, pair in enumerate(pairs)
    ]


def _compared(
    network: Input,
    recording: Input,
    anchor: str,
    *,
    by: str,
    positions: Mapping[Any, Any] | None,
    resample: Any,
    level: float,
    seed: int,
) -> Comparison:
    names = network.name, recording.name, anchor
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = compare(
                network.responses,
                recording.responses,
                positions=_pairs(positions, network, recording),
                by_model=by,
                by_brain=by,
                reference_model=network.reference,
                reference_brain=recording.reference,
                resample=resample,
                level=level,
                rng=seed,
            )
        except InputError as error:
            return Comparison(*names, f"They were not compared: {error}.")
    cells, rows = result["difference"].size, _rows(result)
    said = paragraphs(result) if cells <= MAX_WORDS else paragraphs(result)[-1:]
    return Comparison(
        *names,
        "",
        str(result.attrs["matched"]),
        [true_minus(" ".join(text.split())) for text in said],
        rows,
        [_picture(result, area, f"{anchor}-{n}") for n, area in enumerate(_areas(result))],
        [sentence(str(one.message)) for one in caught if issubclass(one.category, ArtiphysWarning)],
        footnote([*said, *(text for row in rows for text in row)]),
    )


def _pairs(
    positions: Mapping[Any, Any] | None, network: Input, recording: Input
) -> dict[Any, Any] | None:
    """Return the labels that go together, spelt as in the files."""
    if positions is None:
        return None
    return {
        position_in(
            network.responses["position"].values.tolist(), one, whose=network.name
        ): position_in(recording.responses["position"].values.tolist(), other, whose=recording.name)
        for one, other in positions.items()
    }


def _areas(result: xr.Dataset) -> list[Any]:
    areas: list[Any] = result["area"].values.tolist()
    return [area for area in areas if np.isfinite(result["difference"].sel(area=area)).any()]


def _rows(result: xr.Dataset) -> list[tuple[str, ...]]:
    rows = []
    for layer in result["layer"].values.tolist():
        for area in result["area"].values.tolist():
            for position in result["position"].values.tolist():
                cell = result.sel(layer=layer, area=area, position=position)
                lower, upper = cell["interval"].values
                span = " to ".join(correlation_text(float(end), limit=2) for end in (lower, upper))
                numbers = (
                    correlation_text(float(cell["spearman_model"])),
                    correlation_text(float(cell["spearman_brain"])),
                    correlation_text(float(cell["difference"]), limit=2),
                    "-" if np.isnan(lower) else span,
                    p_text(float(cell["p_value"])),
                    p_text(float(cell["q_value"])),
                )
                place = f"{cell['position_model'].item()} as {position}"
                rows.append((str(layer), str(area), place, *map(true_minus, numbers)))
    return rows


def _picture(result: xr.Dataset, area: Any, name: str) -> Picture:
    labels = {dim: [as_label(v) for v in result[dim].values.tolist()] for dim in ("layer", "area")}
    safe = result.assign_coords(labels)

    def draw(ax: Axes) -> None:
        plot_comparison(safe, ax, area=as_label(area))

    words = (
        f"The difference of each layer's r_s from that of {area}, with its interval, a row for "
        "each layer; the table has the numbers."
    )
    height = 1.6 + 0.28 * result.sizes["layer"] + 0.16 * result.sizes["position"]
    return picture(draw, words, name=name, size=(4.4, height))
