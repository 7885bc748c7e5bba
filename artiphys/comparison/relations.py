"""What each side of a comparison shows: an area as recorded, a layer seen through the recording."""

from collections.abc import Iterable
from functools import partial
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from artiphys.comparison.experiment import Experiment, experiment_of, units_measured_through
from artiphys.comparison.sides import Sides, images_drawn
from artiphys.cores import in_threads
from artiphys.correlations.inference import (
    UNKNOWN,
    BoundedCorrelation,
    RankCorrelation,
    jackknife_correlation,
)
from artiphys.correlations.ranks import with_ties
from artiphys.estimators.measurement import Measurement
from artiphys.estimators.moments import Moments, correlation_of
from artiphys.estimators.pieces import averages_of, values_of
from artiphys.estimators.signal_moments import MAX_NOISE_ERROR, Cells, cells_of
from artiphys.progress import tracked
from artiphys.signatures.at_large import Group, relations_at_large, relations_over_passes
from artiphys.signatures.held_out_scores import NUMBERS_OF_UNIT
from artiphys.signatures.on_these_images import relations_on_these_images
from artiphys.signatures.relation import Relation, relation_from
from artiphys.signatures.request import sessions_of
from artiphys.signatures.shortfalls import MIN_UNITS
from artiphys.signatures.split_halves import (
    Halves,
    averaged_signature,
    halves_in_splits,
)

__all__ = ["Shown", "of_area", "of_layer"]

SPLITS_OF_A_PASS = 8


class Shown(NamedTuple):
    """The relation of one side at one position, and what the responses as measured say."""

    relation: Relation
    naive: RankCorrelation

    @property
    def correlation(self) -> RankCorrelation | BoundedCorrelation:
        """The relation's, with what an interval of any level is made from."""
        return self.relation.correlation or UNKNOWN


def of_area(recorded: Measurement, sides: Sides, resample: tuple[str, ...]) -> list[Shown]:
    """Return the relation in an area at each position; the reference is the first of them."""
    if not sides.trials:
        return _as_measured(recorded)
    if resample == ("unit",):
        relations, _ = relations_on_these_images(recorded)
    else:
        sessions, over_sessions = sessions_of(recorded.responses), "session" in resample
        group = Group(recorded, sessions=sessions, over_sessions=over_sessions)
        (relations,) = relations_at_large([group])
    naive = _as_measured(recorded.as_measured())
    return [Shown(of, as_it_is.naive) for of, as_it_is in zip(relations, naive, strict=True)]


def of_layer(
    probed: Measurement,
    recorded: Measurement,
    sides: Sides,
    resample: tuple[str, ...],
    n_passes: int,
    rng: np.random.Generator,
) -> list[Shown]:
    """Return the relation in a layer at each position, seen through an area's recording."""
    if not sides.matched:
        return _as_measured(probed)
    if not sides.trials:
        return _on_fewer_images(probed, recorded, n_passes, rng)
    naive = _as_measured(probed)
    experiment = experiment_of(recorded.cells, 0)
    if experiment.mean.size == 0:
        return [Shown(relation_from(UNKNOWN, 0), as_it_is.naive) for as_it_is in naive]

    drawn = images_drawn(probed.responses, recorded.responses, n_passes, rng)
    shown = map(itemgetter(0), tracked(drawn, unit="pass", total=n_passes))
    passes = map(values_of, shown)  # by map, as a loop would keep the last while the next is made
    positions = range(1, probed.responses.sizes["position"])
    relations: Iterable[Relation]
    if resample == ("unit",):
        halves = list(map(partial(_halves, experiment=experiment, rng=rng), passes))
        at_position = partial(_averaged, halves)
        found = in_threads(at_position, positions, numbers=NUMBERS_OF_UNIT * probed.own.size)
        relations = tracked(found, unit="position", total=len(positions))
    else:
        cells = map(partial(_cells, experiment=experiment, rng=rng), passes)
        relations = relations_over_passes(cells, positions)
    return [Shown(of, as_it_is.naive) for of, as_it_is in zip(relations, naive, strict=True)]


def _cells(values: np.ndarray, experiment: Experiment, rng: np.random.Generator) -> Cells:
    """Return the cells of a pass, whose trials are there for some units at a time."""
    cells = Cells(*(np.full(values.shape, fill) for fill in (np.nan, 0.0, np.nan)))
    for units, trials in units_measured_through(values, 0, experiment, rng):
        for into, of in zip(cells, cells_of(trials), strict=True):
            into[units] = of
    return cells


def _halves(values: np.ndarray, experiment: Experiment, rng: np.random.Generator) -> Halves:
    """Return the halves of a pass, likewise."""
    n_unit, _, n_position = values.shape
    halves = Halves(
        np.full((2, SPLITS_OF_A_PASS, n_unit), np.nan),
        np.full((2, SPLITS_OF_A_PASS, n_unit, n_position), np.nan),
        np.full((n_unit, n_position), np.nan),
    )
    for units, trials in units_measured_through(values, 0, experiment, rng):
        part = halves_in_splits(trials, 0, SPLITS_OF_A_PASS)
        halves.dynamic_range[:, :, units] = part.dynamic_range
        halves.invariance[:, :, units] = part.invariance
        halves.noise_error[units] = part.noise_error
    return halves


def _averaged(passes: list[Halves], position: int) -> Relation:
    usable = [halves.noise_error[:, position] <= MAX_NOISE_ERROR for halves in passes]
    n_units = float(np.median([members.sum() for members in usable]))
    if n_units < MIN_UNITS:
        return relation_from(UNKNOWN, round(n_units))
    enough = [k for k, members in enumerate(usable) if members.sum() >= MIN_UNITS]
    found = averaged_signature([passes[k] for k in enough], position, [usable[k] for k in enough])
    return relation_from(found.correlation, round(n_units))


def _on_fewer_images(
    probed: Measurement, recorded: Measurement, n_passes: int, rng: np.random.Generator
) -> list[Shown]:
    """Return the layer on as many images as the recording has, the passes averaged."""
    drawn = images_drawn(probed.responses, recorded.responses, n_passes, rng)
    passes = [_shown(averages_of(shown, 0).moments) for shown, _ in drawn]
    result = []
    for p, as_it_is in enumerate(_as_measured(probed)):
        of_passes = [shown[p] for shown in passes]
        mean = RankCorrelation(*np.mean([tuple(one.naive) for one in of_passes], axis=0))
        n_units = float(np.median([one.relation.n_units for one in of_passes]))
        result.append(Shown(relation_from(mean, round(n_units)), as_it_is.naive))
    return result


def _as_measured(averages: Measurement) -> list[Shown]:
    """Return the relation of averages (unit, image, position), whatever noise is in them."""
    return _shown(averages.moments)


def _shown(moments: Moments) -> list[Shown]:
    x, correlation = with_ties(moments.variance[:, 0]), correlation_of(moments)
    correlation = with_ties(correlation, of_one=True)
    shown = []
    for y in correlation[:, 1:].T:
        known = np.isfinite(x) & np.isfinite(y)
        found = UNKNOWN
        if known.sum() >= MIN_UNITS and np.ptp(x[known]) > 0 and np.ptp(y[known]) > 0:
            found = jackknife_correlation(x[known], y[known])
        shown.append(Shown(relation_from(found, int(known.sum())), found))
    return shown
