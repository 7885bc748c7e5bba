"""What a unit answered, image by image, with its error: the numbers behind a picture of one unit.

The error is that of the trials alone: it says how well the answers to these very images are known.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import real_number, real_numbers
from artiphys.errors import InputError, listed
from artiphys.estimators.measurement import measurement_of
from artiphys.estimators.signal_moments import cells_of
from artiphys.responses.schema import require

__all__ = ["aligned_spikes", "dynamic_range_error", "peristimulus", "tuning"]


def tuning(responses: xr.DataArray) -> xr.Dataset:
    """Return the mean response to each image at each position, with its standard error.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position[, trial])
        In any units of response; NaN means not measured.

    Returns
    -------
    xarray.Dataset, (unit, image, position)
        ``mean`` and ``standard_error`` of it, in the units of the responses, and ``n_trials``. The
        error is NaN without repeats; a cell of one trial takes it from the unit's other cells at
        that position.

    Raises
    ------
    InputError
        If dims are missing or labels repeat.

    Examples
    --------
    >>> responses = xr.DataArray([[[[1.0, 3.0]], [[5.0, 5.0]]]],
    ...                          dims=("unit", "image", "position", "trial"))
    >>> tuned = tuning(responses)
    >>> tuned["mean"].values.ravel().tolist(), tuned["standard_error"].values.ravel().tolist()
    ([2.0, 5.0], [1.0, 0.0])
    """
    responses = require(responses).compute()
    if "trial" in responses.dims:
        cells = cells_of(responses.values)
        mean, n, error = cells.mean, cells.n, np.sqrt(cells.noise)
    else:
        mean, n = responses.values, responses.notnull().values.astype(float)
        error = np.full(mean.shape, np.nan)
    dims = ("unit", "image", "position")
    coords = {name: c for name, c in responses.coords.items() if "trial" not in c.dims}
    return xr.Dataset(
        {"mean": (dims, mean), "standard_error": (dims, error), "n_trials": (dims, n)},
        coords=coords,
        attrs={
            name: responses.attrs[name]
            for name in ("units", "reference")
            if name in responses.attrs
        },
    )


def dynamic_range_error(
    responses: xr.DataArray, *, reference: Hashable | None = None
) -> xr.DataArray:
    r"""Return the standard error that trial noise gives each unit's dynamic range.

    .. math:: \frac{4 \sum_i d_i^2 v_i - 2 \sum_i v_i^2}{(n - 1)^2}
              + \frac{2}{n^2} \sum_i \frac{v_i^2}{m_i - 1}

    is its square, with d the deviation of an image's mean response from the mean over n images, v
    the variance of that mean and m the number of its trials; v² is freed of its bias.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position, trial)
    reference : str or number, optional
        As in :func:`artiphys.dynamic_range`, of which with ``noise="corrected"`` it is the error.

    Returns
    -------
    xarray.DataArray, (unit)
        In the square of the responses' units. NaN where the noise is not known.

    Raises
    ------
    InputError
        If there are no trials, or as :func:`artiphys.dynamic_range`.

    Notes
    -----
    For these very images: other images would give another variance, whatever the noise.
    """
    responses = require(responses, trial=True).compute()
    measured = measurement_of(responses, reference, "corrected")
    cells = measured.cells
    own = np.maximum(measured.own, 0)[:, None, None]
    mean, noise, n_trials = (
        np.take_along_axis(values, own, axis=2)[:, :, 0]
        for values in (cells.mean, cells.noise, cells.n)
    )
    shown = n_trials > 0
    n = shown.sum(1)
    noise = np.where(shown, noise, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.where(shown, mean, 0.0).sum(1) / n
        deviation = np.where(shown, mean - centre[:, None], 0.0)
        freedom = np.maximum(n_trials - 1, 1)
        squared = noise**2 * freedom / (freedom + 2)  # which v² of that freedom exceeds on average
        squares = squared.sum(1)
        # The noise in the deviations is in the first sum twice.
        by_signal = np.maximum(4 * (deviation**2 * noise).sum(1) - 2 * squares, squares)
        of_noise = (squared / freedom).sum(1)
        variance = by_signal / (n - 1.0) ** 2 + 2 * of_noise / n**2
    variance[(measured.own < 0) | (n < 2)] = np.nan
    unit = responses["unit"] if "unit" in responses.coords else np.arange(variance.size)
    units = responses.attrs.get("units", "a.u.")
    return xr.DataArray(
        np.sqrt(variance),
        dims="unit",
        coords={"unit": np.asarray(unit)},
        name="dynamic_range_error",
        attrs={"units": f"({units})²"},
    )


def aligned_spikes(
    spike_times: Any, onsets: Any, *, window: tuple[float, float] = (-0.1, 0.4)
) -> list[np.ndarray]:
    """Return a unit's spikes around each presentation, timed from its onset.

    Parameters
    ----------
    spike_times : array_like, (spike)
        In seconds, in any order.
    onsets : array_like, (presentation)
        When the image came on, on the clock of the spikes, in seconds.
    window : (float, float)
        From and to when, in seconds from the onset; the end is not part of it.

    Returns
    -------
    list of numpy.ndarray
        One for each presentation, in seconds from its onset.

    Raises
    ------
    InputError
        If the window does not end after it begins, or times are no numbers.

    Examples
    --------
    >>> [each.round(2).tolist() for each in aligned_spikes([1.05, 1.2, 2.3], [1.0, 2.0])]
    [[0.05, 0.2], [0.3]]
    """
    start, stop = _window(window)
    times = np.sort(real_numbers(spike_times, "spike_times"))
    begun = real_numbers(onsets, "onsets")
    first, last = (np.searchsorted(times, begun + edge) for edge in (start, stop))
    return [times[a:b] - on for a, b, on in zip(first, last, begun, strict=True)]


def peristimulus(
    spikes: Mapping[Any, Sequence[Any]],
    *,
    window: tuple[float, float] = (-0.1, 0.4),
    bin_width: float = 0.01,
) -> xr.Dataset:
    """Return the firing rate around the onset of the images, at each position.

    Parameters
    ----------
    spikes : mapping of position to sequence of array_like
        Of each presentation there the spikes, in seconds from its onset: see
        :func:`aligned_spikes`.
    window : (float, float)
        In seconds from the onset; it is filled with whole bins from its beginning.
    bin_width : float
        In seconds.

    Returns
    -------
    xarray.Dataset, (position, time)
        ``rate``, in spikes/s, and its ``standard_error`` over presentations; ``n_presentations``
        (position); ``time`` is the middle of each bin, in seconds.

    Raises
    ------
    InputError
        If the window does not hold a bin, or there are no presentations.

    Examples
    --------
    >>> rate = peristimulus({0: [[0.01, 0.02], [0.01]]}, window=(0.0, 0.1), bin_width=0.05)
    >>> rate["rate"].values.tolist()
    [[30.0, 0.0]]
    """
    start, stop = _window(window)
    width = real_number(bin_width, "bin_width", least=0.0, above=True)
    n_bins = int((stop - start) / width + 1e-9)
    if n_bins < 1:
        msg = f"bin_width must fit into the window of {stop - start:g} s; got {width:g}"
        raise InputError(msg)
    empty = [position for position, shown in spikes.items() if len(shown) == 0]
    if empty or not spikes:
        msg = f"spikes must have presentations at every position; none at {listed(empty) or 'any'}"
        raise InputError(msg)
    edges = start + width * np.arange(n_bins + 1)
    rate, error = np.empty((2, len(spikes), n_bins))
    for row, shown in enumerate(spikes.values()):
        counts = np.array([np.histogram(np.asarray(each, float), edges)[0] for each in shown])
        rate[row] = counts.mean(0) / width
        deviation = counts.std(0, ddof=1) if len(shown) > 1 else np.full(n_bins, np.nan)
        error[row] = deviation / np.sqrt(len(shown)) / width
    dims = ("position", "time")
    return xr.Dataset(
        {
            "rate": (dims, rate, {"units": "spikes/s"}),
            "standard_error": (dims, error, {"units": "spikes/s"}),
            "n_presentations": ("position", [len(shown) for shown in spikes.values()]),
        },
        coords={
            "position": list(spikes),
            "time": ("time", edges[:-1] + width / 2, {"units": "s"}),
        },
        attrs={"bin_width": width},
    )


def _window(window: Any) -> tuple[float, float]:
    edges = real_numbers(window, "window")
    if edges.shape != (2,) or not edges[1] > edges[0]:
        msg = f"window must be (from, to), in seconds from the onset; got {window}"
        raise InputError(msg)
    return float(edges[0]), float(edges[1])
