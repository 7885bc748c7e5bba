"""The signatures of a network's layers against those of a recording's areas."""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import generator
from artiphys.comparison.seen_signatures import (
    Seen,
    as_measured,
    of_area,
    of_layer,
    of_layer_on_fewer_images,
)
from artiphys.comparison.sides import Sides, checked_sides, shared_images
from artiphys.correlations.difference import difference_of
from artiphys.correlations.spearman import check_resampling
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.signatures.groups import checked_resample, group_names, q_values
from artiphys.signatures.split_halves import MIN_UNITS
from artiphys.signatures.trials import SESSION

__all__ = ["compare"]

NAIVE = ("spearman_model_naive", "spearman_brain_naive", "difference_naive", "p_value_naive")


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
    resample: Sequence[str] = ("unit",),
    n_passes: int = 8,
    level: float = 0.95,
    rng: Any = None,
) -> xr.Dataset:
    r"""Return the difference between the signatures of network layers and of cortical areas.

    .. math:: d = r_s^{\mathrm{layer}} - r_s^{\mathrm{area}}

    for every layer, area and position that both have. *Matched*, the layer is first seen through
    the recording of the area: its number of images, its repeats, its noise.

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
    resample : ("unit",), ("image", "unit") or ("session", "unit")
        What the recording's uncertainty is over, as in :func:`artiphys.signature`; the model's is
        over units. Other than units it takes trials.
    n_passes : int
        How often the model is passed through the experiment; the passes are averaged.
    level : float
        Coverage of the intervals.
    rng : seed or numpy.random.Generator
        Of the images drawn and the noise of each pass.

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

    *Interval.* From the two intervals, each by a jackknife over units. Layer and area are taken as
    samples of units at large; if the recorded units *are* units of that very layer the test is on
    the safe side. NaN where a side has too few units measured well enough, or no estimate; the
    warning says how many it takes.

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
    _check_numbers(n_passes, level)
    sides = checked_sides(
        model, brain, matched, by_model, by_brain, reference_model, reference_brain, positions
    )
    resample = _checked_resample(resample, sides, matched)
    drawn = generator(rng)
    if sides.pairs.unpaired:
        warnings.warn(sides.pairs.unpaired, ArtiphysWarning, stacklevel=2)
    of_model = group_names(sides.model, by_model, argument="by_model")
    of_brain = group_names(sides.brain, by_brain, argument="by_brain")
    layers = _groups(sides.model, of_model, by_model)
    areas = _groups(sides.brain, of_brain, by_brain)
    rows: list[list[list[dict[str, float]]]] = [[] for _ in layers]
    seen: dict[str, dict[Any, list[Seen]]] = {"area": {}, "layer": {of: [] for of in layers}}
    for name, recorded in areas.items():
        area = of_area(recorded, resample) if sides.trials else as_measured(recorded)
        seen["area"][name] = area
        for row, (of, probed) in zip(rows, layers.items(), strict=True):
            if not matched:
                layer = as_measured(probed)
            elif sides.trials:
                layer = of_layer(probed, recorded, n_passes, drawn)
            else:
                layer = of_layer_on_fewer_images(probed, recorded, n_passes, drawn)
            seen["layer"][of] += layer
            pairs = zip(layer, area, strict=True)
            row.append([_cell(*pair, level) for pair in pairs])
    result = _dataset(rows, list(layers), list(areas), sides, matched=matched)
    _warn_of_too_little(result, seen)
    result.attrs = {
        "statistic": "difference of Spearman's rank correlations, model less brain",
        "noise": ("split" if sides.trials else "as measured"),
        "matched": _what_is_matched(sides, matched, layers, areas),
        "reference_model": sides.model.attrs["reference"],
        "reference_brain": sides.brain.attrs["reference"],
        "unpaired": sides.pairs.unpaired,
        "n_passes": n_passes if matched else 0,
        "level": level,
        "interval_method": f"jackknife over {' and '.join(resample)} of the recording and over "
        "units of the model, combined as by Zou (2007)",
    }
    return result


def _checked_resample(resample: Sequence[str], sides: Sides, matched: bool) -> tuple[str, ...]:
    given = checked_resample(resample)
    if given != ("unit",) and not (matched and sides.trials):
        over = given[0]
        msg = f"to resample {over}s the recording must have trials and be matched; resample unit"
        raise InputError(msg)
    if "session" in given and SESSION not in sides.brain.coords:
        msg = f"resample=('session', 'unit') needs the coordinate {SESSION!r} along 'unit'"
        raise InputError(msg)
    return given


def _check_numbers(n_passes: int, level: float) -> None:
    whole = isinstance(n_passes, int | np.integer) and not isinstance(n_passes, bool)
    if not whole or n_passes < 1:
        msg = f"n_passes must be a whole number of at least 1; got {n_passes!r}"
        raise InputError(msg)
    check_resampling(1, level)


def _cell(layer: Seen, area: Seen, level: float) -> dict[str, float]:
    found = difference_of(layer.relation, area.relation, level)
    naive = difference_of(layer.naive, area.naive, level)
    return {
        "spearman_model": layer.relation.estimate,
        "spearman_brain": area.relation.estimate,
        "difference": found.difference,
        "lower": found.lower,
        "upper": found.upper,
        "p_value": found.p_value,
        "n_units_model": round(layer.n_units),
        "n_units_brain": area.n_units,
        "spearman_model_naive": layer.naive.estimate,
        "spearman_brain_naive": area.naive.estimate,
        "difference_naive": naive.difference,
        "p_value_naive": naive.p_value,
    }


def _groups(responses: xr.DataArray, names: np.ndarray, by: str) -> dict[Any, xr.DataArray]:
    values = responses[by].values
    return {name: responses.isel(unit=np.flatnonzero(values == name)) for name in names.tolist()}


def _dataset(
    rows: list[list[list[dict[str, float]]]],
    layers: list[Any],
    areas: list[Any],
    sides: Sides,
    *,
    matched: bool,
) -> xr.Dataset:
    dims = ("layer", "area", "position")
    data: dict[str, Any] = {}
    for name in rows[0][0][0]:
        values = np.array([[[cell[name] for cell in row] for row in rows_] for rows_ in rows])
        data[name] = (dims, values.astype(int) if name.startswith("n_") else values)
    bounds = np.stack([data.pop(name)[1] for name in ("lower", "upper")], axis=-1)
    data["interval"] = ((*dims, "ci_bound"), bounds)
    data["q_value"] = (dims, q_values(data["p_value"][1]))
    order = (
        *("spearman_model", "spearman_brain", "difference", "interval", "p_value", "q_value"),
        *("n_units_model", "n_units_brain"),
        *(NAIVE if matched and sides.trials else ()),
    )
    along = {n: c for n, c in sides.brain.coords.items() if c.dims == ("position",)}
    coords = {str(name): coord[1:] for name, coord in along.items()} | {
        "layer": layers,
        "area": areas,
        "position_model": ("position", sides.pairs.model),
        "ci_bound": ["lower", "upper"],
    }
    return xr.Dataset({name: data[name] for name in order}, coords=coords)


def _what_is_matched(
    sides: Sides, matched: bool, layers: dict[Any, xr.DataArray], areas: dict[Any, xr.DataArray]
) -> str:
    if not matched:
        return "nothing: both sides as they are"
    same = shared_images(next(iter(layers.values())), next(iter(areas.values()))) is not None
    images = "the recording's images" if same else "as many images as recorded, drawn anew"
    return f"{images}; repeats; noise" if sides.trials else f"{images}; noise is unknown"


def _warn_of_too_little(result: xr.Dataset, seen: dict[str, dict[Any, list[Seen]]]) -> None:
    """Say which side has no estimate, each layer and area once, and why."""
    told = []
    for kind, groups in seen.items():
        for group, cells in groups.items():
            lacking = [cell for cell in cells if cell.why_not]
            if lacking:
                why_not = min(lacking, key=lambda cell: cell.n_units).why_not
                told.append(f"{kind} {group} ({why_not})")
    if told:
        n_lacking = int(np.isnan(result["difference"]).sum())
        msg = (
            f"no difference can be given in {n_lacking} of {result['difference'].size} cells; it "
            f"takes {MIN_UNITS} units on either side, measured well enough: {', '.join(told)}"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)
