"""The signature from one estimate of each quantity, its uncertainty by resampling."""

from typing import Any

import numpy as np
import xarray as xr

from artiphys.arguments import generator
from artiphys.correlations.partial import partial_spearman
from artiphys.correlations.ranks import MIN_PAIRS, with_ties
from artiphys.correlations.spearman import spearman
from artiphys.errors import InputError
from artiphys.estimators.dynamic_range import dynamic_range_of
from artiphys.estimators.invariance import invariance_of
from artiphys.estimators.pieces import values_of
from artiphys.progress import tracked
from artiphys.signatures.bootstrap import interval_over_images, interval_over_sessions
from artiphys.signatures.cautions import CAUTIONS
from artiphys.signatures.naive import naive_relation
from artiphys.signatures.relation import Relation, dataset_of
from artiphys.signatures.request import Request
from artiphys.signatures.shortfalls import UNDEFINED, warn_of_undefined

__all__ = ["signature_of_averages"]


def signature_of_averages(asked: Request) -> xr.Dataset:
    """Return what :func:`artiphys.signature` returns without trials, or with another noise."""
    _check_bootstrap(asked)
    measured = asked.measured
    dynamic_range, invariance = dynamic_range_of(measured), invariance_of(measured)
    dynamic_range = dynamic_range.copy(data=with_ties(dynamic_range.values))
    invariance = invariance.copy(data=with_ties(invariance.values, of_one=True))
    naive = None
    if measured.has_trials:
        as_measured = measured.as_measured()
        naive = dynamic_range_of(as_measured).values, invariance_of(as_measured).values
    seed = int(generator(asked.rng).integers(2**63))
    rows, attrs = [], {}
    for _, members in tracked(list(asked.members()), unit="group"):
        x, y = dynamic_range[members], invariance[members]
        found = _correlations(x, y, asked, members, seed)
        attrs = found.attrs
        relations = _relations(found, x, y, asked, members, seed)
        if naive is not None:
            pairs = (naive_relation(naive[0][members], column) for column in naive[1][members].T)
            relations = [
                one._replace(**of._asdict()) for one, of in zip(relations, pairs, strict=True)
            ]
        if asked.trials:
            relations = [one._replace(caution=CAUTIONS[measured.noise]) for one in relations]
        rows.append(relations)
    enough = MIN_PAIRS + len(asked.covariates)
    warn_of_undefined(asked.groups, rows, measured.noise, enough)
    result = dataset_of(rows, asked.by, asked.groups, asked.positions)
    kind = "basic bootstrap of Fisher's z" if "image" in asked.resample else "percentile bootstrap"
    result.attrs = attrs | {
        "noise": measured.noise or "as measured",
        "reference": measured.reference,
        "dynamic_range": dynamic_range.attrs["formula"],
        "invariance": invariance.attrs["formula"],
        "undefined": UNDEFINED[measured.noise],
        "min_units": enough,
        "interval_method": f"{kind} over {' and '.join(asked.resample)}",
        "covariates": ", ".join(asked.covariates),
    }
    return result


def _check_bootstrap(asked: Request) -> None:
    measured = asked.measured
    plain = measured.noise is None and not asked.covariates and not measured.is_best
    if "image" in asked.resample and not plain:
        msg = (
            "resample=('image', 'unit') draws images for noise=None without covariates, or takes "
            "trials and noise='auto'; change one of them"
        )
        raise InputError(msg)
    if "session" in asked.resample and asked.covariates:
        msg = "resample=('session', 'unit') with covariates needs trials and noise='auto'"
        raise InputError(msg)


def _correlations(
    x: xr.DataArray, y: xr.DataArray, asked: Request, members: np.ndarray, seed: int
) -> xr.Dataset:
    drawn: dict[str, Any] = {"n_resamples": asked.n_resamples, "level": asked.level, "rng": seed}
    if asked.constant is None:
        return spearman(x, y, **drawn)
    return partial_spearman(x, y, list(asked.constant[members].T), **drawn)


def _relations(
    found: xr.Dataset,
    x: xr.DataArray,
    y: xr.DataArray,
    asked: Request,
    members: np.ndarray,
    seed: int,
) -> list[Relation]:
    r, p_value, n = (found[name].values for name in ("spearman", "p_value", "n"))
    interval = found["interval"].transpose("position", "ci_bound").values
    drawn = asked.n_resamples, asked.level, seed
    defined = (x.notnull() & y.notnull()).transpose("position", "unit").values
    n_sessions: list[int | None] = [None] * r.size
    if "image" in asked.resample:
        at = int(asked.measured.own[0])
        values = values_of(asked.measured.of_units(members).responses)
        interval = interval_over_images(values, at, r, *drawn)
    if asked.sessions is not None and "session" in asked.resample:
        sessions = asked.sessions[members]
        interval = interval_over_sessions(x.values, y.values, sessions, r, *drawn)
        n_sessions = [np.unique(sessions[units]).size for units in defined]
    return [
        Relation(
            spearman=float(r[p]),
            lower=float(interval[p, 0]),
            upper=float(interval[p, 1]),
            p_value=float(p_value[p]),
            n_units=int(n[p]),
            n_sessions=n_sessions[p],
            n_undefined=x.sizes["unit"] - int(defined[p].sum()),
            n_without_covariate=int(defined[p].sum() - n[p]),
        )
        for p in range(r.size)
    ]
