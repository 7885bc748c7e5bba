"""Tasks in as many processes as are worth it: the results do not depend on how many.

Each hangs on its task alone. The first are done here: what a few seconds do needs no other process,
which takes as long to begin. Processes and not threads, for what is many small arrays, or Python:
threads would wait for the interpreter.
"""

import functools
import multiprocessing
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from artiphys.cores import on_cluster, one_blas_thread
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.progress import bars

__all__ = ["in_processes"]

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
CHUNK = 0.5  # seconds of work handed out at once
HERE = 2.0  # seconds of work before other processes are asked
WORTH_PROCESSES = 10.0  # seconds of work that must be left: to begin takes two or more


def in_processes(
    work: Callable[[Task], Outcome], tasks: Sequence[Task], *, jobs: int
) -> Iterator[Outcome]:
    """Yield what work gives for each task, in their order; its warnings are not shown.

    If a client of ``dask.distributed`` is open, its workers do all of them. In a task that a user
    gave a worker they are done there.

    Parameters
    ----------
    work : callable
        Whatever is random in it must hang on its task.
    tasks : sequence
    jobs : int
        Processes at most.

    Raises
    ------
    InputError
        If processes cannot be started, or one is killed.
    """
    by_workers = on_cluster(functools.partial(_quietly, work), tasks) if jobs > 1 else None
    if by_workers is not None:
        yield from by_workers
        return
    if multiprocessing.current_process().daemon:  # a worker of dask, which may start none
        jobs = 1
    start = time.monotonic()
    n_done = 0
    with one_blas_thread():
        for task in tasks:
            yield _quietly(work, task)
            n_done += 1
            spent = time.monotonic() - start
            left = spent / n_done * (len(tasks) - n_done)
            if jobs > 1 and spent >= HERE and left >= WORTH_PROCESSES:
                break
    if n_done < len(tasks):
        chunk = max(1, min(round(CHUNK * n_done / spent), len(tasks) // (4 * jobs)))
        yield from _by_pool(work, tasks[n_done:], jobs, chunk)


def _by_pool(
    work: Callable[[Task], Outcome], tasks: Sequence[Task], jobs: int, chunk: int
) -> Iterator[Outcome]:
    # Not multiprocessing's own: it would run a script again that has no `if __name__` of its own.
    from loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(jobs, initializer=_begin, initargs=(work,))
    finished = False
    try:
        # Not pool.map, which cancels what is left when it is interrupted: loky's thread, told to
        # fail what was cancelled, dies with a traceback, and leaves semaphores behind.
        parts = [pool.submit(_run, tasks[at : at + chunk]) for at in range(0, len(tasks), chunk)]
        for part in parts:
            yield from part.result()
        finished = True
    except BrokenProcessPool as error:
        msg = (
            f"{jobs} processes could not be started, or one was killed; take jobs=1, or set "
            "LOKY_MAX_CPU_COUNT=1"
        )
        raise InputError(msg) from error
    finally:
        pool.shutdown(wait=True, kill_workers=not finished)


_WORK: list[Callable[[Any], Any]] = []  # of this process


def _begin(work: Callable[[Any], Any]) -> None:
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's to mind
    threadpool_limits(1, user_api="blas")
    _WORK[:] = [work]


def _run(tasks: Sequence[Any]) -> list[Any]:
    return [_quietly(_WORK[0], task) for task in tasks]


def _quietly(work: Callable[[Task], Outcome], task: Task) -> Outcome:
    with warnings.catch_warnings(), bars(False):
        warnings.simplefilter("ignore", ArtiphysWarning)
        return work(task)
