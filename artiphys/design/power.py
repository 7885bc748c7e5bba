"""What a design finds, before the experiment: power by simulation, from nothing or from a pilot."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.arguments import Faults, generator, real_number, share, whole_number
from artiphys.design.exchange import exchanged
from artiphys.design.experiments import outcomes
from artiphys.design.population import Population
from artiphys.design.recorded import population_of
from artiphys.design.rejections import rejections
from artiphys.design.threshold import threshold
from artiphys.errors import InputError
from artiphys.responses.schema import reference_label, require
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses

__all__ = ["power"]

RELATIONS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SIMULATED = {"n_units": 80, "n_images": 60, "n_repeats": 5}  # the sizes without a pilot
POPULATION = {"rate": 10.0, "fano": 1.0, "window": 0.2}
LEAST = {"n_units": 3, "n_images": 3, "n_repeats": 2}


class _Design(NamedTuple):
    changed: str
    n_units: int
    n_images: int
    n_repeats: int


class _Task(NamedTuple):
    design: _Design
    relation: float
    seed: int


def power(
    n_units: int | None = None,
    n_images: int | None = None,
    n_repeats: int | None = None,
    rate: float | None = None,
    *,
    fano: float | None = None,
    window: float | None = None,
    pilot: xr.DataArray | None = None,
    area: Hashable | None = None,
    position: Hashable | None = None,
    relations: Sequence[float] = RELATIONS,
    factors: Sequence[float] = (0.5, 2.0),
    target: float = 0.8,
    n_experiments: int = 100,
    alpha: float = 0.05,
    jobs: int | None = None,
    progress: bool | None = None,
    rng: Any = None,
    **how: Any,
) -> xr.Dataset:
    """Return how often a design finds a relation between invariance and dynamic range.

    Experiments are simulated in which Spearman's correlation of dynamic range and invariance, over
    all units and images there could be, has a given value, and each is measured as
    :func:`signature` would. So are designs with fewer or more units, images and repeats, to see
    what they would buy.

    Without a pilot the rates are those of ``simulate_responses(relation=...)``. With one, units are
    drawn from it with replacement, each with the dynamic range, mean responses, invariance and
    noise it has once the noise is taken off, and answer to images that are new to them with
    responses distributed as those to the pilot's images. Invariance is exchanged between units
    until the relation is the one that is wanted.

    Parameters
    ----------
    n_units, n_images, n_repeats : int, optional
        The design: units, images, and trials of each image at each position. By default those of
        the pilot (the median of its repeats), and without one 80, 60 and 5.
    rate, fano, window : float, optional
        Of the simulated units, as in :func:`simulate_responses`: 10 spikes/s, 1 and 0.2 s by
        default. A pilot has its own.
    pilot : xarray.DataArray, (unit, image, position, trial), optional
        A recording to take units and noise from.
    area : str or number, optional
        The group of the pilot's units (a value of the coordinate that `by` names); needed if there
        are several.
    position : str or number, optional
        Label of the pilot's position at which invariance is measured; needed if there are several.
    relations : sequence of float
        The true correlations to try, rising, from 0 to 1.
    factors : sequence of float
        By what units, images and repeats are multiplied, one of them at a time. Designs of fewer
        than 3 units, 3 images or 2 repeats are left out.
    target : float
        The power that is wanted.
    n_experiments : int
        For each design and each relation.
    alpha, jobs, progress, rng
        As in :func:`control`.
    **how
        Further arguments of :func:`signature`: `noise`, `resample` ...

    Returns
    -------
    xarray.Dataset
        Over ``design``, the planned one first: ``detectable``, the relation that is found in the
        share `target` of experiments, with its 95 % ``detectable_interval`` (infinite where none of
        `relations` is found so often); and over ``relation`` too ``power``, the share of
        experiments with p < `alpha` (of all; one without an answer finds nothing), its 95 %
        ``interval`` (Wilson), ``n_answered``, those with a p-value, and ``estimate``, their mean
        r_s. Along ``design``: ``changed``, what differs from the plan, ``n_units``, ``n_images``
        and ``n_repeats``. The power at a relation of 0 is the false-positive rate.

    Raises
    ------
    InputError
        If an argument is out of range, the pilot has no trials, or several areas or positions of
        which none is named.

    Notes
    -----
    A pilot's few units stand for all: what they are not like, no number of copies shows. The
    relation that is found so often lies on a curve that never falls (isotonic regression), between
    two of `relations`, so that a fine grid of these tells more than a coarse one.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    J. Am. Stat. Assoc. 22, 209-212. https://doi.org/10.1080/01621459.1927.10502953

    Examples
    --------
    >>> found = power(40, 30, 4, 20.0, relations=(0, 0.9), factors=(), n_experiments=10, rng=0)
    >>> found["power"].dims, found["changed"].values.tolist()
    (('design', 'relation'), ['as planned'])
    >>> bool(found["power"][0, 1] > found["power"][0, 0])
    True
    """
    relations, factors = _check(relations, factors, target, n_experiments, alpha, jobs)
    sizes: dict[str, int] = SIMULATED
    experiment: _Simulated | _FromPilot
    if pilot is None:
        experiment = _Simulated(_simulated(rate, fano, window, area, position), how)
    else:
        _refuse_rates(rate, fano, window)
        sizes, experiment = _from_pilot(pilot, area, position, how)
    planned = _planned(sizes, n_units=n_units, n_images=n_images, n_repeats=n_repeats)
    designs = _designs(planned, factors)
    drawn = generator(rng)
    tasks = [
        _Task(design, relation, int(drawn.integers(2**63)))
        for design in designs
        for relation in relations
        for _ in range(n_experiments)
    ]
    found = np.array(outcomes(experiment, tasks, jobs=jobs, progress=progress))
    found = found.reshape(len(designs), len(relations), n_experiments, 2)
    result = _result(designs, relations, found, alpha, target, drawn)
    return result.assign_attrs(
        alpha=float(alpha), target=float(target), n_experiments=n_experiments, level=0.95,
        interval_method="Wilson", **experiment.described(),
    )  # fmt: skip


@dataclass(frozen=True)
class _Simulated:
    """An experiment on units of :func:`simulate_responses`."""

    population: dict[str, Any]  # rate, fano, window
    how: dict[str, Any]

    def described(self) -> dict[str, Any]:
        return {"units_from": "simulate_responses", **self.population}

    def __call__(self, task: _Task) -> tuple[float, float]:
        """Return r_s and p-value."""
        responses, _ = simulate_responses(
            relation=task.relation,
            n_units=task.design.n_units,
            n_images=task.design.n_images,
            repeats=task.design.n_repeats,
            **self.population,
            rng=task.seed,
        )
        return _found(responses, self.how)


@dataclass(frozen=True)
class _FromPilot:
    """An experiment on units drawn from a pilot, of one group at two positions."""

    units: Population
    like: xr.DataArray  # (position): labels, group and units of response
    how: dict[str, Any]

    def described(self) -> dict[str, Any]:
        labels = [str(label) for label in self.like["position"].values]
        return {
            "units_from": f"a pilot of {len(self.units.mean)} units",
            "area": str(self.like["area"].item()),
            "reference": labels[0],
            "position": labels[1],
        }

    def __call__(self, task: _Task) -> tuple[float, float]:
        """Return r_s and p-value."""
        rng = np.random.default_rng(task.seed)
        n_units, n_images, n_repeats = task.design[1:]
        drawn = self.units.of_units(rng.integers(len(self.units.mean), size=n_units))
        units = exchanged(drawn, task.relation, rng)
        rates = units.rates_on_new_images(n_images, rng)
        measured = np.ones((*rates.shape, n_repeats), dtype=bool)
        responses = xr.DataArray(
            units.noise.trials(rates, measured, rng),
            dims=("unit", "image", "position", "trial"),
            coords={
                "unit": [f"unit_{u}" for u in range(n_units)],
                "image": [f"image_{i}" for i in range(n_images)],
                "position": self.like["position"].values,
                "area": ("unit", np.full(n_units, self.like["area"].item())),
                "source": ("unit", np.full(n_units, "pilot")),
            },
            name="response",
            attrs=self.like.attrs,
        )
        return _found(responses, self.how)


def _found(responses: xr.DataArray, how: dict[str, Any]) -> tuple[float, float]:
    found = signature(responses, **how).isel(position=0).squeeze()
    return float(found["spearman"]), float(found["p_value"])


def _from_pilot(
    pilot: xr.DataArray, area: Hashable | None, position: Hashable | None, how: dict[str, Any]
) -> tuple[dict[str, int], _FromPilot]:
    """Return the pilot's own sizes, and experiments on its units."""
    pilot = require(pilot, trial=True, name="pilot").compute()
    how = dict(how)
    by, reference = how.pop("by", "area"), reference_label(pilot, how.pop("reference", None))
    area = _one_of(np.unique(_along_units(pilot, by)).tolist(), area, "area")
    away = [label for label in pilot["position"].values.tolist() if label != reference]
    position = _one_of(away, position, "position")
    pilot = pilot.sel(position=[reference, position])
    pilot = pilot.isel(unit=np.flatnonzero(pilot[by].values == area))
    like = pilot.isel(unit=0, image=0, trial=0, drop=True).assign_attrs(reference=reference)
    repeats = pilot.notnull().sum("trial").values
    if not repeats.any():
        msg = f"pilot must hold trials of {area!r} at {reference!r} and {position!r}; got none"
        raise InputError(msg)
    sizes = {
        "n_units": pilot.sizes["unit"],
        "n_images": pilot.sizes["image"],
        "n_repeats": int(np.median(repeats[repeats > 0])),
    }
    experiment = _FromPilot(population_of(pilot, 0), like.assign_coords(area=area), how)
    return sizes, experiment


