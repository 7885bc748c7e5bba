"""The relation on these very images, from single trials: their halves, position by position."""

import numpy as np

from artiphys.cores import in_threads
from artiphys.estimators.measurement import Measurement
from artiphys.estimators.pieces import units_in_turn
from artiphys.progress import tracked
from artiphys.signatures.left_out import of_one_repeat, used_and_counted, why_left_out
from artiphys.signatures.relation import Relation, relation_from
from artiphys.signatures.shortfalls import MIN_UNITS
from artiphys.signatures.split_halves import (
    N_SPLITS,
    NOTHING_FOUND,
    Halves,
    halves_in_splits,
    split_signature,
)

__all__ = ["relations_on_these_images"]

# Units that are halved at a time, by one core, whatever the number of cores: sums over more of them
# at once may be rounded otherwise.
AT_ONCE, LEAST_PIECES = 2**22, 4  # numbers
REASONS = ("n_too_noisy", "n_without_signal", "n_without_repeats", "n_not_measured")


def relations_on_these_images(
    measured: Measurement, *, level: float = 0.95, covariates: np.ndarray | None = None
) -> tuple[list[Relation], np.ndarray]:
    """Return the relation over the units of a group at each position away from the reference.

    Parameters
    ----------
    measured : Measurement
        Of this group, with trials.
    level : float
        Coverage of the intervals.
    covariates : numpy.ndarray, (unit, covariate), optional
        To be held constant.

    Returns
    -------
    relations : list of Relation
    used : numpy.ndarray of bool, (unit, position)
        Which units were measured well enough at each of these positions.
    """
    halves = _halves(measured)
    once = of_one_repeat(measured.cells.n, measured.own)
    reasons = why_left_out(halves.noise_error, measured.own, once)

    def at_position(position: int) -> Relation:
        return _relation(halves, reasons[:, position], position, level, covariates)

    ranked = 2 * halves.dynamic_range.size  # both quantities, of both halves
    found = in_threads(at_position, measured.away, numbers=ranked)
    relations = list(tracked(found, unit="position", total=len(measured.away)))
    return relations, reasons[:, measured.away] == ""


def _relation(
    halves: Halves,
    reason: np.ndarray,
    position: int,
    level: float,
    covariates: np.ndarray | None,
) -> Relation:
    usable, counts = used_and_counted(reason, covariates, REASONS)
    n_covariates = 0 if covariates is None else covariates.shape[1]
    n_units = int(usable.sum())
    found = NOTHING_FOUND
    if n_units >= MIN_UNITS + n_covariates:
        found = split_signature(
            halves.of_units(usable),
            position,
            covariates=None if covariates is None else covariates[usable],
        )
    return relation_from(
        found.correlation,
        n_units,
        level=level,
        spearman_attenuated=found.correlation.measured,
        reliability_dynamic_range=found.reliability_dynamic_range,
        reliability_invariance=found.reliability_invariance,
        **counts,
    )


def _halves(measured: Measurement) -> Halves:
    """Return the halves of units with references of their own."""
    n_unit, n_position = (measured.responses.sizes[dim] for dim in ("unit", "position"))
    whole = Halves(
        np.full((2, N_SPLITS, n_unit), np.nan),
        np.full((2, N_SPLITS, n_unit, n_position), np.nan),
        np.full((n_unit, n_position), np.nan),
    )

    def fill(piece: tuple[slice, np.ndarray]) -> int:
        units, values = piece
        own = measured.own[units]
        for at in np.unique(own[own >= 0]):
            members = own == at
            part = halves_in_splits(values if members.all() else values[members], int(at))
            which = units.start + np.flatnonzero(members)
            whole.dynamic_range[:, :, which] = part.dynamic_range
            whole.invariance[:, :, which] = part.invariance
            whole.noise_error[which] = part.noise_error
            whole.noise_error[which, at] = np.nan
        return own.size

    size = measured.responses.size
    pieces = units_in_turn(measured.responses, min(AT_ONCE, size // LEAST_PIECES + 1))
    done = in_threads(fill, pieces, numbers=size)
    for _ in tracked(done, unit="unit", total=n_unit, size=lambda n: n):
        pass
    return whole
