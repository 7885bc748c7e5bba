"""The signatures of a network's layers against those of a recording's areas."""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.arguments import Faults, generator, share, whole_number
from artiphys.comparison.relations import Shown, of_area, of_layer
from artiphys.comparison.sides import Sides, checked_sides, shared_images
from artiphys.correlations.difference import Difference, difference_of
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.estimators.measurement import Measurement
from artiphys.progress import bars, tracked
from artiphys.signatures.groups import checked_resample, group_names, q_values
from artiphys.signatures.request import check_sessions
from artiphys.signatures.shortfalls import MIN_UNITS, why_no_estimate

__all__ = ["compare"]


def compare(
    model: xr.DataArray,
    brain: xr.DataArray,
    *,
    matched: bool = True,
    positions: Mapping[Any, Any] | None = None,
    by_model: str = "area",
    by_brain: str = "area",
    reference_model: Hashable | None = None,
    reference_brain: Hashable | None = None,
    resample: Sequence[str] | None = None,
    n_passes: int = 8,
    level: float = 0.95,
    rng: Any = None,
    progress: bool | None = None,
) -> xr.Dataset:
    r"""Return the difference between the signatures of network layers and of cortical areas.

    .. math:: d = r_s^{\mathrm{layer}} - r_s^{\mathrm{area}}

    for every layer, area and position that both have. *Matched*, the layer is first measured
    through the experiment of the recording: its number of images, its repeats, its noise.

    Parameters
    ----------
    model : xarray.DataArray, (unit, image, position)
        Without trials if matched. Unrectified responses may be negative.
    brain : xarray.DataArray, (unit, image, position, trial) or (unit, image, position)
        NaN means not measured.
    matched : bool
        Whether the layers are passed through the recording's experiment and both sides measured by
        the default of :func:`artiphys.signature`. If not, both are taken as they are: all images,
        trials averaged, and the recording's noise counts as dynamic range.
    positions : mapping, optional
        From labels of the model's positions to labels of the recording's. By default those of equal
        ``shift`` if both arrays have it, else those of equal label. The references go together.
    by_model, by_brain : str
        Coordinates along ``unit`` whose values are the layers and the areas.
    reference_model, reference_brain : str or number, optional
        Labels of the reference positions; ``attrs["reference"]`` by default.
    resample : ("image", "unit"), ("unit",) or ("session", "unit"), optional
        What the recording's uncertainty is over, as in :func:`artiphys.signature`: by default, with
        trials, images and units at large. The model's is over images and units, or over units.
    n_passes : int
        How often the model is passed through the experiment; the passes are averaged.
    level : float
        Coverage of the intervals.
    rng : seed or numpy.random.Generator
        Of the images drawn and the noise of each pass.
    progress : bool, optional
        Whether bars show how far it is; by default only on a terminal.

    Returns
    -------
    xarray.Dataset
        Over (layer, area, position), with the recording's position labels and the model's along
        them as ``position_model``: ``spearman_model``, ``spearman_brain``, ``difference`` (model
        less brain), its ``interval`` (lower and upper along ``ci_bound``), ``p_value`` (two-sided),
        ``q_value`` (false discovery rate over all cells), ``n_units_model`` (the median over
        passes) and ``n_units_brain``. Matched, also ``spearman_model_naive``,
        ``spearman_brain_naive``, ``difference_naive`` and ``p_value_naive``: what
        ``matched=False`` would have said.

    Raises
    ------
    InputError
        If an argument is out of range, the arrays have no common position, the model has fewer
        images than the recording, or has trials and is to be matched.

    Warns
    -----
    ArtiphysWarning
        In one line each: positions that go with none; layers and areas of which no difference can
        be given, and why; a recording without trials, whose noise cannot be matched.

    Notes
    -----
    *Matching.* Where the model was shown all images of the recording (equal ``image`` labels) these
    are taken; else as many are drawn, anew in each pass. The layer's unit of the k-th widest
    dynamic range is given mean, signal variance, noise and repeats of the recorded unit at that
    place in the order, by a shift and a gain of its own, so that the ranks of dynamic range, the
    invariances and so the relation between the two are those of the model. The noise is normal with
    a variance in proportion to the mean response, the factor estimated for each recorded unit and
    position. Responses are not rectified, as rectification makes the relation; to compare rectified
    units pass ``model.clip(min=0)``.

    *Bias.* What the experiment does to the estimate, it does to both sides. What it cannot match:
    noise that is shared between cells, and which of two units of equal dynamic range is the noisier
    in the recording. Without trials only the images are matched.

    *Interval.* From the two intervals, with trials each over units and images. Layer and area are
    taken as samples of units at large; if the recorded units *are* units of that very layer the
    test is on the safe side. NaN where a side has too few units measured well enough, or no
    estimate; the warning says how many it takes.

    References
    ----------
    Zou, G. Y. (2007). Toward using confidence intervals to compare correlations. Psychol. Methods
    12(4), 399-413. https://doi.org/10.1037/1082-989X.12.4.399

    Examples
    --------
    >>> from artiphys.simulation import simulate_responses
    >>> model = simulate_responses(n_units=60, n_positions=2, rng=1).truth["rate"]
    >>> brain = simulate_responses(n_units=60, rate=40.0, rng=2).responses
    >>> result = compare(model, brain, n_passes=2, rng=0)
    >>> dict(result.sizes)
    {'layer': 1, 'area': 1, 'position': 1, 'ci_bound': 2}
    """
    sides = checked_sides(
        model,
        brain,
        matched=matched,
        reference_model=reference_model,
        reference_brain=reference_brain,
        positions=positions,
    )
    faults = Faults()
    faults.of(whole_number, n_passes, "n_passes", 1)
    faults.of(share, level, "level")
    faults.refuse()
    asked = _Request(
        sides=sides,
        layers=_groups(sides.model, by_model, "by_model"),
        areas=_groups(sides.brain, by_brain, "by_brain"),
        resample=_checked_resample(resample, sides),
        n_passes=n_passes,
        level=level,
        rng=generator(rng),
    )
    if sides.pairs.unpaired:
        warnings.warn(sides.pairs.unpaired, ArtiphysWarning, stacklevel=2)
    with bars(progress):
        cells = _cells(asked)
    result = _dataset(cells, asked)
    _warn_of_too_little(cells, asked, result)
    return result


