"""Many experiments, in as many processes as are worth it: the numbers do not depend on how many.

Each experiment hangs on its task alone.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from artiphys.cores import n_cores
from artiphys.processes import in_processes
from artiphys.progress import bars, tracked

__all__ = ["outcomes"]

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


def outcomes(
    experiment: Callable[[Task], Outcome],
    tasks: Sequence[Task],
    *,
    jobs: int | None,
    progress: bool | None,
) -> list[Outcome]:
    """Return what an experiment gives for each task, in their order.

    Warnings of single experiments are not shown.

    Parameters
    ----------
    experiment : callable
        All that is random must hang on its task.
    tasks : sequence
    jobs : int, optional
        Processes at most; by default as many as there are cores.
    progress : bool, optional
        Whether there is a progress bar; by default only on a terminal.

    Raises
    ------
    InputError
        If processes cannot be started, or one is killed.
    """
    jobs = min(n_cores() if jobs is None else jobs, len(tasks))
    with bars(progress):
        each = in_processes(experiment, tasks, jobs=jobs)
        return list(tracked(each, total=len(tasks), unit="experiment"))
