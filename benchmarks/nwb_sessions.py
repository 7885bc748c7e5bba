"""Many sessions into one array: one process against all cores.

Two sets of recordings, whose arrays must be the same to the last bit by both ways: small files, of
which a session takes a tenth of a second, and longer ones. Other processes take two seconds or more
to begin, and are not asked where less than ten seconds of work are left (`artiphys.processes`).

    python benchmarks/nwb_sessions.py
"""

import datetime
import itertools
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr

from artiphys.cores import n_cores
from artiphys_nwb import Layout, read_nwb, write_nwb

BEGAN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
# sessions; units, images, repeats (at three positions), spikes/s of each
SETS = {"100 small": (100, 20, 40, 5, 8.0), "40 longer": (40, 100, 400, 5, 10.0)}


def main(
    sets: dict[str, tuple[int, int, int, int, float]] = SETS, n_rounds: int = 3
) -> dict[str, float]:
    """Print and return how long one process takes in units of what all cores do, best of each."""
    ratios = {}
    for name, (n_sessions, *of_each) in sets.items():
        with tempfile.TemporaryDirectory() as folder:
            for n in range(n_sessions):
                layout = _write(Path(folder), n, *of_each)
            times: dict[int, list[float]] = {1: [], n_cores(): []}
            for _ in range(n_rounds):
                arrays = [_timed(folder, layout, n, taken) for n, taken in times.items()]
                xr.testing.assert_identical(arrays[0], arrays[-1])
        seconds = [min(taken) for taken in times.values()]
        ratios[name] = seconds[0] / seconds[-1]
        print(f"{name}: one process {seconds[0]:.1f} s, {n_cores()} cores {seconds[-1]:.1f} s")
    return ratios


def _write(
    folder: Path, number: int, n_units: int, n_images: int, n_repeats: int, rate: float
) -> Layout:
    rng = np.random.default_rng(number)
    cells = np.array(list(itertools.product(range(n_images), range(3))) * n_repeats)
    cells = cells[rng.permutation(len(cells))]
    start = 1 + 0.5 * np.arange(len(cells)) + rng.uniform(0, 0.1, len(cells))
    end = start[-1] + 1
    return write_nwb(
        folder / f"{number:03}.nwb",
        [rng.uniform(0, end, rng.poisson(rate * end)) for _ in range(n_units)],
        image=[f"im{image}" for image in cells[:, 0]],
        position=cells[:, 1],
        start=start,
        stop=start + 0.3,
        subject="m",
        session_id=f"s{number:03}",
        session_start_time=BEGAN + datetime.timedelta(days=number),
    )


def _timed(folder: str, layout: Layout, n: int, taken: list[float]) -> xr.DataArray:
    before = os.environ.get("LOKY_MAX_CPU_COUNT")
    os.environ["LOKY_MAX_CPU_COUNT"] = str(n)
    try:
        start = time.perf_counter()
        responses = read_nwb(folder, layout)
        taken.append(time.perf_counter() - start)
    finally:
        del os.environ["LOKY_MAX_CPU_COUNT"]
        if before is not None:
            os.environ["LOKY_MAX_CPU_COUNT"] = before
    return responses


if __name__ == "__main__":
    main()
