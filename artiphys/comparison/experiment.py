"""The experiment of a recording, and a network seen through it: its images, repeats and noise.

Spearman's correlation sees ranks alone, so a network's units may be put on the recording's scale by
any map that keeps the ranks of their dynamic range and leaves each unit's invariance alone. The map
taken here: the unit of the k-th widest dynamic range is given the mean rate, signal variance, noise
and numbers of repeats of the recorded unit at that place in the order. A unit's responses are only
shifted and scaled for it. A recorded unit drawn at random would not do: in a recording the units of
narrow dynamic range are the noisy ones, and are those that drop out.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.arguments import generator
from artiphys.comparison.sides import checked_sides, images_drawn
from artiphys.errors import InputError
from artiphys.estimators.blocks import some_units
from artiphys.estimators.moments import moments_across_images
from artiphys.estimators.pieces import values_of
from artiphys.estimators.signal_moments import Cells, signal_moments
from artiphys.responses.provenance import provenance

__all__ = [
    "Experiment",
    "experiment_of",
    "matched_responses",
    "measured_through",
    "units_measured_through",
]

MIN_UNITS_SHAPE = 5
AT_ONCE = 2**22  # numbers: trials of units that go through the experiment together


class Experiment(NamedTuple):
    """What recorded units were like, in the order of their signal variance at the reference."""

    mean: np.ndarray  # (unit, position), of the responses
    variance: np.ndarray  # (unit, position), of the signal across images; negative by chance
    noise: np.ndarray  # (unit, position), variance of a trial, mean over images
    proportional: np.ndarray  # (unit), whether noise variance goes with the mean response
    at_signal: np.ndarray  # (unit, position), noise variance of a cell's mean where signal varies
    n: np.ndarray  # (unit, image, position), trials in each cell


def matched_responses(
    model: xr.DataArray,
    brain: xr.DataArray,
    *,
    positions: Mapping[Any, Any] | None = None,
    reference_model: Hashable | None = None,
    reference_brain: Hashable | None = None,
    rng: Any = None,
) -> xr.DataArray:
    """Return a network's responses as a recording would have measured them.

    One pass of what :func:`compare` averages over; its notes say how it is done.

    Parameters
    ----------
    model : xarray.DataArray, (unit, image, position)
        The units of one layer.
    brain : xarray.DataArray, (unit, image, position, trial)
        The units of one area.
    positions, reference_model, reference_brain, rng
        As in :func:`compare`.

    Returns
    -------
    xarray.DataArray, (unit, image, position, trial)
        The model's units, at the positions and in the units of response of the recording.

    Raises
    ------
    InputError
        As :func:`compare`.
    """
    sides = checked_sides(
        model,
        brain,
        reference_model=reference_model,
        reference_brain=reference_brain,
        positions=positions,
        trials=True,
    )
    drawn = generator(rng)
    model, brain = sides.model.responses, sides.brain.responses
    shown, images = next(images_drawn(model, brain, 1, drawn))
    experiment = experiment_of(sides.brain.cells, 0)
    if experiment.mean.size == 0:
        msg = "no recorded unit has two images with trials at the reference; nothing says its noise"
        raise InputError(msg)
    trials = measured_through(values_of(shown), 0, experiment, drawn)
    along = {n: c for n, c in model.coords.items() if c.dims == ("unit",)}
    coords = along | {n: c for n, c in brain.coords.items() if c.dims == ("position",)}
    known = ("units", "schema_version")
    attrs = {name: brain.attrs[name] for name in known if name in brain.attrs}
    attrs |= {"reference": brain["position"].values[0].item()}
    attrs["provenance"] = provenance("artiphys.matched_responses", arguments={"rng": str(rng)})
    return xr.DataArray(
        trials,
        dims=("unit", "image", "position", "trial"),
        coords=coords | {"image": model["image"].values[images]},
        name="response",
        attrs=attrs,
    )


def experiment_of(cells: Cells, at: int) -> Experiment:
    r"""Return the experiment that recorded units went through.

    The variance of a trial is taken to be in proportion to the mean response, with a factor for
    each unit and position,

    .. math:: \sigma^2_{uip} = f_{up} \, \lambda_{uip}, \quad
              f_{up} = \frac{\sum_i (m_{uip} - 1) s^2_{uip} / \sum_i (m_{uip} - 1)}
                            {\bar\lambda_{up}}

    which is 1 / window for Poisson spikes in spikes/s, and larger with over-dispersion. Where a
    unit's mean responses are partly negative (a baseline was taken off, or they are z-scores) its
    noise is taken to be the same for all images.

    Parameters
    ----------
    cells : Cells
        Of the recording.
    at : int
        Index of the reference position.

    Returns
    -------
    Experiment
        Of the units whose signal variance at the reference is known, the narrowest first.
    """
    moments = signal_moments(cells, at)
    known = np.flatnonzero(np.isfinite(moments.variance[:, at]))
    known = known[np.argsort(moments.variance[known, at], kind="stable")]
    n, cell_mean = cells.n[known], cells.mean[known]
    measured = n > 0
    freedom = np.maximum(n - 1, 0.0)
    scatter = np.where(measured, cells.noise[known] * n, 0.0)  # of one trial in each cell
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(measured, cell_mean, 0.0).sum(1) / measured.sum(1)
        noise = (freedom * scatter).sum(1) / freedom.sum(1)
        deviation = np.where(measured, cell_mean - mean[:, None], 0.0)
        cell_noise = np.where(measured, cells.noise[known], 0.0)
        own = cell_noise * np.maximum(n - 1, 1) / (n + 1)  # the square of a variance is too large
        at_signal = ((deviation**2 - own) * cell_noise).sum(1)
        at_signal /= (measured.sum(1) - 1) * moments.variance[known]
    at_signal = np.where(moments.variance[known] > moments.noise[known], at_signal, np.nan)
    lowest = np.where(measured, cell_mean, np.inf).min((1, 2))
    return Experiment(mean, moments.variance[known], noise, lowest >= 0, at_signal, n)


def measured_through(
    values: np.ndarray, at: int, experiment: Experiment, rng: np.random.Generator
) -> np.ndarray:
    """Return trials of a network's units, as the experiment would have measured them.

    The noise is normal: a network's responses may be negative, and rectifying them to make spikes
    would make the very relation that is to be compared.

    Parameters
    ----------
    values : numpy.ndarray, (unit, image, position)
        The network's responses to the experiment's images at its positions; NaN where unknown.
    at : int
        Index of the reference position.
    experiment : Experiment
        Of at least one unit.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, (unit, image, position, trial)
        NaN where the recording has no trial, and for units that are constant at the reference.
    """
    trials = np.full((*values.shape, int(experiment.n.max(initial=1))), np.nan)
    for units, of_units in units_measured_through(values, at, experiment, rng):
        trials[units] = of_units
    return trials


def units_measured_through(
    values: np.ndarray, at: int, experiment: Experiment, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield some units (int) at a time, and the trials that :func:`measured_through` has of them.

    In the order of their dynamic range, so that what is drawn for a unit does not hang on how many
    go together. Those that are constant at the reference are left out.
    """
    variance_at_reference = moments_across_images(values, at).variance[:, at]
    varies = np.flatnonzero(variance_at_reference > 0)
    order = varies[np.argsort(variance_at_reference[varies], kind="stable")]
    place = (np.arange(order.size) + 0.5) / max(order.size, 1)
    recorded = (place * len(experiment.mean)).astype(int)
    gains = _gains(place, experiment.variance[:, at])
    factors = _shape_factors(values, experiment, order, recorded)
    trial = np.arange(int(experiment.n.max(initial=1)))
    for some in some_units(order.size, order.size * values[0].size * trial.size, AT_ONCE):
        rates, cell_noise = _rates_and_noise(values[order[some]], experiment, recorded[some])
        drawn = rng.standard_normal((*rates.shape, trial.size))
        drawn *= np.sqrt(cell_noise * factors)[..., None]
        drawn += rates[..., None]
        drawn *= gains[some, None, None, None]
        drawn[trial >= experiment.n[recorded[some]][..., None]] = np.nan
        yield order[some], drawn