@dataclass(frozen=True)
class _Request:
    """What is compared with what, and how; every argument checked."""

    sides: Sides
    layers: dict[Any, Measurement]
    areas: dict[Any, Measurement]
    resample: tuple[str, ...]
    n_passes: int
    level: float
    rng: np.random.Generator


class _Cell(NamedTuple):
    """A layer against an area at one position."""

    layer: Shown
    area: Shown
    difference: Difference
    naive: Difference


def _groups(measured: Measurement, by: str, argument: str) -> dict[Any, Measurement]:
    """Return what was measured of each group, under its name, of an array that is read once."""
    names = group_names(measured.responses, by, argument=argument)
    values, measured = measured.responses[by].values, measured.gone_through()
    return {name: measured.of_units(values == name) for name in names}


def _checked_resample(resample: Sequence[str] | None, sides: Sides) -> tuple[str, ...]:
    if resample is None:
        return ("image", "unit") if sides.trials else ("unit",)
    given = checked_resample(resample)
    if given != ("unit",) and not sides.trials:
        msg = (
            f"to resample {given[0]}s the recording must have trials and be matched; resample unit"
        )
        raise InputError(msg)
    if "session" in given:
        check_sessions(sides.brain.responses)
    return given


def _cells(asked: _Request) -> list[list[list[_Cell]]]:
    """Return the cells (layer, area, position); noise is drawn area by area."""
    cells: list[list[list[_Cell]]] = [[] for _ in asked.layers]
    for recorded in tracked(asked.areas.values(), unit="area"):
        area = of_area(recorded, asked.sides, asked.resample)
        layers = zip(cells, asked.layers.values(), strict=True)
        for row, probed in tracked(layers, unit="layer", total=len(cells)):
            layer = of_layer(
                probed, recorded, asked.sides, asked.resample, asked.n_passes, asked.rng
            )
            row.append([_cell(*pair, asked.level) for pair in zip(layer, area, strict=True)])
    return cells


