"""One signature in a process of its own: seconds of the processor, elapsed, and memory at its peak.

python benchmarks/measured_run.py '{"sizes": [300, 200, 5]}'
python benchmarks/measured_run.py '{"path": "v4.zarr", "chunks": {}, "resample": "unit"}'
"""

import json
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import artiphys
from made_up_arrays import made_up

__all__ = ["Run", "measured_run"]


class Run(NamedTuple):
    """What a signature took, from when its responses were opened."""

    cpu: float  # seconds of the processor, of all its cores together
    elapsed: float  # seconds
    peak: float  # MB that the process held at most, libraries and all


def measured_run(**asked: Any) -> Run:
    """Return what a signature takes: of made-up responses of `sizes`, or of those at a `path`.

    The other arguments are how many ``cores`` it may take (on Linux), by default all, ``chunks``,
    by default None for an array in memory, and those of :func:`artiphys.signature`.
    """
    command = [sys.executable, str(Path(__file__)), json.dumps(asked, default=str)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Run(*json.loads(done.stdout.splitlines()[-1]))


def _measured(asked: dict[str, Any]) -> Run:
    sizes, path, chunks, cores = (
        asked.pop(name, None) for name in ("sizes", "path", "chunks", "cores")
    )
    if cores is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    warnings.simplefilter("ignore", artiphys.ArtiphysWarning)
    signature = artiphys.signature  # imported here, with scipy: a second before any run
    if path is None:
        responses = made_up(*sizes).compute()
    else:
        responses = artiphys.open_responses(path, chunks=chunks)
    cpu, start = time.process_time(), time.perf_counter()
    signature(responses, rng=0, **asked)
    return Run(time.process_time() - cpu, time.perf_counter() - start, _peak())


def _peak() -> float:
    """Return the most memory that this process held, in MB; on Linux not what its parent held."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (of for of in status.read_text().splitlines() if of.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # in bytes on macOS


if __name__ == "__main__":
    print(json.dumps(_measured(json.loads(sys.argv[1]))))
