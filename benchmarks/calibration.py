"""How often the tests say yes where there is nothing, and how often their intervals hold the truth.

Each row of the first table is one population, recorded many times, without a relation and with one.
The truth is that of images at large, over all units there could be: 0, or Spearman's correlation of
their true dynamic range and invariance. An oracle that sees both stands beside. With `--resample
unit` the truth and the oracle's are those of the images shown.

    python benchmarks/calibration.py --experiments 1000 --jobs 2
"""

import argparse
import multiprocessing
import time
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from artiphys.errors import ArtiphysWarning
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.estimators.signal_moments import cells_of, noise_error, signal_moments
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses
from populations import POPULATIONS, Recording, draw, shown_truth

ALPHA = 0.05
RELATION = 0.38
WITHOUT_RELATION = (
    "one invariance",
    "one dynamic range",
    "silent",
    "both ends",
)  # which have none to be given
MEASURABLE = 0.25  # noise error up to which single correlations are averaged in the table of bias


class Outcome(NamedTuple):
    """What one experiment gave."""

    truth: float
    p_oracle: float
    naive: float
    p_naive: float
    estimate: float
    lower: float
    upper: float
    p_value: float
    n_effective: float
    reliability: float
    caution: bool


def experiment(name: str, relation: float, seed: int, resample: Sequence[str] | None) -> Outcome:
    """Simulate one recording and test it."""
    shown = _on_these_images(resample)
    recording = draw(POPULATIONS[name], relation, seed, on_these_images=shown)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArtiphysWarning)
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        found = signature(recording.responses, resample=resample).isel(area=0, position=0)
        oracle = stats.spearmanr(*_truth(recording, shown))
    lower, upper = found["interval"].values
    names = ("spearman_naive", "p_value_naive", "spearman")
    return Outcome(
        float(oracle.statistic), float(oracle.pvalue), *(float(found[name]) for name in names),
        lower, upper, float(found["p_value"]),
        float(found["n_effective"]) if "n_effective" in found else float(found["n_units"]),
        float(found["reliability_invariance"]), bool(found["caution"].item()),
    )  # fmt: skip


def _on_these_images(resample: Sequence[str] | None) -> bool:
    return resample is not None and "image" not in resample


def _truth(recording: Recording, shown: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return true dynamic range and invariance (unit): of the images shown, or of all images."""
    return (
        shown_truth(recording.rates) if shown else (recording.dynamic_range, recording.invariance)
    )


def row_of(name: str, relation: float, outcomes: Sequence[Outcome]) -> str:
    """Return one row of the table."""
    o = Outcome(*np.array(outcomes, dtype=float).T)
    truth = float(np.nanmean(o.truth)) if relation else 0.0
    known = np.isfinite(o.lower)
    covered = np.mean((o.lower[known] <= truth) & (truth <= o.upper[known]))
    size = POPULATIONS[name]
    cells = [
        name,
        f"{size.units} × {size.images}",
        f"{np.nanmean(o.n_effective):.0f}",
        f"{np.nanmean(o.reliability):.2f}",
        f"{truth:.2f}",
        f"{np.nanmean(o.naive):.2f}",
        f"{np.mean(o.p_naive < ALPHA):.2f}",
        _share(o.p_oracle),
        f"**{_share(o.p_value)}**",
        rate_interval(o.p_value < ALPHA, np.isfinite(o.p_value)),
        f"{np.nanmean(o.estimate):.2f}",
        f"{covered:.3f}",
        f"{1 - np.isfinite(o.p_value).mean():.2f}",
        f"{np.mean(o.caution):.2f}",
        str(len(outcomes)),
    ]
    return "| " + " | ".join(cells) + " |"


def _share(p_values: np.ndarray) -> str:
    known = np.isfinite(p_values)
    return f"{np.mean(p_values[known] < ALPHA):.3f}" if known.any() else "–"


def rate_interval(happened: np.ndarray, known: np.ndarray) -> str:
    """Return the 95 % interval (Wilson) of a rate among the experiments that are known."""
    if not known.any():
        return "–"
    lower, upper = proportion_confint(int(happened[known].sum()), int(known.sum()), method="wilson")
    return f"{lower:.3f}–{upper:.3f}"


HEADER = (
    "| population | units × images | worth | reliability | truth | naive r_s | naive | oracle "
    "| **default** | 95 % | estimate | coverage | no answer | caution | experiments |\n"
    + "|---" * 15
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
            cells = cells_of(responses.values)
            usable = noise_error(cells, signal_moments(cells, 0), 0)[:, 1] <= MEASURABLE
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


def _task(job: tuple[str, float, int, Any]) -> Outcome:
    return experiment(*job)


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=1000, metavar="N", help="in each row")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="only these populations")
    parser.add_argument("--relation", type=float, nargs="+", default=[0.0, RELATION])
    parser.add_argument("--resample", nargs="+", help="as in signature; its default by default")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(args.jobs) as pool:
        for relation in args.relation:
            print(f"\n{args.experiments} experiments a row.\n\n{HEADER}", flush=True)
            for name in args.rows or POPULATIONS:
                if relation and any(what in name for what in WITHOUT_RELATION):
                    continue
                first = args.seed + 1_000_000 * list(POPULATIONS).index(name)
                jobs = [
                    (name, relation, first + seed, args.resample)
                    for seed in range(args.experiments)
                ]
                run = pool.imap(_task, jobs, chunksize=10) if args.jobs > 1 else map(_task, jobs)
                print(row_of(name, relation, list(run)), flush=True)
    print(f"\nAt 4 repeats, without a relation:\n\n{bias_table(max(1, args.experiments // 10))}")
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
