"""What a reader of damaged recordings is told: bits flipped in a good file, many times.

Each damaged copy is read in a process of its own, so that one that ends the process is counted and
not the end of the benchmark. The counts are the same, or the user is told, or the file is refused
in one line. A file of NWB has no checksums: a spike moved by less than the time to its neighbours
is seen by nobody, and is counted here as *silent* where it changes a count.

    python benchmarks/nwb_damage.py [session.nwb layout.toml]
"""

import collections
import itertools
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from artiphys_nwb import RecordingError, RecordingWarning, read_nwb, write_nwb

OUTCOMES = ("the same", "the same, told", "others, told", "refused", "silent", "crashed")


def main(
    arguments: Sequence[str] = (), n_seeds: int = 200, n_flips: Sequence[int] = (1, 8, 64)
) -> dict[int, dict[str, int]]:
    """Print and return how many damaged copies came to what, by the number of bits flipped."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "good.nwb"
        path, layout = arguments if arguments else (made, _write(made))
        truth, good = _read(path, layout), Path(path).read_bytes()
        bad = Path(folder) / "damaged" / Path(path).name  # which may name the session
        bad.parent.mkdir()
        found = {}
        print("bits flipped | " + " | ".join(OUTCOMES))
        for n in n_flips:
            outcomes = collections.Counter(
                _outcome(_damaged(good, n, seed, bad), layout, truth) for seed in range(n_seeds)
            )
            found[n] = {name: outcomes[name] for name in OUTCOMES}
            print(f"{n:12} | " + " | ".join(str(found[n][name]) for name in OUTCOMES))
    return found


def _write(path: Path):
    """Six units, eight images at three places, four times each."""
    rng = np.random.default_rng(0)
    cells = np.array(list(itertools.product(range(8), range(3))) * 4)
    cells = cells[rng.permutation(len(cells))]
    start = 5 + 0.5 * np.arange(len(cells)) + rng.uniform(0, 0.05, len(cells))
    end = start[-1] + 2
    return write_nwb(
        path,
        [np.sort(rng.uniform(0, end, rng.poisson(10 * end))) for _ in range(6)],
        image=[f"im{image}" for image in cells[:, 0]],
        start=start,
        stop=start + 0.3,
        position=np.stack([2.0 * cells[:, 1], np.zeros(len(cells))], axis=1),
    )


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
    return "others, told" if told else "silent"


if __name__ == "__main__":
    main(sys.argv[1:])