def _along_units(pilot: xr.DataArray, by: str) -> np.ndarray:
    if by not in pilot.coords or pilot[by].dims != ("unit",):
        along = [str(each) for each, c in pilot.coords.items() if c.dims == ("unit",)]
        msg = f"by must be a coordinate of the pilot along 'unit', one of {along}; got {by!r}"
        raise InputError(msg)
    return pilot[by].values


def _one_of(labels: list[Any], named: Hashable | None, name: str) -> Any:
    if named is None and len(labels) == 1:
        return labels[0]
    if named in labels:
        return labels[labels.index(named)]
    got = "none" if named is None else repr(named)
    msg = f"{name} must name one of the pilot's {labels}; got {got}"
    raise InputError(msg)


def _simulated(rate: Any, fano: Any, window: Any, area: Any, position: Any) -> dict[str, Any]:
    if area is not None or position is not None:
        msg = "area and position are of a pilot; got them without one"
        raise InputError(msg)
    given = {"rate": rate, "fano": fano, "window": window}
    population = POPULATION | {name: value for name, value in given.items() if value is not None}
    simulate_responses(n_units=1, n_images=1, repeats=1, **population, rng=0)  # or refuses
    return population


def _refuse_rates(rate: Any, fano: Any, window: Any) -> None:
    given = {"rate": rate, "fano": fano, "window": window}
    named = [name for name, value in given.items() if value is not None]
    if named:
        msg = f"a pilot has its own rates and noise; leave out {', '.join(named)}"
        raise InputError(msg)