def _rates_and_noise(
    values: np.ndarray, experiment: Experiment, recorded: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each cell's mean response, and the variance of its trials (unit, image, position)."""
    mean, variance, noise = (
        quantity[recorded][:, None]
        for quantity in (experiment.mean, np.maximum(experiment.variance, 0.0), experiment.noise)
    )
    rates = mean + np.sqrt(variance) * _standardised(values)
    return rates, noise * _noise_weights(rates, experiment.proportional[recorded])


def _standardised(values: np.ndarray) -> np.ndarray:
    """Return the responses with mean 0 and variance 1 across images; 0 where they are constant."""
    known = ~np.isnan(values)
    n = known.sum(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = values - np.where(known, values, 0.0).sum(1, keepdims=True) / n
        scatter = np.where(known, centred, 0.0) ** 2
        deviation = np.sqrt(scatter.sum(1, keepdims=True) / (n - 1))
    varies = deviation > 0
    return np.where(varies, centred / np.where(varies, deviation, 1.0), 0.0 * values)


def _noise_weights(rates: np.ndarray, proportional: np.ndarray) -> np.ndarray:
    """Return how noise is shared out among images, 1 on average (unit, image, position)."""
    weights = np.where(proportional[:, None, None], np.maximum(rates, 0.0), 1.0)
    known = ~np.isnan(rates)
    total = np.where(known, weights, 0.0).sum(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, weights * known.sum(1, keepdims=True) / total, 1.0)


def _shape_factors(
    values: np.ndarray, experiment: Experiment, order: np.ndarray, recorded: np.ndarray
) -> np.ndarray:
    """Return what makes up for the shape of the model's tuning (position).

    A neuron that answers to few images is noisiest just at these, which a network's units of
    symmetric tuning would not be, at the same mean noise. The noise of the signal's own images
    decides how well variance and correlation can be measured, so that it is made to agree in the
    typical unit.
    """
    ratio = np.empty((order.size, values.shape[2]))
    for some in some_units(order.size, order.size * values[0].size):
        rates, noise = _rates_and_noise(values[order[some]], experiment, recorded[some])
        of_model = _noise_at_signal(rates, noise, experiment.n[recorded[some]])
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio[some] = experiment.at_signal[recorded[some]] / of_model
    known = np.isfinite(ratio) & (ratio > 0)
    factors = np.ones(ratio.shape[1])
    for p in np.flatnonzero(known.sum(0) >= MIN_UNITS_SHAPE):
        factors[p] = np.median(ratio[known[:, p], p])
    return factors


def _noise_at_signal(rates: np.ndarray, noise: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the noise variance of a cell's mean where the signal varies (unit, position)."""
    shown = (n > 0) & ~np.isnan(rates)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(shown, rates, 0.0).sum(1) / shown.sum(1)
        squares = np.where(shown, (rates - mean[:, None]) ** 2, 0.0)
        return (squares * np.where(shown, noise / n, 0.0)).sum(1) / squares.sum(1)


def _gains(place: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return gains that keep apart units which were given the same recorded unit (unit).

    A unit's signal variance is then read off the recording's distribution between its two
    neighbours, so that no two units tie.
    """
    seen = np.flatnonzero(variance > 0)
    gains = np.ones(place.size)
    if seen.size < 2:
        return gains
    nodes, logs = (seen + 0.5) / variance.size, np.log(variance[seen])
    ends = 1.5 * logs[[0, -1]] - 0.5 * logs[[1, -2]]
    nodes = np.concatenate([[nodes[0] - 0.5 / variance.size], nodes, [1.0]])
    logs = np.concatenate([[ends[0]], logs, [ends[1]]])
    recorded = (place * variance.size).astype(int)
    has_signal = variance[recorded] > 0
    wanted = np.interp(place[has_signal], nodes, logs)
    gains[has_signal] = np.exp((wanted - np.log(variance[recorded[has_signal]])) / 2)
    return gains
