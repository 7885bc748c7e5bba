"""Presentations in long form, one after another, into the padded response array and back."""

from collections.abc import Hashable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from artiphys.arguments import real_numbers
from artiphys.errors import InputError
from artiphys.responses.array import response_array
from artiphys.responses.provenance import provenance as provenance_text
from artiphys.responses.schema import validate

__all__ = ["from_presentations", "repeat_numbers", "to_presentations"]


def from_presentations(
    values: Any,
    *,
    unit: Sequence[str],
    image: Sequence[Any],
    position: Sequence[Hashable],
    reference: Hashable,
    units: str,
    area: str | Sequence[str] | Mapping[str, str],
    source: str | Sequence[str] | Mapping[str, str],
    x: Mapping[Any, float] | None = None,
    y: Mapping[Any, float] | None = None,
    shift: Mapping[Any, float] | None = None,
    displacement_units: str = "deg",
    unit_coords: Mapping[str, Any] | None = None,
    provenance: str | None = None,
) -> xr.DataArray:
    """Return a valid response array from responses in the order in which they were measured.

    The presentations of one image at one position are its trials, numbered in their order; cells
    with fewer of them than others are padded with NaN.

    Parameters
    ----------
    values : array_like, (unit, presentation) or (presentation)
        Responses in `units`; NaN means not measured. With one dimension each entry is the response
        of one unit, and units need not have been recorded at once.
    unit : sequence of str, (unit), or (presentation) if `values` has one dimension
        Names of the units.
    image, position : sequence, (presentation)
        What was shown, and where. Images become text.
    reference : str or number
        The reference position, one of `position`.
    units : {"spikes/s", "spikes", "a.u."}
    area, source : str, sequence of str (unit), or mapping from unit to str
        Where each unit was recorded, and in which session.
    x, y, shift : mapping from position to float, optional
        Displacement from the reference position, in `displacement_units`; and as a fraction of the
        receptive field. NaN where it is not given.
    displacement_units : {"px", "deg"}
    unit_coords : mapping, optional
        Further coordinates along ``unit``, as sequences (unit).
    provenance : str, optional
        JSON, as :func:`artiphys.responses.provenance.provenance` makes it.

    Returns
    -------
    xarray.DataArray, (unit, image, position, trial)
        Units and images in the order in which they first appear; positions too, numbers sorted.

    Raises
    ------
    InputError
        If lengths do not go with each other, there are no presentations, or labels are missing.
    SchemaError
        If the result would not be valid; every fault is listed.

    Notes
    -----
    Units of a (unit, presentation) array share the numbers of their trials, so that those of one
    presentation stay side by side.

    Examples
    --------
    >>> responses = from_presentations(
    ...     [[3.0, 1.0, 5.0, 4.0]], unit=["u1"], image=["a", "b", "a", "b"], position=[0, 0, 1, 0],
    ...     reference=0, units="spikes", area="V4", source="session 1")
    >>> responses.sel(image="b", position=0).values.tolist()
    [[1.0, 4.0]]
    >>> bool(responses.sel(image="b", position=1).isnull().all())
    True
    """
    values = real_numbers(values, "values")
    images: list[Any] = [str(label) for label in _without_gaps(image, "image")]
    positions: list[Any] = _without_gaps(position, "position")
    _check_lengths(values, list(unit), images, positions)
    if values.ndim == 2:
        names, row = list(unit), np.arange(len(values))[:, None]
        owner = np.zeros(len(images), dtype=int)
    else:
        measured = ~np.isnan(values)
        values = values[measured]
        images, positions = (
            [label for label, known in zip(labels, measured, strict=True) if known]
            for labels in (images, positions)
        )
        named = [name for name, known in zip(unit, measured, strict=True) if known]
        names, owner = _numbered(named)
        row = owner
    image_names, image_at = _numbered(images)
    position_names, position_at = _numbered(positions)
    cell = (owner * len(image_names) + image_at) * len(position_names) + position_at
    trial = repeat_numbers(cell)
    shape = (len(names), len(image_names), len(position_names), int(trial.max()) + 1)
    padded = np.full(shape, np.nan)
    padded[row, image_at, position_at, trial] = values
    made = provenance or provenance_text("artiphys.from_presentations", arguments={})
    return response_array(
        padded,
        unit=names,
        image=image_names,
        position=position_names,
        x=_along(x, position_names),
        y=_along(y, position_names),
        shift=None if shift is None else _along(shift, position_names),
        displacement_units=displacement_units,
        area=_of_units(area, names, "area"),
        source=_of_units(source, names, "source"),
        units=units,
        reference=reference,
        provenance=made,
        unit_coords=unit_coords,
    )


