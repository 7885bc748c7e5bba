"""How often `compare` sees a difference where there is none, and where there is one.

A network is compared with itself: some of its units are the model, others recorded in a simulated
experiment of spikes and few repeats. Matched, there is no difference; as measured, there seems to
be one. The networks are untrained AlexNets (conv3, 1/8 of the receptive field; the extra "torch"),
and populations of `simulate_responses`, whose rates stand for a network's responses.

    python benchmarks/comparison_calibration.py --experiments 1000 --jobs 2
"""

import argparse
import multiprocessing
import time
import warnings
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.comparison.compare import compare
from artiphys.errors import ArtiphysWarning
from artiphys.simulation import simulate_responses
from calibration import rate_interval

ALPHA = 0.05
N_PASSES = 2  # the default is 8; fewer leave more luck in the estimate, which the interval knows of
N_NETWORKS = 4
WINDOW = 0.2
BASELINE = 4.0  # mean rate over the signal's standard deviation, of the typical recorded unit


class Condition(NamedTuple):
    """A kind of experiment: what is the model, what is recorded, and how."""

    model: str = "none"
    brain: str = "none"
    model_units: int = 150
    brain_units: int = 80
    images: int = 60
    repeats: int | tuple[int, int] = 5
    rate: float = 6.0
    other_images: bool = False  # the model is shown 200 images, none of them the recording's
    fano: float = 1.0


CONDITIONS = (
    Condition(brain_units=120),
    Condition("alexnet", "alexnet", rate=30.0, images=30, repeats=8, other_images=True),
    Condition("alexnet", "alexnet", rate=40.0, repeats=(2, 10)),
    Condition("rectification", "rectification", rate=15.0, repeats=(2, 10)),
    Condition("alexnet", "none", rate=15.0),
    Condition("rectification", "none", rate=15.0),
    Condition("alexnet", "alexnet", rate=40.0),
    Condition("none", "none", rate=15.0, repeats=3, other_images=True),
    Condition("rectification", "rectification", rate=15.0, repeats=6, fano=2.0),
)


class Outcome(NamedTuple):
    """What one experiment gave."""

    model: float
    brain: float
    difference: float
    lower: float
    upper: float
    p_value: float
    naive: float
    p_naive: float
    n_model: float
    n_brain: float


def experiment(condition: Condition, seed: int) -> Outcome:
    """Record one network, or another, and compare."""
    model, brain = arrays(condition, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArtiphysWarning)
        found = compare(model, brain, n_passes=N_PASSES, rng=seed).isel(layer=0, area=0, position=0)
    names = ("p_value", "difference_naive", "p_value_naive", "n_units_model", "n_units_brain")
    return Outcome(
        *(float(found[name]) for name in ("spearman_model", "spearman_brain", "difference")),
        *found["interval"].values.tolist(),
        *(float(found[name]) for name in names),
    )


