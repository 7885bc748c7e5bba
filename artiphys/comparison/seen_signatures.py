"""What each side of a comparison measures: an area as it was recorded, a layer seen through it."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from artiphys.comparison.experiment import experiment_of, through_experiment
from artiphys.comparison.sides import images_drawn
from artiphys.correlations.difference import Correlation, correlation_of_units
from artiphys.estimators.dynamic_range import with_reference
from artiphys.estimators.moments import moments_across_images
from artiphys.estimators.signal_moments import MAX_NOISE_ERROR
from artiphys.signatures.split_halves import (
    MIN_RELIABILITY,
    MIN_UNITS,
    Halves,
    averaged_signature,
    halves_in_splits,
)
from artiphys.signatures.trials import MIN_SESSIONS, cell_of, units_of_group

__all__ = ["Seen", "as_measured", "of_area", "of_layer", "of_layer_on_fewer_images"]

SPLITS_OF_A_PASS = 8
NO_ESTIMATE = Correlation(*[float("nan")] * 4)


class Seen(NamedTuple):
    """One side of the comparison at one position."""

    relation: Correlation
    n_units: float
    naive: Correlation
    n_sessions: int = MIN_SESSIONS  # of these units, where sessions are resampled

    @property
    def why_not(self) -> str:
        """Why the relation has no estimate; empty if it has one."""
        if np.isfinite(self.relation.estimate):
            return ""
        n = round(self.n_units)
        if n < MIN_UNITS:
            return f"{n} {'unit' if n == 1 else 'units'} measured"
        if self.n_sessions < MIN_SESSIONS:
            of = f"{self.n_sessions} {'session' if self.n_sessions == 1 else 'sessions'}"
            return f"{n} units measured in {of}, of which it takes {MIN_SESSIONS}"
        return f"{n} units, which do not measurably differ"


def of_area(recorded: xr.DataArray, resample: tuple[str, ...]) -> list[Seen]:
    """Return the signature of an area (unit, image, position, trial) at each position.

    The reference is the first position, here and below.
    """
    naive = as_measured(recorded.mean("trial", keep_attrs=True))
    measured = with_reference(recorded, None, "split")
    units = units_of_group(measured, np.ones(recorded.sizes["unit"], dtype=bool), resample)
    seen = []
    for p, as_it_is in enumerate(naive, start=1):
        row = cell_of(units, p, 0.95)
        relation = _divided(
            row["spearman_attenuated"],
            (row["reliability_dynamic_range"], row["reliability_invariance"]),
            row["error"],
            row["freedom"],
        )
        n_sessions = row.get("n_sessions", MIN_SESSIONS)
        seen.append(Seen(relation, row["n_units"], as_it_is.relation, int(n_sessions)))
    return seen


def of_layer(
    probed: xr.DataArray, recorded: xr.DataArray, n_passes: int, rng: np.random.Generator
) -> list[Seen]:
    """Return the signature of a layer (unit, image, position) seen through the area's recording."""
    naive = as_measured(probed)
    experiment = experiment_of(recorded.values, 0)
    if experiment.mean.size == 0:
        return [Seen(NO_ESTIMATE, 0, as_it_is.relation) for as_it_is in naive]
    passes = []
    for _ in range(n_passes):
        values, _images = images_drawn(probed, recorded, rng)
        seen_through = through_experiment(values, 0, experiment, rng)
        passes += halves_in_splits(seen_through, 0, SPLITS_OF_A_PASS)
    return [
        Seen(*_over_passes(passes, p), as_it_is.relation)
        for p, as_it_is in enumerate(naive, start=1)
    ]


def _over_passes(passes: list[Halves], position: int) -> tuple[Correlation, float]:
    usable = [halves.noise_error[:, position] <= MAX_NOISE_ERROR for halves in passes]
    n_units = float(np.median([members.sum() for members in usable]))
    if n_units < MIN_UNITS:
        return NO_ESTIMATE, n_units
    enough = [k for k, members in enumerate(usable) if members.sum() >= MIN_UNITS]
    found = averaged_signature([passes[k] for k in enough], position, [usable[k] for k in enough])
    reliability = (found.reliability_dynamic_range, found.reliability_invariance)
    return _divided(found.attenuated, reliability, found.error, found.freedom), n_units


def _divided(
    measured: float, reliability: tuple[float, float], error: float, freedom: float
) -> Correlation:
    known = min(reliability) >= MIN_RELIABILITY
    return Correlation(
        measured, error, freedom, float(np.sqrt(np.prod(reliability))) if known else float("nan")
    )


def of_layer_on_fewer_images(
    probed: xr.DataArray, recorded: xr.DataArray, n_passes: int, rng: np.random.Generator
) -> list[Seen]:
    """Return the layer on as many images as the recording has, the passes averaged."""
    passes = []
    for _ in range(n_passes):
        values, images = images_drawn(probed, recorded, rng)
        passes.append(as_measured(probed.isel(image=images).copy(data=values)))
    result = []
    for p, as_it_is in enumerate(as_measured(probed)):
        of_passes = [seen[p] for seen in passes]
        mean = Correlation(*np.mean([tuple(seen.relation) for seen in of_passes], axis=0))
        n_units = float(np.median([seen.n_units for seen in of_passes]))
        result.append(Seen(mean, n_units, as_it_is.relation))
    return result


def as_measured(averages: xr.DataArray) -> list[Seen]:
    """Return the signature of averages (unit, image, position), whatever noise is in them."""
    variance, correlation = moments_across_images(averages.values, 0)
    seen = []
    for p in range(1, averages.sizes["position"]):
        x, y = variance[0], correlation[0, :, p]
        known = np.isfinite(x) & np.isfinite(y)
        x, y = x[known], y[known]
        if x.size < MIN_UNITS or np.ptp(x) == 0 or np.ptp(y) == 0:
            seen.append(Seen(NO_ESTIMATE, x.size, NO_ESTIMATE))
            continue
        relation = correlation_of_units(x, y)
        seen.append(Seen(relation, x.size, relation))
    return seen
