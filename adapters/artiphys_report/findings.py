"""What was found in one group of units at one position: in words, numbers and a figure."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from artiphys.design.rejections import rate_text
from artiphys.plotting.design import plot_control, plot_power
from artiphys.plotting.signature import draw_frame, draw_units, label_decades, plot_signature
from artiphys.plotting.style import COLOURS, make_room_for_legend, panel, true_minus
from artiphys.signatures.printed import correlation_text, number_text, p_text, p_words
from artiphys.signatures.report import ALPHA, LEFT_OUT, paragraphs
from artiphys_report.cautions import NO_NOISE, cautions_of, ranked, sentence
from artiphys_report.data import is_network
from artiphys_report.figures import Picture, as_label, picture
from artiphys_report.inputs import Input
from artiphys_report.simulations import Calibration, Simulated
from artiphys_report.theory import Fit, fit_of, rectified_table

__all__ = ["Finding", "findings_of"]

MAX_FIGURES = 40  # of one file, each kind: beyond it nobody reads on


class Finding(NamedTuple):
    """One group at one position."""

    group: str
    position: str
    anchor: str  # of its place in the page
    outcome: str  # in a few words
    words: list[str]
    numbers: list[tuple[str, str]]
    cautions: list[str]
    scatter: Picture | None
    simulated: Simulated | None
    shares: list[tuple[str, str, str, str]]  # true r_s, share found, interval, mean estimate
    calibration: Sequence[Picture]
    fit: Fit
    theory: Picture | None

    @property
    def heading(self) -> str:
        """What it is called."""
        return f"{self.group}, position {self.position}"


def findings_of(
    given: Input,
    result: xr.Dataset,
    shown: Any,
    calibration: Calibration,
    *,
    key: str,
    seed: int,
    level: float,
) -> list[Finding]:
    """Return the findings of one file, a group's positions one after the other.

    Parameters
    ----------
    given : Input
    result : xarray.Dataset
        Its signature.
    shown : pandas.DataFrame
        Its units, from :func:`artiphys.plotting.measured.units_shown`.
    calibration : Calibration
    key : str
        What anchors and ids in the page begin with.
    seed, level
        As given to the report.
    """
    by = next(str(dim) for dim in result["spearman"].dims if dim != "position")
    said = paragraphs(result)
    rectified = rectified_table(given.responses, by=by, reference=given.reference, shown=shown)
    n_images = given.responses.sizes["image"]
    labels = product(result[by].values.tolist(), result["position"].values.tolist())
    found = []
    for number, (group, position) in enumerate(labels):
        cell = result.sel({by: group, "position": position})
        simulated = calibration.cells.get((group, position))
        fit = fit_of(
            None if rectified is None else _of(rectified, group, position),
            as_measured=rectified is shown,
            n_images=n_images,
            trials=given.has_trials,
            seed=seed,
            level=level,
        )
        name = f"{key}-{number}"
        drawn = number < MAX_FIGURES
        found.append(
            Finding(
                str(group),
                str(position),
                name,
                _outcome(cell),
                _words(said[number], f"{group}, position {position}: "),
                _numbers(cell),
                ranked(_cautions(given, cell, simulated)),
                _scatter(shown, result, by, group, position, name) if drawn else None,
                simulated,
                [] if simulated is None else _shares(simulated.design),
                _calibration(simulated, name) if drawn and simulated is not None else (),
                fit,
                _theory(fit, shown, f"{group}, position {position}", name) if drawn else None,
            )
        )
    return found


def _of(table: Any, group: Any, position: Any) -> Any:
    return table[(table["group"] == group) & (table["position"] == position)]


def _words(paragraph: str, where: str) -> list[str]:
    """Return the lines of a verdict as sentences, its cautions left to their own list."""
    lines = paragraph.removeprefix(where).splitlines()
    return [sentence(line) for line in lines if not line.startswith("Caution")]


def _outcome(cell: xr.Dataset) -> str:
    if np.isnan(cell["p_value"]):
        return "too little to tell"
    if float(cell["q_value"]) >= ALPHA:
        return "no relation found"
    r = float(cell["spearman"])
    if np.isnan(r):
        return "a relation, of unknown size"
    return "wider range, more invariant" if r > 0 else "wider range, less invariant"


def _numbers(cell: xr.Dataset) -> list[tuple[str, str]]:
    lower, upper = cell["interval"].values
    n_out = sum(int(cell[name]) for name in LEFT_OUT if name in cell)
    n = int(cell["n_units"])
    span = "-" if np.isnan(lower) else f"{correlation_text(lower)} to {correlation_text(upper)}"
    numbers = [
        ("r_s", correlation_text(float(cell["spearman"]))),
        ("interval", span),
        ("p", p_text(float(cell["p_value"]))),
        ("false discovery rate", p_text(float(cell["q_value"]))),
        ("units", f"{n} of {n + n_out}" if n_out else str(n)),
    ]
    return [(name, true_minus(text)) for name, text in numbers]


def _cautions(given: Input, cell: xr.Dataset, simulated: Simulated | None) -> list[str]:
    cautions = cautions_of(cell)
    if simulated is not None:
        none_found = float(cell["q_value"]) >= ALPHA
        cautions += [text for text in simulated.cautions if none_found or "without a" in text]
    if not given.has_trials and not is_network(given):
        cautions.append(NO_NOISE)
    return cautions


def _shares(design: xr.Dataset) -> list[tuple[str, str, str, str]]:
    one = design.isel(design=0)
    n = design.attrs["n_experiments"]
    rows = []
    for relation in one["relation"].values:
        at = one.sel(relation=relation)
        found = [float(at["power"]), *at["interval"].values.tolist()]
        share, lower, upper = (rate_text(each, n) for each in found)
        count = round(float(at["power"]) * n)
        rows.append(
            (
                number_text(float(relation)),
                f"{count} of {n}",
                f"{share} ({lower} to {upper})",
                true_minus(number_text(float(at["estimate"]))),
            )
        )
    return rows


def _scatter(
    shown: Any, result: xr.Dataset, by: str, group: Any, position: Any, name: str
) -> Picture:
    """Return the units behind the estimate, with the errors that trial noise gives them."""
    cell = result.sel({by: [group], "position": [position]})
    units = _of(shown, group, position)
    where = {by: [as_label(group)]}
    units = units.assign(group=as_label(group), **({by: as_label(group)} if by in units else {}))
    units.attrs = shown.attrs
    cell = cell.assign_coords(where)

    def draw(ax: Axes) -> None:
        plot_signature(units, cell, ax)

    n_shown = int((units["used"] & np.isfinite(units["fisher_z"])).sum())
    r, p = float(cell["spearman"].squeeze()), float(cell["p_value"].squeeze())
    words = (
        f"Fisher z of invariance against dynamic range, one point for each of {n_shown} units of "
        f"{group} at position {position}, with bars of one standard error where trials give it. "
        f"Spearman's r_s {true_minus(correlation_text(r))}, {p_words(p)}."
    )
    return picture(draw, words, name=f"{name}-scatter")


def _calibration(simulated: Simulated, name: str) -> tuple[Picture, Picture]:
    """Return the estimates that there are without a relation, and the power against it."""

    def draw_without(ax: Axes) -> None:
        with panel(ax):
            plot_control(simulated.without, ax)
            ax.set_title("without a relation")
            ax.set_xlabel("$r_s$ found")
            ax.set_ylabel("simulated recordings")

    def draw_power(ax: Axes) -> None:
        with panel(ax):
            plot_power(simulated.design, ax)

    without = "Estimates from simulated recordings without a relation, and that of this recording. "
    power = (
        "The share of simulated recordings with a small p-value, against the true correlation; the "
        "table has the numbers. "
    )
    size = (3.3, 2.6)
    return (
        picture(draw_without, without + simulated.words[0], name=f"{name}-without", size=size),
        picture(draw_power, power + simulated.words[-1], name=f"{name}-power", size=size),
    )


def _theory(fit: Fit, shown: Any, where: str, name: str) -> Picture | None:
    """Return the units that the model was fitted to, and its curve."""
    if fit.units is None:
        return None
    rectified = "" if fit.as_measured else "rectified "
    numbers: Mapping[str, str] = {label[0]: value for label, value, _ in fit.numbers}

    def draw(ax: Axes) -> None:
        with panel(ax):
            x, z = (fit.units[name].to_numpy(float) for name in ("dynamic_range", "fisher_z"))
            draw_units(ax, x, z, 0, f"{len(fit.units)} units")
            label = f"rectified Gaussian: ρ = {numbers['ρ']}, σ = {numbers['σ']}"
            ax.plot(fit.dynamic_range, fit.fisher_z, color=COLOURS[1], linewidth=1.4, label=label)
            draw_frame(ax)
            label_decades(ax)
            ax.legend(loc="upper left", borderaxespad=0.2, handlelength=1.4)
            make_room_for_legend(ax)
            ax.set_xlabel(f"{rectified}dynamic range: variance, {shown.attrs['units']}")
            ax.set_ylabel("invariance: Fisher z of the correlation")
            ax.set_title(as_label(where), fontsize=6.5)

    words = (
        f"The curve of the rectified Gaussian through {len(fit.units)} units of {where}: "
        + "; ".join(f"{label} {value}" for label, value, _ in fit.numbers)
    )
    return picture(draw, true_minus(words), name=f"{name}-theory")
