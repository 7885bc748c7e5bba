"""Many experiments, in as many processes as wanted: the numbers do not depend on how many."""

import multiprocessing
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from tqdm import tqdm

from artiphys.errors import ArtiphysWarning, InputError

__all__ = ["outcomes"]

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
MAX_CHUNK = 8  # experiments handed out at once


def outcomes(
    experiment: Callable[[Task], Outcome],
    tasks: Sequence[Task],
    *,
    jobs: int,
    progress: bool | None,
) -> list[Outcome]:
    """Return what an experiment gives for each task, in their order.

    Warnings of single experiments are not shown.

    Parameters
    ----------
    experiment : callable
        Picklable where there is more than one job; all that is random must hang on its task.
    tasks : sequence
    jobs : int
        Processes.
    progress : bool, optional
        Whether there is a progress bar; by default only on a terminal.

    Raises
    ------
    InputError
        If processes cannot be started.
    """
    hidden = None if progress is None else not progress
    with _run_in(experiment, tasks, min(jobs, len(tasks))) as run:
        return list(tqdm(run, total=len(tasks), unit="experiment", leave=False, disable=hidden))


@contextmanager
def _run_in(
    experiment: Callable[[Task], Outcome], tasks: Sequence[Task], jobs: int
) -> Iterator[Iterator[Outcome]]:
    if jobs <= 1:
        yield (_quietly(experiment, task) for task in tasks)
        return
    # Not forked: threads of numerical libraries do not survive that.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(experiment,))
    chunk = max(1, min(MAX_CHUNK, len(tasks) // (4 * jobs)))
    try:
        yield pool.map(_run, tasks, chunksize=chunk)
    except BrokenProcessPool as error:
        msg = (
            f"{jobs} processes could not be started, or one was killed; take jobs=1, or put the "
            'call in a script below `if __name__ == "__main__":`'
        )
        raise InputError(msg) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_EXPERIMENT: list[Callable[[Any], Any]] = []  # of this process


def _begin(experiment: Callable[[Any], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's to mind
    _EXPERIMENT[:] = [experiment]


def _run(task: Any) -> Any:
    return _quietly(_EXPERIMENT[0], task)


def _quietly(experiment: Callable[[Task], Outcome], task: Task) -> Outcome:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArtiphysWarning)
        return experiment(task)