def arrays(condition: Condition, seed: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the model (unit, image, position) and the recording, of different units."""
    rng = np.random.default_rng(seed)
    n_more = 200 if condition.other_images else 0
    n_image = condition.images + n_more
    wanted = (
        (condition.model, condition.model_units),
        (condition.brain, condition.brain_units),
    )
    if condition.model == condition.brain:  # one network, its units shared out
        n_units = condition.model_units + condition.brain_units
        both = rates(condition.model, n_units, n_image, condition, rng)
        model, brain = np.split(both, [condition.model_units])
    else:
        model, brain = (rates(kind, n, n_image, condition, rng) for kind, n in wanted)
    model = model[:, condition.images :] if n_more else model
    trials = spikes(np.maximum(brain[:, : condition.images], 0.0), condition, rng)
    return labelled(model, "shown" if n_more else "image"), labelled(trials, "image")


def rates(
    kind: str, n_unit: int, n_image: int, condition: Condition, rng: np.random.Generator
) -> np.ndarray:
    """Return rates in spikes/s, or what the experiment takes for them (unit, image, position)."""
    if kind == "alexnet":
        values = NETWORK["alexnet"]
        units = rng.permutation(values.shape[0])[:n_unit]
        images = rng.permutation(values.shape[1])[:n_image]
        drawn = values[np.ix_(units, images)]
        deviation = np.median(drawn[:, :, 0].std(axis=1))
        return condition.rate * (1 + drawn / (BASELINE * deviation))  # one map for the whole layer
    truth = simulate_responses(
        relation=kind,  # type: ignore[arg-type]
        n_units=n_unit,
        n_images=n_image,
        repeats=1,
        rate=condition.rate,
        rng=rng,
    ).truth
    return truth["rate"].values


def alexnet_values() -> np.ndarray:
    """Return conv3 of several untrained AlexNets on dead leaves (unit, image, position)."""
    from artiphys_torch import load_alexnet, probe

    nets = [load_alexnet(seed=seed) for seed in range(N_NETWORKS)]
    layers = [
        probe(net, layers={"conv3": "features.6"}, shifts=(0, 1 / 8), progress=False)
        for net in nets
    ]
    values = np.concatenate([layer.values for layer in layers])
    return values - values.mean((1, 2), keepdims=True)


NETWORK: dict[str, np.ndarray] = {}  # probed once, and given to every process


def spikes(rate: np.ndarray, condition: Condition, rng: np.random.Generator) -> np.ndarray:
    """Return trials in spikes/s, NaN where there is none (unit, image, position, trial)."""
    repeats = condition.repeats
    fewest, most = repeats if isinstance(repeats, tuple) else (repeats, repeats)
    n = rng.integers(fewest, most, rate.shape[1:], endpoint=True)
    trial = np.arange(most)
    mean = np.repeat(rate[..., None] * WINDOW, most, axis=-1)
    if condition.fano > 1:
        mean = (condition.fano - 1) * rng.gamma(np.maximum(mean, 1e-12) / (condition.fano - 1))
    return np.where(trial < n[..., None], rng.poisson(mean) / WINDOW, np.nan)


def labelled(values: np.ndarray, image: str) -> xr.DataArray:
    """Return the values as the estimators take them."""
    n_unit, n_image, n_position = values.shape[:3]
    coords: dict[str, Any] = {
        "area": ("unit", ["all"] * n_unit),
        "image": [f"{image}_{i}" for i in range(n_image)],
        "position": range(n_position),
    }
    dims = ("unit", "image", "position", "trial")[: values.ndim]
    return xr.DataArray(values, dims=dims, coords=coords, attrs={"reference": 0})


def row_of(condition: Condition, outcomes: list[Outcome]) -> str:
    """Return one row of the table."""
    columns = {
        name: np.array([getattr(outcome, name) for outcome in outcomes]) for name in Outcome._fields
    }
    known = np.isfinite(columns["p_value"])
    covered = (columns["lower"][known] <= 0) & (columns["upper"][known] >= 0)
    repeats = condition.repeats
    remark = ["other images"] if condition.other_images else []
    remark += [f"Fano factor {condition.fano:g}"] if condition.fano != 1 else []
    cells = [
        condition.model,
        condition.brain,
        f"{condition.model_units}, {condition.brain_units}",
        condition.images,
        "–".join(map(str, repeats)) if isinstance(repeats, tuple) else repeats,
        f"{condition.rate:g}",
        "; ".join(remark),
        f"{columns['n_model'].mean():.0f}, {columns['n_brain'].mean():.0f}",
        f"{np.nanmean(columns['naive']):.2f}",
        f"{np.mean(columns['p_naive'] < ALPHA):.3f}",
        f"{np.nanmean(columns['model']):.2f}",
        f"{np.nanmean(columns['brain']):.2f}",
        f"{np.nanmean(columns['difference']):.2f}",
        f"**{np.mean(columns['p_value'][known] < ALPHA):.3f}**",
        rate_interval(columns["p_value"] < ALPHA, known),
        f"{covered.mean():.3f}",
        f"{1 - known.mean():.3f}",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


HEADER = (
    "| model | recorded | units | images | repeats | rate | | units used | naive difference "
    "| naive | r_s of the model | of the recording | difference | **matched** | 95 % "
    "| 0 in the interval | no answer |\n" + "|---" * 17 + "|"
)


def _receive(networks: dict[str, np.ndarray]) -> None:
    NETWORK.update(networks)


def _task(job: tuple[Condition, int]) -> Outcome:
    return experiment(*job)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=1000, metavar="N", help="in each row")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--rows", type=int, nargs="+", metavar="ROW", help="only these, from 0")
    args = parser.parse_args(arguments)
    rows = range(len(CONDITIONS)) if args.rows is None else args.rows
    if any("alexnet" in (CONDITIONS[row].model, CONDITIONS[row].brain) for row in rows):
        NETWORK["alexnet"] = alexnet_values()
    print(f"{args.experiments} experiments a row.\n\n{HEADER}", flush=True)
    started = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(args.jobs, _receive, [NETWORK]) as pool:
        for row in rows:
            jobs = [(CONDITIONS[row], 1_000_000 * row + seed) for seed in range(args.experiments)]
            run = pool.imap(_task, jobs, chunksize=10) if args.jobs > 1 else map(_task, jobs)
            print(row_of(CONDITIONS[row], list(run)), flush=True)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
