"""Whether a control says of one recording what is true of the population that it is from.

Each row is a kind of experiment. Its rate of p < 0.05 is measured on fresh recordings of fresh
units, and beside it by the controls of a few recordings, each of which knows one recording only.

    python benchmarks/design_calibration.py --experiments 400 --recordings 8 --jobs 2
"""

import argparse
import time
import warnings
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from artiphys import simulation
from artiphys.design.control import control
from artiphys.design.experiments import outcomes
from artiphys.design.rejections import rejections
from artiphys.errors import ArtiphysWarning
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses

ALPHA = 0.05
POPULATIONS = {  # what differs from the simulator's own
    "": {},
    "narrow": {"SPREAD_OF_RATES": 0.2, "TUNING": (0.6, 0.15)},  # little different in dynamic range
    "invariant": {"RHO_NONE": (20.0, 3.0)},  # correlations of 0.87 ± 0.07
}


class Row(NamedTuple):
    """A kind of experiment, how it is measured, and how its control is made."""

    name: str
    recording: dict[str, Any]
    how: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    images: str = "auto"
    population: str = ""
    relation: float = 0.0


TYPICAL = {"n_units": 80, "n_images": 60, "repeats": 5}
ROWS = (
    Row("typical", TYPICAL | {"rate": 6.0}),
    Row("typical, on its images", TYPICAL | {"rate": 6.0}, {"resample": ("unit",)}),
    Row("very invariant", TYPICAL | {"repeats": (2, 10), "rate": 15.0}, population="invariant"),
    Row("Fano factor 2", TYPICAL | {"repeats": 6, "rate": 10.0, "fano": 2.0}),
    Row("little different", {"n_units": 120, "n_images": 30, "rate": 40.0}, population="narrow"),
    Row(
        "little different, on its images, asked of new ones",
        {"n_units": 120, "n_images": 30, "rate": 40.0},
        {"resample": ("unit",)},
        images="new",
        population="narrow",
    ),
    Row("as measured", TYPICAL | {"rate": 6.0}, {"noise": None, "n_resamples": 300}),
    Row("corrected", TYPICAL | {"rate": 2.5}, {"noise": "corrected", "n_resamples": 300}),
    Row("related, 0.4", TYPICAL | {"rate": 10.0}, relation=0.4),
)
HEADER = (
    "| recordings | fresh recordings | 95 % | estimate | controls of one each | 95 % | lowest, "
    "highest | estimate |\n" + "|---" * 8 + "|"
)


class _Fresh(NamedTuple):
    row: Row

    def __call__(self, seed: int) -> tuple[float, float]:
        """Return r_s and p-value of a fresh recording."""
        found = signature(recording(self.row, self.row.relation, seed), **self.row.how)
        return found["spearman"].item(), found["p_value"].item()


def recording(row: Row, relation: float, seed: int) -> Any:
    with mock.patch.dict(vars(simulation), POPULATIONS[row.population]):
        return simulate_responses(relation=relation, **row.recording, rng=seed).responses


def row_of(row: Row, n_experiments: int, n_recordings: int, jobs: int, seed: int) -> str:
    """Return one row of the table."""
    seeds = range(seed, seed + n_experiments)
    fresh = np.array(outcomes(_Fresh(row), seeds, jobs=jobs, progress=False)).T
    each = n_experiments // n_recordings
    controls = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArtiphysWarning)
        for number in range(n_recordings):
            found = control(
                recording(row, 0.0, seed + 1_000_000 + number), relation=row.relation,
                images=row.images, n_experiments=each, jobs=jobs, progress=False, rng=number,
                **row.how,
            )  # fmt: skip
            controls.append([found[name].values[0, 0] for name in ("spearman", "p_value")])
    controlled = np.moveaxis(np.array(controls), 1, 0)
    _, rate, interval = rejections(fresh[1], ALPHA)
    _, rates, _ = rejections(controlled[1], ALPHA)
    _, overall, interval_overall = rejections(controlled[1].ravel(), ALPHA)
    cells = [
        row.name, f"{rate:.3f}", _span(interval), f"{np.nanmean(fresh[0]):.2f}",
        f"**{overall:.3f}**", _span(interval_overall), f"{rates.min():.2f}, {rates.max():.2f}",
        f"{np.nanmean(controlled[0]):.2f}",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _span(interval: np.ndarray) -> str:
    return "–".join(f"{end:.3f}" for end in interval)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=400, metavar="N", help="in each row")
    parser.add_argument(
        "--recordings", type=int, default=8, metavar="N", help="that are controlled"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--rows", type=int, nargs="+", metavar="ROW", help="only these, from 0")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    print(f"{args.experiments} experiments a row.\n\n{HEADER}", flush=True)
    started = time.perf_counter()
    for at in range(len(ROWS)) if args.rows is None else args.rows:
        row = row_of(ROWS[at], args.experiments, args.recordings, args.jobs, args.seed)
        print(row, flush=True)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
