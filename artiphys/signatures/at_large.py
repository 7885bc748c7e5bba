"""The relation for images at large: each image is scored by what the others say of a unit."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy import sparse, stats

from artiphys.cores import in_threads
from artiphys.estimators.held_out import MIN_IMAGES
from artiphys.estimators.measurement import Measurement
from artiphys.estimators.signal_moments import Cells
from artiphys.progress import tracked
from artiphys.signatures.held_out_scores import NUMBERS_OF_UNIT, held_out_scores
from artiphys.signatures.left_out import of_one_repeat, too_few_images, used_and_counted
from artiphys.signatures.rank_slope import NO_SLOPE, RankSlope, mean_slope, rank_slope
from artiphys.signatures.relation import Relation, relation_from
from artiphys.signatures.shared_tuning import NONE_SHARED, SharedTuning, share_tuning
from artiphys.signatures.shortfalls import MIN_SESSIONS, MIN_UNITS

__all__ = ["Group", "relations_at_large", "relations_over_passes"]

REASONS = ("n_without_signal", "n_without_repeats", "n_few_images", "n_not_measured")


@dataclass(frozen=True)
class Group:
    """Units whose relation is asked for, and how."""

    measured: Measurement  # with trials
    level: float = 0.95  # coverage of the intervals
    covariates: np.ndarray | None = None  # (unit, covariate), to be held constant
    sessions: np.ndarray | None = None  # (unit), the session of each
    over_sessions: bool = False  # whether the intervals are for sessions at large
    image_groups: np.ndarray | None = None  # (image), ints: which are alike


def relations_at_large(groups: Sequence[Group]) -> list[list[Relation]]:
    """Return the relation over the units of each group, at each position away from the reference.

    Groups and positions are one list of tasks. The groups are of one array.
    """
    away = groups[0].measured.away
    relation_of = [_relation_at(group) for group in groups]
    tasks = list(product(range(len(groups)), away))
    largest = max(group.measured.own.size for group in groups)
    found = in_threads(
        lambda task: relation_of[task[0]](task[1]), tasks, numbers=NUMBERS_OF_UNIT * largest
    )
    relations = list(tracked(found, unit="position", total=len(tasks)))
    return [relations[start : start + len(away)] for start in range(0, len(tasks), len(away))]


def _relation_at(group: Group) -> Callable[[int], Relation]:
    """Return what gives the relation at a position away, with no more than a worker needs."""
    covariates, sessions, over_sessions = group.covariates, group.sessions, group.over_sessions
    level, image_groups = group.level, group.image_groups
    cells, own = _scaled(group.measured.cells), group.measured.own
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

    return at_position


def relations_over_passes(passes: Iterable[Cells], positions: Sequence[int]) -> list[Relation]:
    """Return the relation over the same units measured several times, the passes averaged.

    Parameters
    ----------
    passes : iterable of Cells
        Each with its own noise, made as they are needed: one is kept at a time. The reference is
        position 0.
    positions : sequence of int
    """
    of_passes = map(partial(_of_pass, positions=positions), passes)  # which keeps none of them
    return [_over_passes(of_position) for of_position in zip(*of_passes, strict=True)]


class _Pass(NamedTuple):
    """What a pass says at one position."""

    found: RankSlope
    shared: SharedTuning
    usable: np.ndarray  # (unit)


def _of_pass(cells: Cells, positions: Sequence[int]) -> list[_Pass]:
    own = np.zeros(len(cells.mean), dtype=int)
    measured = too_few_images(cells, own, np.zeros(cells.mean[:, 0].shape, dtype=bool)) == ""

    def at_position(position: int) -> _Pass:
        usable = measured[:, position]
        return _Pass(*_slope(_of_units(cells, usable), own[usable], position), usable)

    return list(in_threads(at_position, positions, numbers=NUMBERS_OF_UNIT * own.size))


def _over_passes(passes: Sequence[_Pass]) -> Relation:
    n_unit = passes[0].usable.size
    slopes, n_sharing = [], []
    together = sparse.csr_array((n_unit, n_unit))
    for found, shared, usable in passes:
        if np.isfinite(found.correlation.slope):
            of_all = sparse.eye_array(n_unit).tocsc()[:, usable]
            slopes.append(found._replace(influence=of_all @ found.influence))
            together = together + of_all @ shared.together @ of_all.T
            n_sharing.append(shared.n_units)
    n_units = [int(usable.sum()) for _, _, usable in passes]
    found = mean_slope(slopes, together / len(slopes)) if slopes else NO_SLOPE
    typical = [round(float(np.median(of))) if of else 0 for of in (n_units, n_sharing)]
    return _relation(found, typical[0], 0.95, n_sharing_tuning=typical[1])


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
    if not shown.all():
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
    largest = np.fmax.reduce(np.abs(cells.mean), axis=None, initial=0.0)
    if not largest > 0:
        return cells
    return Cells(cells.mean / largest, cells.n, cells.noise / largest**2)


def _of_units(cells: Cells, members: np.ndarray) -> Cells:
    return cells if members.all() else Cells(*(of[members] for of in cells))


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
