"""Reading a session against its floor, and counting against pynapple, in one run.

The floor is one bulk read by h5py and a ``searchsorted`` per unit; nothing can count without them.
pynwb's own way is its opening of the file, the same columns read whole from its objects, and the
same ``searchsorted``. pynapple is compared twice: its ``count`` with ours, both with the spikes in
memory and after it has compiled; and all that it takes from the file to the counts with a whole
reading.

    python benchmarks/nwb_counting.py
"""

import datetime
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pynwb
from hdmf.common import VectorData, VectorIndex
from pynwb.epoch import TimeIntervals
from pynwb.misc import Units

from artiphys_nwb import Layout, read_nwb
from artiphys_nwb.sessions.spikes import count_spikes

WINDOW = (0.05, 0.25)
LAYOUT = Layout(image="image", position="position", onset="start_time")


def main(
    n_units: int = 200, n_spikes: int = 5_000_000, n_rows: int = 6000, n_rounds: int = 15
) -> dict[str, float]:
    """Print and return how long we take in units of what each rival takes, best against best."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.nwb"
        _write(path, n_units, n_spikes, n_rows)
        runs: dict[str, Callable[[], Any]] = {
            "read": lambda: read_nwb(path, LAYOUT, window=WINDOW, rate=False),
            "floor": lambda: _floor(path),
            "pynwb": lambda: _by_pynwb(path),
        }
        truth = _floor(path)
        _assert_same(runs["read"](), truth, path)
        np.testing.assert_array_equal(runs["pynwb"](), truth)
        against = {
            "read_nwb / floor": ("read", "floor"),
            "read_nwb / pynwb, whole columns, searchsorted": ("read", "pynwb"),
        }
        try:
            import pynapple  # noqa: F401
        except ImportError:
            print("pynapple is not installed: not compared (pip install pynapple)")
        else:
            runs |= {
                "pynapple, whole": lambda: _pynapple(path)(),
                "pynapple's count": _pynapple(path),
                "count_spikes": _in_memory(path),
            }
            against["read_nwb / pynapple from the file"] = ("read", "pynapple, whole")
            against["count_spikes / pynapple's count"] = ("count_spikes", "pynapple's count")
            for name in ("pynapple, whole", "pynapple's count", "count_spikes"):
                np.testing.assert_array_equal(runs[name](), truth)
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(n_rounds):
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
    print(f"{n_units} units, {n_spikes} spikes, {n_rows} presentations")
    ratios = {}
    for name, (ours, theirs) in against.items():
        ratios[name] = min(times[ours]) / min(times[theirs])  # other work only ever slows a run
        seconds = f"{min(times[ours]):.3f} / {min(times[theirs]):.3f} s"
        print(f"  {name}: {ratios[name]:.2f} ({seconds})")
    return ratios


def _write(path: Path, n_units: int, n_spikes: int, n_rows: int) -> None:
    """Presentations twice a second, so that windows do not overlap: pynapple would join them."""
    rng = np.random.default_rng(0)
    onset = 1 + 0.5 * np.arange(n_rows) + rng.uniform(0, 0.1, n_rows)
    end = onset[-1] + 1
    ends = np.sort(rng.integers(0, n_spikes, n_units - 1))
    times = [np.sort(part) for part in np.split(rng.uniform(0, end, n_spikes), ends)]
    trials = TimeIntervals(
        name="trials",
        description="presentations",
        id=np.arange(n_rows),
        columns=[
            VectorData(name="start_time", description="onset", data=onset),
            VectorData(name="stop_time", description="onset of the next", data=onset + 0.3),
            VectorData(name="image", description="shown", data=rng.integers(0, 100, n_rows)),
            VectorData(name="position", description="where", data=rng.integers(0, 5, n_rows)),
        ],
    )
    spikes = VectorData(name="spike_times", description="s", data=np.concatenate(times))
    index = VectorIndex(name="spike_times_index", data=np.append(ends, n_spikes), target=spikes)
    units = Units(name="units", description="made", id=np.arange(n_units), columns=[spikes, index])
    file = pynwb.NWBFile(
        session_description="made",
        identifier="made",
        session_start_time=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        trials=trials,
        units=units,
    )
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)


def _floor(path: Path) -> np.ndarray:
    """Return counts (unit, row), the shortest way."""
    with h5py.File(path) as file:
        onset = file["intervals/trials/start_time"][:]
        times = file["units/spike_times"][:]
        bounds = np.concatenate(([0], file["units/spike_times_index"][:]))
    return _searched(onset, times, bounds)


def _by_pynwb(path: Path) -> np.ndarray:
    """Return the same by pynwb, with all the columns that a reading needs."""
    with pynwb.NWBHDF5IO(path, "r") as io:
        file = io.read()
        onset = file.trials["start_time"].data[:]
        file.trials["image"].data[:], file.trials["position"].data[:], file.units.id[:]
        index = file.units.spike_times_index
        times, bounds = index.target.data[:], np.concatenate(([0], index.data[:]))
    return _searched(onset, times, bounds)


def _searched(onset: np.ndarray, times: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    counts = np.empty((len(bounds) - 1, len(onset)), dtype=np.int64)
    for unit in range(len(counts)):
        spikes = times[bounds[unit] : bounds[unit + 1]]
        counts[unit] = np.searchsorted(spikes, onset + WINDOW[1])
        counts[unit] -= np.searchsorted(spikes, onset + WINDOW[0])
    return counts


def _in_memory(path: Path) -> Callable[[], np.ndarray]:
    with h5py.File(path) as file:
        onset = file["intervals/trials/start_time"][:]
        times = file["units/spike_times"][:]
        bounds = np.concatenate(([0], file["units/spike_times_index"][:]))
    return lambda: count_spikes(times, bounds, onset + WINDOW[0], onset + WINDOW[1])


def _pynapple(path: Path) -> Callable[[], np.ndarray]:
    """Return what counts by pynapple, with the spikes in memory."""
    import pynapple

    with h5py.File(path) as file:
        onset = file["intervals/trials/start_time"][:]
        times = file["units/spike_times"][:]
        ends = file["units/spike_times_index"][:-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trains = np.split(times, ends)
        group = pynapple.TsGroup({i: pynapple.Ts(train) for i, train in enumerate(trains)})
        windows = pynapple.IntervalSet(onset + WINDOW[0], onset + WINDOW[1])
    return lambda: np.asarray(group.count(ep=windows).values.T)


def _assert_same(responses: Any, counts: np.ndarray, path: Path) -> None:
    """Fail unless the array holds the counts of each cell, in order."""
    with h5py.File(path) as file:
        image = file["intervals/trials/image"][:]
        position = file["intervals/trials/position"][:]
    values = responses.values
    for label in np.unique(image):
        for place in np.unique(position):
            rows = np.flatnonzero((image == label) & (position == place))
            at = responses["image"].values.tolist().index(str(label))
            where = responses["position"].values.tolist().index(place)
            np.testing.assert_array_equal(values[:, at, where, : len(rows)], counts[:, rows])


if __name__ == "__main__":
    main()
