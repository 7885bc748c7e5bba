"""How often the tests say yes where there is nothing, and how often their intervals hold the truth.

Each row of the first table is one kind of experiment, simulated many times. Without a relation the
truth is 0; with one it is Spearman's correlation of the true dynamic range and invariance, on these
images, over the units that were measured well enough, those of all experiments taken together.

    python benchmarks/calibration.py --experiments 1000 --jobs 2
"""

import argparse
import multiprocessing
import time
import warnings
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from artiphys import simulation
from artiphys.errors import ArtiphysWarning
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.estimators.signal_moments import (
    MAX_NOISE_ERROR,
    cells_of,
    noise_error,
    signal_moments,
)
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses

ALPHA = 0.05


class Condition(NamedTuple):
    """A kind of experiment."""

    units: int = 80
    images: int = 60
    repeats: int | tuple[int, int] = 5
    rate: float = 6.0
    relation: str = "none"
    fano: float = 1.0
    sessions: int = 1
    resample: tuple[str, ...] = ("unit",)
    population: str = ""  # one of POPULATIONS in place of the simulator's own

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of simulate_responses."""
        return {
            "n_units": self.units,
            "n_images": self.images,
            "repeats": self.repeats,
            "rate": self.rate,
            "relation": self.relation,
            "fano": self.fano,
            "n_sessions": self.sessions,
        }


CONDITIONS = (
    Condition(),
    Condition(rate=2.5),
    Condition(rate=40.0),
    Condition(repeats=2, rate=15.0),
    Condition(repeats=3, rate=10.0),
    Condition(repeats=(2, 10)),
    Condition(units=40, images=30, repeats=4, rate=15.0),
    Condition(units=200, images=30, repeats=(2, 10)),
    Condition(units=200, images=30, repeats=3, rate=10.0),
    Condition(units=200, images=30, repeats=5, rate=40.0),
    Condition(units=200, images=100, repeats=(2, 10), rate=4.0),
    Condition(repeats=6, rate=10.0, fano=2.0),
    Condition(repeats=(2, 10), rate=10.0, sessions=4),
    Condition(units=40, images=30, rate=15.0, resample=("image", "unit")),
    Condition(relation="rectification", rate=10.0),
    Condition(relation="rectification", rate=40.0),
    Condition(relation="rectification", repeats=2, rate=40.0),
    Condition(relation="rectification", repeats=(2, 10), rate=20.0),
    Condition(relation="rectification", units=200, images=30, repeats=4, rate=20.0),
    Condition(relation="rectification", repeats=6, rate=30.0, fano=2.0),
    Condition(repeats=(2, 10), rate=15.0, population="invariant"),
    Condition(rate=40.0, population="invariant"),
    Condition(units=200, images=100, repeats=(2, 10), rate=8.0, population="invariant"),
    Condition(repeats=(2, 10), rate=10.0, sessions=6, resample=("session", "unit")),
    Condition(units=200, images=30, rate=40.0, population="narrow"),
    Condition(units=120, images=30, rate=40.0, population="narrow"),
    Condition(units=200, images=60, rate=40.0, population="narrow"),
    Condition(units=120, images=30, rate=40.0, population="narrow", resample=("image", "unit")),
)
POPULATIONS = {
    "": {},
    # Little different in dynamic range: 0.8 and (0.6, 0.4) else.
    "narrow": {"SPREAD_OF_RATES": 0.2, "TUNING": (0.6, 0.15)},
    # Correlations of 0.87 ± 0.07, as in V4, in place of 0.57 ± 0.23.
    "invariant": {"RHO_NONE": (20.0, 3.0)},
}


class Outcome(NamedTuple):
    """What one experiment gave."""

    naive: float
    p_naive: float
    estimate: float
    lower: float
    upper: float
    p_value: float
    n_units: int
    p_corrected: float
    p_split: float
    truth: np.ndarray  # (quantity, unit): dynamic range and invariance of the units measured


def experiment(condition: Condition, seed: int) -> Outcome:
    """Simulate one recording and test it."""
    with mock.patch.dict(vars(simulation), POPULATIONS[condition.population]):
        responses, truth = simulate_responses(**condition.arguments(), rng=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArtiphysWarning)
        found = signature(responses, resample=condition.resample).isel(area=0, position=0)
    lower, upper = found["interval"].values
    values = responses.values
    usable = _usable(values)
    true = [truth["dynamic_range"].values[usable], truth["invariance"].values[usable, 1]]
    names = ("spearman_naive", "p_value_naive", "spearman")
    first = [float(found[name]) for name in names]
    others = [_p_value(responses, noise) for noise in ("corrected", "split")]
    return Outcome(
        *first, lower, upper, float(found["p_value"]), int(found["n_units"]), *others,
        truth=np.array(true),
    )  # fmt: skip


def _usable(values: np.ndarray) -> np.ndarray:
    cells = cells_of(values)
    error = noise_error(cells, signal_moments(cells, 0), 0)
    return error[:, 1] <= MAX_NOISE_ERROR


def _p_value(responses: Any, noise: Any) -> float:
    """Return the p-value of one estimate of each quantity, by the t approximation."""
    x = dynamic_range(responses, noise=noise).values
    y = invariance(responses, noise=noise).values[:, 0]
    valid = np.isfinite(x + y)
    return float(stats.spearmanr(x[valid], y[valid]).pvalue) if valid.sum() > 3 else np.nan


def row_of(condition: Condition, outcomes: list[Outcome]) -> str:
    """Return one row of the table."""
    columns = [np.array(column, dtype=float) for column in list(zip(*outcomes, strict=True))[:-1]]
    naive, p_naive, estimate, lower, upper, p_value, n_units, p_corrected, p_split = columns
    truth = 0.0
    if condition.relation != "none":
        x, y = np.concatenate([outcome.truth for outcome in outcomes], axis=1)
        truth = float(stats.spearmanr(x, y, nan_policy="omit").statistic)
    known = np.isfinite(lower)
    covered = np.mean((lower[known] <= truth) & (truth <= upper[known]))
    repeats = condition.repeats
    cells = [
        condition.relation,
        condition.units,
        condition.images,
        "–".join(map(str, repeats)) if isinstance(repeats, tuple) else repeats,
        f"{condition.rate:g}",
        _remark(condition),
        f"{n_units.mean():.0f}",
        f"{np.nanmean(naive):.2f}",
        _share(p_naive),
        _share(p_corrected),
        _share(p_split),
        f"**{_share(p_value)}**",
        rate_interval(p_value < ALPHA, np.isfinite(p_value)),
        f"{truth:.2f}",
        f"{np.nanmean(estimate):.2f}",
        f"{covered:.3f}",
        f"{1 - known.mean():.3f}",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def _share(p_values: np.ndarray) -> str:
    known = np.isfinite(p_values)
    return f"{np.mean(p_values[known] < ALPHA):.3f}" if known.any() else "–"


def rate_interval(happened: np.ndarray, known: np.ndarray) -> str:
    """Return the 95 % interval (Wilson) of a rate among the experiments that are known."""
    if not known.any():
        return "–"
    lower, upper = proportion_confint(int(happened[known].sum()), int(known.sum()), method="wilson")
    return f"{lower:.3f}–{upper:.3f}"


def _remark(condition: Condition) -> str:
    remarks = [condition.population] if condition.population else []
    if condition.fano != 1:
        remarks.append(f"Fano factor {condition.fano:g}")
    if condition.sessions > 1:
        remarks.append(f"{condition.sessions} sessions")
    if condition.resample != ("unit",):
        remarks.append("resample " + ", ".join(condition.resample))
    return "; ".join(remarks)


HEADER = (
    "| relation | units | images | repeats | rate | | units used | naive r_s | naive | corrected "
    "| one split | **default** | 95 % | truth | estimate | coverage | no answer |\n"
    + "|---" * 17
    + "|"
)


def bias_table(n_experiments: int) -> str:
    """Return the bias of variance and correlation at 4 repeats."""
    lines = [
        "| rate | variance, naive | corrected | correlation, naive | corrected |",
        "|---|---|---|---|---|",
    ]
    for rate in (5.0, 15.0, 40.0):
        sums = []
        for seed in range(n_experiments):
            responses, truth = simulate_responses(relation="none", repeats=4, rate=rate, rng=seed)
            usable = _usable(responses.values)
            true = truth["dynamic_range"].values, truth["invariance"].values[:, 1]
            found = []
            for noise in (None, "corrected"):
                variance = dynamic_range(responses, noise=noise).values
                correlation = invariance(responses, noise=noise).values[:, 0]
                found += [variance.sum(), correlation[usable].sum()]
            sums.append([true[0].sum(), true[1][usable].sum(), *found])
        total = np.sum(sums, axis=0)
        ratios = [
            total[2] / total[0],
            total[4] / total[0],
            total[3] / total[1],
            total[5] / total[1],
        ]
        lines.append(
            f"| {rate:g} | " + " | ".join(f"{100 * (r - 1):+.1f} %" for r in ratios) + " |"
        )
    return "\n".join(lines)


def _task(job: tuple[Condition, int]) -> Outcome:
    return experiment(*job)


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=1000, metavar="N", help="in each row")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--rows", type=int, nargs="+", metavar="ROW", help="only these, from 0")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    rows = range(len(CONDITIONS)) if args.rows is None else args.rows
    print(f"{args.experiments} experiments a row.\n\n{HEADER}", flush=True)
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(args.jobs) as pool:
        for row in rows:
            seeds = range(args.seed, args.seed + args.experiments)
            jobs = [(CONDITIONS[row], 1_000_000 * row + seed) for seed in seeds]
            run = pool.imap(_task, jobs, chunksize=10) if args.jobs > 1 else map(_task, jobs)
            print(row_of(CONDITIONS[row], list(run)), flush=True)
    print(f"\nAt 4 repeats, without a relation:\n\n{bias_table(max(1, args.experiments // 10))}")
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
