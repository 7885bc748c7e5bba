"""All cores of the machine, and the same numbers whatever their number.

A task hangs on nothing but what it is given, its own seed where anything in it is random, and
results come in the order of the tasks. The linear algebra of each runs on one thread: on several it
adds in another order, which changes last digits, and threads of threads wait for each other.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TypeVar

__all__ = ["in_threads", "n_cores", "one_blas_thread"]

Item = TypeVar("Item")
Result = TypeVar("Result")
WORTH_THREADS = 2**15  # numbers in an array: with fewer, threads wait for the interpreter
AHEAD = 2  # tasks a core that may be waiting, so that memory is bounded

_IN_THREAD: ContextVar[bool] = ContextVar("in_thread", default=False)


def n_cores() -> int:
    """Return how many cores this process may use, as its container or scheduler says.

    The environment variable ``LOKY_MAX_CPU_COUNT`` sets a lower number.
    """
    from loky import cpu_count

    return int(cpu_count())


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep linear algebra to one thread within."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


def in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], *, numbers: int
) -> Iterator[Result]:
    """Yield the result of each item in turn, the work done on all cores if it is worth it.

    Work that is itself done in threads stays on its own, so that there is a thread for each core.

    Parameters
    ----------
    work : callable
        Mostly NumPy on large arrays, which other threads need not wait for.
    items : iterable
        Taken as they are needed, in this thread.
    numbers : int
        How many numbers a typical array of the work has.
    """
    alone = isinstance(items, Sized) and len(items) < 2  # its own work may then have the cores
    n = 1 if alone or _IN_THREAD.get() or numbers < WORTH_THREADS else n_cores()
    with one_blas_thread():
        if n == 1:
            yield from map(work, items)
            return
        waiting: deque[Future[Result]] = deque()
        with ThreadPoolExecutor(n) as pool:
            try:
                for item in items:
                    waiting.append(pool.submit(copy_context().run, _in_thread, work, item))
                    if len(waiting) > AHEAD * n:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


def _in_thread(work: Callable[[Item], Result], item: Item) -> Result:
    _IN_THREAD.set(True)
    return work(item)
