"""Probings in a process of their own, to be killed."""

import multiprocessing
import os
import time

from artiphys_torch import Photograph, as_photographs, probe
from artiphys_torch.probing import extent
from artiphys_torch.probing.partial_results import PartialResults
from torch_networks import chain, photographs

__all__ = ["N_IMAGES", "started"]

N_IMAGES = 16
FORKS = multiprocessing.get_context("forkserver")
# Loaded once for all of them, which takes longer than any of them runs.
FORKS.set_forkserver_preload(["artiphys_torch", "dask.array", "netCDF4", "xarray", "zarr"])


def started(out, **how):
    """Return a process that probes, as `how` :func:`_run` takes it."""
    process = FORKS.Process(target=_run, args=(out,), kwargs=how, daemon=True)
    process.start()
    return process


def _run(out, *, seconds=0.02, die=None, overwrite=False, seed=0):
    """Probe photographs that take `seconds` each to read; `die` before or after some step.

    `die` is ("before" or "after", a method of PartialResults).
    """
    extent.CHUNK = 2
    if die is not None:
        when, name = die
        method = getattr(PartialResults, name)

        def dying(*args):
            if when == "after":
                method(*args)
            os.kill(os.getpid(), 9)

        setattr(PartialResults, name, dying)

    def slowly(item):
        time.sleep(seconds)
        return item.read()

    items = as_photographs(photographs(N_IMAGES, seed=seed))
    slow = [Photograph(i.name, lambda i=i: slowly(i), i.digest) for i in items]
    probe(chain(), slow, ["4", "8"], out=out, progress=False, overwrite=overwrite)
