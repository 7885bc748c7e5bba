"""What a reader of damaged recordings is told: bits flipped in a good file, many times.

Each damaged copy is read in a process of its own, so that one that ends the process is counted and
not the end of the benchmark. The counts are the same, or the user is told, or the file is refused
in one line. Three kinds of files are damaged: with the checksums that ``write_nwb`` gives them;
without, as most recordings are, the spikes at the samples of an amplifier; and without, the spikes
at any moment. Of the last nobody can tell that a spike is where it was not, as long as it stays
between its neighbours: *a time moved*. Whatever else changes without a word is *silent*.

    python benchmarks/nwb_damage.py [session.nwb layout.toml]
"""

import collections
import contextlib
import itertools
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import xarray as xr

from artiphys_nwb import RecordingError, RecordingWarning, read_nwb, write_nwb, writing

OUTCOMES = (
    "the same", "the same, told", "others, told", "refused", "a time moved", "silent", "crashed"
)  # fmt: skip
KINDS = {
    "with checksums": (None, True),
    "no checksums, spikes at 30 kHz": (30_000.0, False),
    "no checksums, spikes at any time": (None, False),
}


def main(
    arguments: Sequence[str] = (), n_seeds: int = 200, n_flips: Sequence[int] = (1, 8, 64)
) -> dict[str, dict[int, dict[str, int]]]:
    """Print and return how many damaged copies came to what, by kind and number of bits flipped."""
    with tempfile.TemporaryDirectory() as folder:
        if arguments:
            path, layout = arguments
            return {path: _found(Path(path), layout, Path(folder), n_seeds, n_flips)}
        found = {}
        for kind, (rate, checksums) in KINDS.items():
            print(kind)
            path = Path(folder) / "good.nwb"
            layout = _write(path, rate, checksums=checksums)
            found[kind] = _found(path, layout, Path(folder), n_seeds, n_flips)
    return found


def _found(
    path: Path, layout, folder: Path, n_seeds: int, n_flips: Sequence[int]
) -> dict[int, dict[str, int]]:
    truth, good = _read(path, layout), path.read_bytes()
    bad = folder / "damaged" / path.name  # which may name the session
    bad.parent.mkdir(exist_ok=True)
    found = {}
    print("bits flipped | " + " | ".join(OUTCOMES))
    for n in n_flips:
        outcomes = collections.Counter(
            _outcome(_damaged(good, n, seed, bad), layout, truth) for seed in range(n_seeds)
        )
        found[n] = {name: outcomes[name] for name in OUTCOMES}
        print(f"{n:12} | " + " | ".join(str(found[n][name]) for name in OUTCOMES))
    return found


def _write(path: Path, rate: float | None, *, checksums: bool):
    """Six units, eight images at three places, four times each; spikes sampled at a rate, or not.

    Without checksums it is what the same columns come to by pynwb alone.
    """
    plain = {} if checksums else {"WITH_CHECKSUMS": None, "_guarded": _plain}
    rng = np.random.default_rng(0)
    cells = np.array(list(itertools.product(range(8), range(3))) * 4)
    cells = cells[rng.permutation(len(cells))]
    start = 5 + 0.5 * np.arange(len(cells)) + rng.uniform(0, 0.05, len(cells))
    end = start[-1] + 2
    trains = [np.sort(rng.uniform(0, end, rng.poisson(10 * end))) for _ in range(6)]
    if rate is not None:
        trains = [np.unique(np.rint(train * rate)) / rate for train in trains]
    with mock.patch.multiple(writing, **plain) if plain else contextlib.nullcontext():
        return write_nwb(
            path,
            trains,
            image=[f"im{image}" for image in cells[:, 0]],
            start=start,
            stop=start + 0.3,
            position=np.stack([2.0 * cells[:, 1], np.zeros(len(cells))], axis=1),
        )


def _plain(values: np.ndarray):
    return values.tolist() if values.dtype == object else values


def _damaged(good: bytes, n: int, seed: int, path: Path) -> Path:
    rng, content = np.random.default_rng(seed), bytearray(good)
    for at, bit in zip(rng.integers(len(good), size=n), rng.integers(8, size=n), strict=True):
        content[at] ^= 1 << int(bit)
    path.write_bytes(content)
    return path


def _read(path, layout) -> xr.DataArray:
    return read_nwb(path, layout, rate=False, progress=False)


def _outcome(path: Path, layout, truth: xr.DataArray) -> str:
    """Return what reading a file comes to, in a process that may end with it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(writing, json.dumps(_told(path, layout, truth)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else "crashed"


def _told(path: Path, layout, truth: xr.DataArray) -> str:
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        try:
            responses = _read(path, layout)
        except RecordingError as error:
            return "crashed" if "\n" in str(error) else "refused"
        except Exception:  # a traceback is what no user should see
            return "crashed"
    told = any(issubclass(one.category, RecordingWarning) for one in raised)
    if responses.equals(truth):
        return "the same, told" if told else "the same"
    if told:
        return "others, told"
    only_counts = (
        responses.copy(data=truth.values).equals(truth) if _alike(responses, truth) else False
    )
    return "a time moved" if only_counts else "silent"


def _alike(responses: xr.DataArray, truth: xr.DataArray) -> bool:
    """Return whether each count is there that should be, whatever it is."""
    same_shape = responses.shape == truth.shape
    return same_shape and np.array_equal(responses.isnull(), truth.isnull())


if __name__ == "__main__":
    main(sys.argv[1:])
