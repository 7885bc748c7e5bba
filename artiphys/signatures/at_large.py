"""The relation for images at large: each image is scored by what the others say of a unit."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse, stats

from artiphys.cores import in_threads
from artiphys.estimators.held_out import MIN_IMAGES
from artiphys.estimators.measurement import Measurement
from artiphys.estimators.signal_moments import Cells
from artiphys.progress import tracked
from artiphys.signatures.held_out_scores import N_GRID, held_out_scores
from artiphys.signatures.left_out import of_one_repeat, too_few_images, used_and_counted
from artiphys.signatures.rank_slope import NO_SLOPE, RankSlope, mean_slope, rank_slope
from artiphys.signatures.relation import Relation, relation_from
from artiphys.signatures.shared_tuning import NONE_SHARED, SharedTuning, share_tuning
from artiphys.signatures.shortfalls import MIN_SESSIONS, MIN_UNITS

__all__ = ["relations_at_large", "relations_over_passes"]

REASONS = ("n_without_signal", "n_without_repeats", "n_few_images", "n_not_measured")


def relations_at_large(
    measured: Measurement,
    *,
    level: float = 0.95,
    covariates: np.ndarray | None = None,
    sessions: np.ndarray | None = None,
    over_sessions: bool = False,
    image_groups: np.ndarray | None = None,
) -> list[Relation]:
    """Return the relation over the units of a group, at each position away from the reference.

    Parameters
    ----------
    measured : Measurement
        Of this group, with trials.
    level : float
        Coverage of the intervals.
    covariates : numpy.ndarray, (unit, covariate), optional
        To be held constant.
    sessions : numpy.ndarray, (unit), optional
        The session of each unit.
    over_sessions : bool
        Whether the intervals are for sessions at large.
    image_groups : numpy.ndarray of int, (image), optional
        Images that are alike.
    """
    cells, own = _scaled(measured.cells), measured.own  # all that a worker is sent
    reasons = too_few_images(cells, own, of_one_repeat(cells.n, own))

    def at_position(position: int) -> Relation:
        usable, counts = used_and_counted(reasons[:, position], covariates, REASONS)
        of_session = None if sessions is None else sessions[usable]
        n_sessions = None
        if over_sessions and of_session is not None:
            n_sessions = np.unique(of_session).size
        found, shared = NO_SLOPE, NONE_SHARED
        if not (over_sessions and (n_sessions or 0) < MIN_SESSIONS):
            found, shared = _slope(
                _of_units(cells, usable),
                own[usable],
                position,
                constant=None if covariates is None else covariates[usable],
                sessions=of_session,
                image_groups=image_groups,
            )
            if over_sessions:
                found = found._replace(correlation=found.of_sessions)
        return _relation(
            found,
            int(usable.sum()),
            level,
            n_sessions=n_sessions,
            n_sharing_tuning=shared.n_units,
            **counts,
        )

    found = in_threads(at_position, measured.away, numbers=N_GRID * own.size)
    return list(tracked(found, unit="position", total=len(measured.away)))


def relations_over_passes(passes: Sequence[Cells], positions: Iterable[int]) -> list[Relation]:
    """Return the relation over the same units measured several times, the passes averaged.

    Parameters
    ----------
    passes : sequence of Cells
        Each with its own noise. The reference is position 0.
    positions : iterable of int
    """
    own = np.zeros(len(passes[0].mean), dtype=int)
    never = np.zeros(passes[0].mean[:, 0].shape, dtype=bool)
    measured = [too_few_images(cells, own, never) == "" for cells in passes]
    relations = []
    for position in positions:
        slopes, n_units, n_sharing = [], [], []
        together = sparse.csr_array((own.size, own.size))
        for cells, of_pass in zip(passes, measured, strict=True):
            usable = of_pass[:, position]
            n_units.append(int(usable.sum()))
            found, shared = _slope(_of_units(cells, usable), own[usable], position)
            if np.isfinite(found.correlation.slope):
                of_all = sparse.eye_array(own.size).tocsc()[:, usable]
                slopes.append(found._replace(influence=of_all @ found.influence))
                together = together + of_all @ shared.together @ of_all.T
                n_sharing.append(shared.n_units)
        found = mean_slope(slopes, together / len(slopes)) if slopes else NO_SLOPE
        typical = [round(float(np.median(of))) if of else 0 for of in (n_units, n_sharing)]
        relations.append(_relation(found, typical[0], 0.95, n_sharing_tuning=typical[1]))
    return relations


def _slope(
    cells: Cells,
    own: np.ndarray,
    position: int,
    *,
    constant: np.ndarray | None = None,
    sessions: np.ndarray | None = None,
    image_groups: np.ndarray | None = None,
) -> tuple[RankSlope, SharedTuning]:
    """Return the slope, and which units share their tuning with another."""
    n_held = 0 if constant is None else constant.shape[1]
    if own.size < MIN_UNITS + n_held:
        return NO_SLOPE, NONE_SHARED
    shown = np.isfinite(cells.mean[:, :, position]).any(0)
    cells = Cells(*(of[:, shown] for of in cells))
    groups = None if image_groups is None else image_groups[shown]
    if groups is not None and np.unique(groups).size < MIN_IMAGES:
        return NO_SLOPE, NONE_SHARED
    scores = held_out_scores(cells, own, position, groups)
    if scores is None:
        return NO_SLOPE, NONE_SHARED
    shared = share_tuning(cells, own, position)
    ranks = None if constant is None else stats.rankdata(constant, axis=0) / own.size
    found = rank_slope(
        scores,
        constant=ranks,
        together=shared.together,
        sessions=sessions,
        image_groups=groups,
    )
    return found, shared


def _scaled(cells: Cells) -> Cells:
    """Return cells of responses over the largest, so that no square is beyond what floats hold."""
    largest = np.nanmax(np.abs(cells.mean))
    if not largest > 0:
        return cells
    return Cells(cells.mean / largest, cells.n, cells.noise / largest**2)


def _of_units(cells: Cells, members: np.ndarray) -> Cells:
    return Cells(*(of[members] for of in cells))


def _relation(found: RankSlope, n_units: int, level: float, **counts: int | None) -> Relation:
    lower, upper = found.of_sessions.interval(1 - level)
    return relation_from(
        found.correlation,
        n_units,
        level=level,
        lower_over_sessions=lower,
        upper_over_sessions=upper,
        n_effective=found.n_effective,
        curvature=found.curvature,
        reliability_dynamic_range=found.reliability_dynamic_range,
        reliability_invariance=found.reliability_invariance,
        **counts,
    )
