"""Datasets of rsatoolbox: its observations are presentations, its channels are units."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import real_numbers
from artiphys.errors import InputError, to_install
from artiphys.responses.columns import columns, from_columns
from artiphys.responses.presentations import to_presentations

try:
    from rsatoolbox.data import Dataset, TemporalDataset
except ImportError as error:
    msg = f"{error.name} is needed for datasets of rsatoolbox: {to_install('rsatoolbox')}"
    raise ImportError(msg, name=error.name) from error

__all__ = ["from_rsatoolbox", "to_rsatoolbox"]


def to_rsatoolbox(responses: xr.DataArray) -> Dataset:
    """Return the presentations of a response array as a dataset of rsatoolbox.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)

    Returns
    -------
    rsatoolbox.data.Dataset
        ``measurements`` (observation, channel) are presentations × units, NaN where a unit was not
        measured. Observation descriptors ``image``, ``position``, ``trial``, ``x``, ``y`` and
        ``shift``, channel descriptors ``unit``, ``area``, ``source`` and what else lies along
        units; ``units``, ``reference``, ``displacement_units`` and ``provenance`` describe the
        whole. Not carried: an image or a position at which no unit was measured, and the kind of
        floats.

    Raises
    ------
    SchemaError
        If `responses` is not valid.

    Examples
    --------
    >>> import artiphys
    >>> responses, _ = artiphys.simulate_responses(n_units=8, n_images=12, repeats=5, rng=0)
    >>> dataset = to_rsatoolbox(responses)
    >>> dataset.measurements.shape  # 12 images, 2 positions, 5 repeats; 8 units
    (120, 8)
    >>> from_rsatoolbox(dataset).equals(responses)
    True
    """
    shown = to_presentations(responses).transpose("presentation", "unit")
    along = {
        dim: {str(n): coord.values for n, coord in shown.coords.items() if coord.dims == (dim,)}
        for dim in shown.dims
    }
    return Dataset(
        shown.values,
        descriptors=dict(shown.attrs),
        obs_descriptors=along["presentation"],
        channel_descriptors=along["unit"],
    )


def from_rsatoolbox(
    dataset: Dataset | TemporalDataset,
    *,
    image: str = "image",
    position: str = "position",
    unit: str = "unit",
    window: tuple[float, float] | None = None,
    reference: Any = None,
    units: str | None = None,
    area: str | None = None,
    source: str | None = None,
    displacement_units: str | None = None,
) -> xr.DataArray:
    """Return the response array of a dataset of rsatoolbox.

    Parameters
    ----------
    dataset : rsatoolbox.data.Dataset or TemporalDataset
    image, position : str
        Observation descriptors. Observations alike in both are the repeats of a cell.
    unit : str
        A channel descriptor, unique.
    window : (float, float), optional
        Start and stop in the time of a TemporalDataset, over which responses are averaged, the stop
        left out.
    reference : str or number, optional
        The reference position.
    units : {"spikes/s", "spikes", "a.u."}, optional
        Of the measurements. These two are descriptors of the dataset where they are not given, as
        :func:`to_rsatoolbox` writes them.
    area, source : str, optional
        Channel descriptors, or the text for all units; by default ``area`` and ``source``.
    displacement_units : {"px", "deg"}, optional
        Of the observation descriptors ``x`` and ``y``, if there are any.

    Returns
    -------
    xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        Without ``trial`` if there is no such descriptor and no cell has a second observation. All
        channel descriptors lie along ``unit``.

    Raises
    ------
    InputError
        If descriptors are missing or have gaps, or a TemporalDataset comes without its window.
    SchemaError
        If the result would not be valid.
    """
    if not isinstance(dataset, Dataset | TemporalDataset):
        got = type(dataset).__name__
        msg = f"dataset must be a Dataset or a TemporalDataset of rsatoolbox; got {got}"
        raise InputError(msg)
    values = real_numbers(dataset.measurements, "measurements")
    if isinstance(dataset, TemporalDataset):
        values = _averaged(values, dataset.time_descriptors, window)
    elif window is not None:
        msg = "window is for a TemporalDataset; these measurements have no time"
        raise InputError(msg)
    n_shown, n_unit = values.shape
    return from_columns(
        np.ascontiguousarray(values.T),
        columns(dataset.obs_descriptors, n_shown, "observation"),
        columns(dataset.channel_descriptors, n_unit, "channel"),
        unit=unit,
        image=image,
        position=position,
        reference=reference,
        units=units,
        area=area,
        source=source,
        displacement_units=displacement_units,
        attrs=dataset.descriptors,
        maker="artiphys_exchange.from_rsatoolbox",
        packages=("rsatoolbox",),
        window=window,
    )


def _averaged(
    values: np.ndarray, described: Mapping[str, Any], window: tuple[float, float] | None
) -> np.ndarray:
    """Return the mean over the time points in a window."""
    time = real_numbers(described.get("time", np.arange(values.shape[2])), "time")
    if window is None:
        msg = f"window=(start, stop) is needed, within the times {time.min():g} to {time.max():g}"
        raise InputError(msg)
    within = (time >= window[0]) & (time < window[1])
    if not within.any():
        msg = (
            f"window {window} must hold a time point; they go from {time.min():g} to {time.max():g}"
        )
        raise InputError(msg)
    return values[:, :, within].mean(axis=2)