def _cell(layer: Shown, area: Shown, level: float) -> _Cell:
    return _Cell(
        layer,
        area,
        difference_of(layer.correlation, area.correlation, level),
        difference_of(layer.naive, area.naive, level),
    )


def _dataset(cells: list[list[list[_Cell]]], asked: _Request) -> xr.Dataset:
    dims, sides = ("layer", "area", "position"), asked.sides

    def variable(of: Any) -> tuple[tuple[str, ...], np.ndarray]:
        return dims, np.array([[[of(cell) for cell in row] for row in rows] for rows in cells])

    p_value = variable(lambda cell: cell.difference.p_value)
    bounds = variable(lambda cell: (cell.difference.lower, cell.difference.upper))[1]
    data = {
        "spearman_model": variable(lambda cell: cell.layer.relation.spearman),
        "spearman_brain": variable(lambda cell: cell.area.relation.spearman),
        "difference": variable(lambda cell: cell.difference.difference),
        "interval": ((*dims, "ci_bound"), bounds),
        "p_value": p_value,
        "q_value": (dims, q_values(p_value[1])),
        "n_units_model": variable(lambda cell: cell.layer.relation.n_units),
        "n_units_brain": variable(lambda cell: cell.area.relation.n_units),
    }
    if sides.trials:
        data |= {
            "spearman_model_naive": variable(lambda cell: cell.layer.naive.estimate),
            "spearman_brain_naive": variable(lambda cell: cell.area.naive.estimate),
            "difference_naive": variable(lambda cell: cell.naive.difference),
            "p_value_naive": variable(lambda cell: cell.naive.p_value),
        }
    along = {n: c for n, c in sides.brain.responses.coords.items() if c.dims == ("position",)}
    coords = {str(name): coord[1:] for name, coord in along.items()} | {
        "layer": list(asked.layers),
        "area": list(asked.areas),
        "position_model": ("position", sides.pairs.model),
        "ci_bound": ["lower", "upper"],
    }
    attrs = {
        "statistic": "difference of Spearman's rank correlations, model less brain",
        "noise": "split" if sides.trials else "as measured",
        "matched": _what_is_matched(asked),
        "reference_model": sides.model.reference,
        "reference_brain": sides.brain.reference,
        "unpaired": sides.pairs.unpaired,
        "n_passes": asked.n_passes if sides.matched else 0,
        "level": asked.level,
        "interval_method": f"intervals over {' and '.join(asked.resample)} of the recording and "
        "over units of the model, combined as by Zou (2007)",
    }
    return xr.Dataset(data, coords=coords, attrs=attrs)


def _what_is_matched(asked: _Request) -> str:
    if not asked.sides.matched:
        return "nothing: both sides as they are"
    same = shared_images(asked.sides.model.responses, asked.sides.brain.responses) is not None
    images = "the recording's images" if same else "as many images as recorded, drawn anew"
    return f"{images}; repeats; noise" if asked.sides.trials else f"{images}; noise is unknown"


def _warn_of_too_little(
    cells: list[list[list[_Cell]]], asked: _Request, result: xr.Dataset
) -> None:
    """Say which side has no estimate, each layer and area once, and why."""
    by_layer = dict(
        zip(asked.layers, ([c.layer for r in rows for c in r] for rows in cells), strict=True)
    )
    by_area = dict(zip(asked.areas, ([c.area for c in column] for column in cells[0]), strict=True))
    told = []
    for kind, groups in (("area", by_area), ("layer", by_layer)):
        for group, shown in groups.items():
            lacking = [one.relation for one in shown if np.isnan(one.relation.spearman)]
            if lacking:
                worst = min(lacking, key=lambda relation: relation.n_units)
                tested = bool(np.isfinite(worst.p_value))
                why_not = why_no_estimate(
                    worst.n_units,
                    MIN_UNITS,
                    worst.n_sessions,
                    n_effective=worst.n_effective,
                    n_sharing=worst.n_sharing_tuning,
                    tested=tested,
                )
                told.append(f"{kind} {group} ({why_not})")
    if told:
        n_lacking = int(np.isnan(result["difference"]).sum())
        msg = (
            f"no difference can be given in {n_lacking} of {result['difference'].size} cells: "
            f"{', '.join(told)}"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)
