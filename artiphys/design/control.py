"""A control for a recording: the same recording, its relation destroyed, measured many times."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr

from artiphys.arguments import Faults, generator, real_number, share, whole_number
from artiphys.design.exchange import exchanged, true_relation
from artiphys.design.experiments import outcomes
from artiphys.design.population import Population
from artiphys.design.recorded import population_of
from artiphys.design.rejections import rejections
from artiphys.errors import InputError
from artiphys.responses.schema import reference_label, require
from artiphys.signatures.signature import signature

__all__ = ["control"]

Images = Literal["auto", "shown", "new"]
SESSION = "source"  # where the schema has sessions


def control(
    responses: xr.DataArray,
    *,
    relation: float = 0.0,
    images: Images = "auto",
    within: str | None = None,
    alike: str | None = SESSION,
    n_experiments: int = 200,
    alpha: float = 0.05,
    jobs: int | None = None,
    progress: bool | None = None,
    rng: Any = None,
    **how: Any,
) -> xr.Dataset:
    r"""Return what :func:`signature` finds in a recording whose relation was removed.

    Each unit keeps its dynamic range, its tuning at the reference position, its mean responses, its
    noise and its numbers of repeats. Its invariance becomes that of another unit of the same group,

    .. math:: \lambda_{uip} = m_{up} + s_{up} \left(\rho_{\pi(u) p} z_{ui}
              + \sqrt{1 - \rho_{\pi(u) p}^2}\, z^\perp_{uip}\right)

    with z and z⊥ its standardised tuning at the reference and what its tuning at p has beside that,
    m, s and ρ mean, standard deviation and correlation of the signal, freed of noise, and π a
    permutation. Trials are drawn around these rates, and the signature is measured. Over all
    permutations there is no relation, so that the share of p-values below `alpha` is the
    false-positive rate on recordings like this one.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position, trial)
    relation : float
        Spearman's correlation to give the recording in place of none: the share is then the power.
    images : {"auto", "shown", "new"}
        Whether rates are those to the images that were shown, or to others like them, drawn anew
        each time: then chance relations that a sample of images makes by itself are among what is
        controlled for. "auto" takes new ones where the signature is about images at large.
    within : str, optional
        A coordinate along ``unit``: invariance is exchanged among units that share its value, such
        as ``source``, the session. What relation there is *between* these then stays.
    alike : str, optional
        A coordinate along ``unit``: units that share its value get invariances that are as much
        alike as those recorded were (by their intraclass correlation), so that a test which takes
        such units for independent is shown to be too bold. By default units of a session.
    n_experiments : int
    alpha : float
        Level of the test.
    jobs : int, optional
        Processes at most, by default as many as there are cores; the numbers do not depend on it.
    progress : bool, optional
        Whether there are progress bars; by default only on a terminal.
    rng : seed or numpy.random.Generator
    **how
        Further arguments of :func:`signature`: `by`, `reference`, `noise`, `resample` ...

    Returns
    -------
    xarray.Dataset
        Over (`by`, position), the reference left out: ``rejection_rate``, the share of experiments
        with p < `alpha` among the ``n_answered`` that have a p-value, with its 95 % ``interval``
        (Wilson); over ``experiment`` too ``spearman`` and ``p_value`` found, and ``spearman_true``,
        the correlation in the rates that were drawn around. ``spearman_recorded`` and
        ``p_value_recorded`` are those of `responses` themselves.

    Raises
    ------
    InputError
        If there are no trials, or an argument is out of range or one that signature refuses.

    Notes
    -----
    The noise of a trial has a variance that rises with the mean response, a + b·mean for each spike
    (over-dispersed counts are negative binomial, under-dispersed ones binomial; what is no count is
    normal), and is independent between trials and units: drift, and gains that units share, do not
    enter. See the page *Design*.

    References
    ----------
    Goris, R. L. T., Movshon, J. A. & Simoncelli, E. P. (2014). Partitioning neuronal variability.
    Nat. Neurosci. 17, 858-865. https://doi.org/10.1038/nn.3711

    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    J. Am. Stat. Assoc. 22, 209-212. https://doi.org/10.1080/01621459.1927.10502953

    Examples
    --------
    >>> from artiphys.simulation import simulate_responses
    >>> responses, truth = simulate_responses(n_units=40, n_images=30, rng=0)
    >>> found = control(responses, n_experiments=20, rng=0)
    >>> float(found["rejection_rate"][0, 0]) < 0.3
    True
    """
    _check(relation, images, n_experiments, alpha, jobs)
    responses = require(responses, trial=True).compute()
    recorded = signature(responses, **how, progress=progress)
    if images == "auto":
        images = "new" if "image" in recorded.attrs.get("resample", "") else "shown"
    experiment = _experiment(responses, recorded, relation, images, within, alike, how)
    seeds = generator(rng).integers(2**63, size=n_experiments).tolist()
    found = np.stack(outcomes(experiment, seeds, jobs=jobs, progress=progress), axis=-1)
    return _result(recorded, found, alpha).assign_attrs(
        relation=float(relation), images=images, within=within or "", alike=alike or "",
        alpha=float(alpha), n_experiments=n_experiments, interval_method="Wilson", level=0.95,
        reference=str(recorded.attrs.get("reference", "")),
    )  # fmt: skip


def _check(relation: Any, images: Any, n_experiments: Any, alpha: Any, jobs: Any) -> None:
    faults = Faults()
    faults.of(real_number, relation, "relation", least=-1, most=1)
    if not (isinstance(images, str) and images in ("auto", "shown", "new")):
        faults.add(f"images must be 'auto', 'shown' or 'new'; got {images!r}")
    faults.of(whole_number, n_experiments, "n_experiments", 1)
    faults.of(share, alpha, "alpha")
    if jobs is not None:
        faults.of(whole_number, jobs, "jobs", 1)
    faults.refuse()


class _Group(NamedTuple):
    """The units of a group, and with which of them each may exchange."""

    members: np.ndarray
    units: Population
    within: np.ndarray | None
    alike: np.ndarray | None


@dataclass(frozen=True)
class _Experiment:
    """One recording like the recording, and its signature."""

    responses: xr.DataArray
    groups: tuple[_Group, ...]
    relation: float
    images: Images
    how: dict[str, Any]

    def __call__(self, seed: int) -> np.ndarray:
        """Return r_s, p-value and true r_s (3, group, position away)."""
        rng = np.random.default_rng(seed)
        drawn = np.full(self.responses.shape, np.nan)
        true = []
        for members, recorded, within, alike in self.groups:
            units = exchanged(recorded, self.relation, rng, within, alike)
            if self.images == "new":
                rates = units.rates_on_new_images(self.responses.sizes["image"], rng)
            else:
                rates = units.rates()
            measured = self.responses.notnull().values[members]
            drawn[members] = units.noise.trials(rates, measured, rng)
            true.append(np.delete(true_relation(units), units.at))
        found = signature(self.responses.copy(data=drawn), **self.how)
        return np.stack([found["spearman"].values, found["p_value"].values, np.array(true)])


def _experiment(
    responses: xr.DataArray,
    recorded: xr.Dataset,
    relation: float,
    images: Images,
    within: str | None,
    alike: str | None,
    how: dict[str, Any],
) -> _Experiment:
    by = recorded["spearman"].dims[0]
    at = _reference(responses, how.get("reference"))
    labels = [
        _labels(responses, name, which) for name, which in (("within", within), ("alike", alike))
    ]
    groups = []
    for group in recorded[by].values:
        members = np.flatnonzero(responses[by].values == group)
        units = population_of(responses.isel(unit=members), at)
        groups.append(
            _Group(members, units, *(None if each is None else each[members] for each in labels))
        )
    return _Experiment(responses, tuple(groups), float(relation), images, how)


def _reference(responses: xr.DataArray, reference: Hashable | None) -> int:
    labels = responses["position"].values.tolist()
    if reference == "best" and "best" not in labels:
        msg = "a control needs one reference position for all units; got 'best'; name a position"
        raise InputError(msg)
    return labels.index(reference_label(responses, reference))


def _labels(responses: xr.DataArray, name: str, coordinate: str | None) -> np.ndarray | None:
    """Return the number of the value that each unit has of a coordinate."""
    if coordinate is None or (coordinate == SESSION and SESSION not in responses.coords):
        return None
    if coordinate not in responses.coords or responses[coordinate].dims != ("unit",):
        along = [str(each) for each, c in responses.coords.items() if c.dims == ("unit",)]
        msg = f"{name} must be a coordinate along 'unit', one of {along}; got {coordinate!r}"
        raise InputError(msg)
    return np.unique(responses[coordinate].values.astype(str), return_inverse=True)[1]


def _result(recorded: xr.Dataset, found: np.ndarray, alpha: float) -> xr.Dataset:
    dims = recorded["spearman"].dims
    spearman, p_value, true = found
    n_answered, rate, interval = rejections(p_value, alpha)
    return xr.Dataset(
        {
            "rejection_rate": (dims, rate),
            "interval": ((*dims, "ci_bound"), interval),
            "n_answered": (dims, n_answered),
            "spearman_recorded": (dims, recorded["spearman"].values),
            "p_value_recorded": (dims, recorded["p_value"].values),
            "spearman": ((*dims, "experiment"), spearman),
            "p_value": ((*dims, "experiment"), p_value),
            "spearman_true": ((*dims, "experiment"), true),
        },
        coords={name: recorded[name] for name in (*dims, "ci_bound")},
    )