def to_presentations(responses: xr.DataArray) -> xr.DataArray:
    """Return the presentations of a response array, one after another, without its padding.

    What every door to another package begins with; :func:`from_presentations` leads back.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)

    Returns
    -------
    xarray.DataArray, (unit, presentation)
        Image by image, position by position; those that no unit was measured in are left out, and
        NaN marks a unit that was not measured in one that others were. Along ``presentation`` lie
        ``image``, ``position``, ``x``, ``y``, ``trial`` and ``shift``, the last two where
        `responses` has them; along ``unit`` what it holds there. The attrs are ``units``,
        ``reference``, ``displacement_units`` and ``provenance``.

    Raises
    ------
    SchemaError
        If `responses` is not valid.

    Examples
    --------
    >>> responses = from_presentations(
    ...     [[3.0, 1.0, 5.0, 4.0]], unit=["u1"], image=["a", "b", "a", "b"], position=[0, 0, 1, 0],
    ...     reference=0, units="spikes", area="V4", source="session 1")
    >>> shown = to_presentations(responses)
    >>> shown["image"].values.tolist(), shown["trial"].values.tolist(), shown.values.tolist()
    (['a', 'a', 'b', 'b'], [0, 0, 0, 1], [[3.0, 5.0, 1.0, 4.0]])
    """
    responses = validate(responses)
    values = responses.values.reshape(responses.sizes["unit"], -1)
    measured = ~np.isnan(values).all(axis=0)
    at = dict(
        zip(
            responses.dims[1:],
            np.unravel_index(np.flatnonzero(measured), responses.shape[1:]),
            strict=True,
        )
    )
    coords: dict[Any, Any] = {
        name: coord.variable for name, coord in responses.coords.items() if coord.dims == ("unit",)
    }
    for name, coord in responses.coords.items():
        (dim,) = coord.dims or ("",)
        if name in (*at, "x", "y", "shift"):
            coords[name] = ("presentation", coord.values[at[dim]])
    if "trial" in at and "trial" not in coords:
        coords["trial"] = ("presentation", at["trial"])
    attrs = {name: responses.attrs[name] for name in ("units", "reference", "provenance")}
    return xr.DataArray(
        values[:, measured],
        coords=coords,
        dims=("unit", "presentation"),
        name="response",
        attrs=attrs | {"displacement_units": responses["x"].attrs["units"]},
    )


def repeat_numbers(labels: np.ndarray) -> np.ndarray:
    """Return how many times each label has come before: the number of the repeat.

    Examples
    --------
    >>> import numpy as np
    >>> repeat_numbers(np.array([7, 3, 7, 7, 3])).tolist()
    [0, 0, 1, 2, 1]
    """
    order = np.argsort(labels, kind="stable")
    in_order = labels[order]
    is_first = np.r_[True, in_order[1:] != in_order[:-1]]
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(labels)), 0))
    number = np.empty(len(labels), dtype=np.int64)
    number[order] = np.arange(len(labels)) - first
    return number


def _without_gaps(labels: Sequence[Any], name: str) -> list[Any]:
    """Return the labels; NaN as text would be an image of its own, shown whenever none is known."""
    listed = list(labels)
    gaps = int(pd.isna(np.fromiter(listed, dtype=object, count=len(listed))).sum())
    if gaps:
        msg = (
            f"{name}: {gaps} of {len(listed)} labels are None or NaN; leave those presentations out"
        )
        raise InputError(msg)
    return listed


def _check_lengths(values: np.ndarray, unit: list, images: list, positions: list) -> None:
    if values.ndim not in (1, 2):
        msg = f"values must be (unit, presentation) or (presentation); got {values.ndim} dimensions"
        raise InputError(msg)
    if not np.isfinite(values).any():
        msg = "values must hold a presentation that was measured; got none"
        raise InputError(msg)
    n_unit, n_presentation = values.shape[0], values.shape[-1]
    for given, name, expected, each in (
        (unit, "unit", n_unit, "unit" if values.ndim == 2 else "presentation"),
        (images, "image", n_presentation, "presentation"),
        (positions, "position", n_presentation, "presentation"),
    ):
        if len(given) != expected:
            msg = f"{name} must have {expected} labels, one for each {each}; got {len(given)}"
            raise InputError(msg)


def _numbered(labels: Sequence[Any]) -> tuple[list[Any], np.ndarray]:
    """Return the distinct labels, numbers sorted and others as they come, and which each one is."""
    distinct = list(dict.fromkeys(labels))
    if all(isinstance(label, Real) for label in distinct):
        distinct = sorted(distinct)
    place = {label: number for number, label in enumerate(distinct)}
    return distinct, np.array([place[label] for label in labels], dtype=np.int64)


def _along(given: Mapping[Any, float] | None, positions: list[Any]) -> list[float]:
    return (
        [float("nan")] * len(positions)
        if given is None
        else [float(given.get(label, float("nan"))) for label in positions]
    )


def _of_units(given: Any, names: list[str], what: str) -> Any:
    if not isinstance(given, Mapping):
        return given
    missing = [name for name in names if name not in given]
    if missing:
        msg = f"{what} must name every unit; it lacks {missing[:3]}"
        raise InputError(msg)
    return [given[name] for name in names]