def _check(
    relations: Any, factors: Any, target: Any, n_experiments: Any, alpha: Any, jobs: Any
) -> tuple[list[float], list[float]]:
    faults = Faults()
    for name, value in (("target", target), ("alpha", alpha)):
        faults.of(share, value, name)
    faults.of(whole_number, n_experiments, "n_experiments", 1)
    if jobs is not None:
        faults.of(whole_number, jobs, "jobs", 1)
    relations, factors = (np.atleast_1d(given).tolist() for given in (relations, factors))
    for relation in relations:
        faults.of(real_number, relation, "relations", least=0, most=1)
    for factor in factors:
        faults.of(real_number, factor, "factors", least=0, above=True, most=100)
    faults.refuse()
    if not relations or sorted(set(relations)) != relations:
        msg = f"relations must be rising numbers, at least one; got {relations}"
        raise InputError(msg)
    return relations, factors


def _planned(sizes: dict[str, int], **given: Any) -> _Design:
    faults = Faults()
    for name, value in given.items():
        if value is not None:
            faults.of(whole_number, value, name, LEAST[name])
    faults.refuse()
    chosen = sizes | {name: int(value) for name, value in given.items() if value is not None}
    for name, least in LEAST.items():
        whole_number(chosen[name], f"{name} of the pilot", least)
    return _Design("as planned", **chosen)


def _designs(planned: _Design, factors: Sequence[float]) -> list[_Design]:
    """Return the plan, and what it is with one of its sizes changed."""
    designs = [planned]
    for name, least in LEAST.items():
        for factor in factors:
            size = int(factor * getattr(planned, name) + 0.5)
            if size >= least and size != getattr(planned, name):
                sizes = {each: getattr(planned, each) for each in LEAST} | {name: size}
                designs.append(_Design(f"{size} {name.removeprefix('n_')}", **sizes))
    return designs


def _result(
    designs: list[_Design],
    relations: list[float],
    found: np.ndarray,
    alpha: float,
    target: float,
    rng: np.random.Generator,
) -> xr.Dataset:
    estimate, p_value = np.moveaxis(found, -1, 0)
    n_answered, rate, interval = rejections(p_value, alpha, no_answer_counts=True)
    n, counts = p_value.shape[-1], (p_value < alpha).sum(-1)
    reached = np.array([threshold(np.array(relations), each, n, target, rng) for each in counts])
    known = np.isfinite(estimate)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, estimate, 0.0).sum(-1) / known.sum(-1)
    dims = ("design", "relation")
    return xr.Dataset(
        {
            "detectable": ("design", reached[:, 0]),
            "detectable_interval": (("design", "ci_bound"), reached[:, 1:]),
            "power": (dims, rate),
            "interval": ((*dims, "ci_bound"), interval),
            "n_answered": (dims, n_answered),
            "estimate": (dims, mean),
        },
        coords={
            "relation": relations,
            "ci_bound": ["lower", "upper"],
            **{
                name: ("design", [getattr(design, name) for design in designs])
                for name in _Design._fields
            },
        },
    )
