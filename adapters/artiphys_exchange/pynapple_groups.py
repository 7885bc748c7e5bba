"""Spike trains of pynapple into the response array, and tuning curves back.

A `TsGroup` holds the spikes, an `IntervalSet` the presentations, with what was shown as metadata.
"""

import warnings
from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import real_number
from artiphys.errors import ArtiphysWarning, InputError, counted, to_install
from artiphys.responses.columns import columns, from_columns
from artiphys.responses.schema import validate

try:
    import pynapple as nap
except ImportError as error:
    msg = f"{error.name} is needed for spike trains of pynapple: {to_install('pynapple')}"
    raise ImportError(msg, name=error.name) from error

__all__ = ["from_pynapple", "to_pynapple"]

INDEX = "pynapple_index"  # along units: the key of each in its group


def from_pynapple(
    spikes: nap.TsGroup,
    presentations: nap.IntervalSet,
    *,
    source: str,
    reference: Any,
    image: str = "image",
    position: str = "position",
    window: tuple[float, float] = (0.05, 0.25),
    rate: bool = True,
    area: str | None = None,
    displacement_units: str = "deg",
) -> xr.DataArray:
    """Return the responses of spike trains to presentations, counted in a window from the onset.

    Parameters
    ----------
    spikes : pynapple.TsGroup
        Its ``time_support`` says when spikes could be recorded. Give it when the group is made:
        pynapple's own goes from the first to the last spike.
    presentations : pynapple.IntervalSet
        With metadata; the start of each is its onset. Those alike in image and position are the
        repeats of a cell.
    source : str
        Name of the session; units are named ``source/key``.
    reference : str or number
        The reference position.
    image, position : str
        Columns of the metadata of `presentations`, which may have ``x``, ``y`` and ``shift`` too.
    window : (float, float), in s
        From the onset; a spike counts at its start, not at its stop.
    rate : bool
        Return spikes/s; else spikes.
    area : str, optional
        A column of the metadata of `spikes`, or the text for all units; by default ``area``.
    displacement_units : {"px", "deg"}
        Of ``x`` and ``y``.

    Returns
    -------
    xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        NaN where the window is not within the time support. All metadata of `spikes` but their
        rate lie along ``unit``, and ``pynapple_index``, the keys of the group.

    Raises
    ------
    InputError
        If metadata are missing or have gaps, or the window is none.
    SchemaError
        If the result would not be valid.

    Warns
    -----
    ArtiphysWarning
        If windows are not within the time support.

    Notes
    -----
    pynapple joins intervals that overlap, and drops their metadata when it does: presentations that
    follow each other at once need ends before the next start.

    Examples
    --------
    >>> spikes = nap.TsGroup(
    ...     {3: nap.Ts(np.array([1.1, 1.2, 2.1, 9.0]))}, time_support=nap.IntervalSet(0, 10))
    >>> shown = {"image": ["a", "b", "a"], "position": [0, 0, 0]}
    >>> presentations = nap.IntervalSet([1, 2, 3], [1.5, 2.5, 3.5], metadata=shown)
    >>> responses = from_pynapple(
    ...     spikes, presentations, rate=False, source="s1", area="V4", reference=0)
    >>> responses.sel(unit="s1/3", position=0).values.tolist()  # of a and b
    [[2.0, 0.0], [1.0, nan]]
    """
    for given, kind, name in (
        (spikes, nap.TsGroup, "spikes"),
        (presentations, nap.IntervalSet, "presentations"),
    ):
        if not isinstance(given, kind):
            msg = f"{name} must be a pynapple.{kind.__name__}; got {type(given).__name__}"
            raise InputError(msg)
    start = real_number(window[0], "the start of window")
    stop = real_number(window[1], "the stop of window", least=start, above=True)
    begin = np.asarray(presentations.start) + start
    end = np.asarray(presentations.start) + stop
    counts = np.array(
        [np.diff(np.searchsorted(spikes[key].t, [begin, end]), axis=0)[0] for key in spikes.keys()],
        dtype=float,
    ).reshape(len(spikes), len(begin))
    observed = _within(spikes.time_support, begin, end)
    if not observed.all():
        n_lost = f"{int((~observed).sum())} of {counted(len(begin), 'presentation')}"
        msg = f"{source}: {n_lost} have a window outside the time support; they are NaN"
        warnings.warn(msg, ArtiphysWarning, stacklevel=2)
        counts[:, ~observed] = np.nan
    metadata = spikes.metadata.drop(columns="rate")
    keys = list(spikes.keys())
    return from_columns(
        counts / (stop - start) if rate else counts,
        columns(presentations.metadata.to_dict("list"), len(begin), "presentation"),
        columns(
            {"unit": [f"{source}/{key}" for key in keys], INDEX: keys}
            | metadata.loc[keys].to_dict("list"),
            len(keys),
            "unit",
        ),
        unit="unit",
        image=image,
        position=position,
        reference=reference,
        units="spikes/s" if rate else "spikes",
        area=area,
        source=source,
        displacement_units=displacement_units,
        attrs={},
        maker="artiphys_exchange.from_pynapple",
        packages=("pynapple",),
        window=[start, stop],
        rate=rate,
    )


def to_pynapple(responses: xr.DataArray) -> xr.DataArray:
    """Return each unit's mean responses as tuning curves, as pynapple computes and takes them.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        Rates, if the curves are for information or decoding.

    Returns
    -------
    xarray.DataArray, (unit, image, position)
        Of the mean over trials, NaN where there is none; its ``unit`` are the keys of the group
        that the responses came from, if :func:`from_pynapple` made them. ``attrs["occupancy"]``
        (image, position) is the number of presentations, of the unit that has most of them, and
        ``attrs["rates"]`` (unit) the mean over all presentations. Not carried: the trials, and when
        they were. What is measured of units goes into the metadata of their group by
        ``group.set_info(dynamic_range=artiphys.dynamic_range(responses).values)``.

    Raises
    ------
    SchemaError
        If `responses` is not valid.
    """
    responses = validate(responses)
    measured = responses.notnull()
    trials = [dim for dim in responses.dims if dim == "trial"]
    curves = responses.mean(trials) if trials else responses.copy()
    occupancy = measured.sum(trials).max("unit").values.astype(float)
    if INDEX in curves.coords:
        curves = curves.assign_coords(unit=curves[INDEX].values)
    rates = responses.mean(responses.dims[1:]).values
    kept = ["unit", "image", "position"]
    curves = curves.drop_vars([name for name in curves.coords if name not in kept])
    curves.attrs = {"occupancy": occupancy, "rates": rates, "units": responses.attrs["units"]}
    return curves


def _within(support: nap.IntervalSet, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return which windows lie within one interval of the time support."""
    at = np.searchsorted(support.start, begin, side="right") - 1
    inside: np.ndarray = (at >= 0) & (end <= np.asarray(support.end)[np.maximum(at, 0)])
    return inside
