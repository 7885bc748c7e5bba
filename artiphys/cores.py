"""All cores of the machine, or of a cluster, and the same numbers whatever their number.

A task hangs on nothing but what it is given, its own seed where anything in it is random, and
results come in the order of the tasks. The linear algebra of each runs on one thread: on several it
adds in another order, which changes last digits, and threads of threads wait for each other.
"""

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar, copy_context
from functools import cache, partial
from threading import Lock
from typing import Any, TypeVar

__all__ = ["in_own_thread", "in_threads", "n_cores", "on_cluster", "one_blas_thread"]

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
    """Keep the linear algebra of NumPy and scipy to one thread, until all that ask for it are done.

    The limit is the process's: threads that ask for it at the same time share it.
    """
    global _n_asking, _limit
    with _ASKING:
        if _n_asking == 0:
            _limit = _libraries().limit(limits=1, user_api="blas")
        _n_asking += 1
    try:
        yield
    finally:
        with _ASKING:
            _n_asking -= 1
            if _n_asking == 0:
                _limit.restore_original_limits()


_ASKING = Lock()
_n_asking = 0
_limit: Any = None


@cache
def _libraries() -> Any:
    """Return what there is of linear algebra, looked for once: this takes milliseconds."""
    import scipy.linalg  # noqa: F401  has its own, beside that of NumPy
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], *, numbers: int
) -> Iterator[Result]:
    """Yield the result of each item in turn, the work done on all cores if it is worth it.

    If a client of ``dask.distributed`` is open, its workers do the work on a list of items; what is
    made as it goes stays here, as it is data. Work that is itself done in threads, or by a worker,
    stays on its own, so that there is a thread for each core.

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
    worth_it = not (alone or _IN_THREAD.get() or numbers < WORTH_THREADS)
    by_workers = on_cluster(work, items) if worth_it and isinstance(items, Sized) else None
    if by_workers is not None:
        yield from by_workers
        return
    n = n_cores() if worth_it else 1
    with one_blas_thread():
        if n == 1:
            yield from map(work, items)
            return
        with ThreadPoolExecutor(n) as pool:
            submitted = (
                (item, pool.submit(copy_context().run, _in_thread, work, item)) for item in items
            )
            with closing(_ahead(submitted, AHEAD * n)) as waiting:
                for _, future in waiting:
                    yield future.result()


def on_cluster(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result] | None:
    """Return the results in turn, from the workers of a client that is open; None without one.

    What a worker loses is done here.
    """
    client = None if _IN_THREAD.get() else _client()
    shipped = None if client is None else _shipped(client, work)
    return None if shipped is None else _by_workers(client, shipped, work, items)


def in_own_thread(work: Callable[..., Result], *args: Any, **more: Any) -> Result:
    """Return what a task of a pool of threads makes, dask's say: it opens no pool of its own."""
    return copy_context().run(_in_thread, partial(work, **more), *args)


def _in_thread(work: Callable[..., Result], *args: Any) -> Result:
    _IN_THREAD.set(True)
    return work(*args)


def _ahead(
    submitted: Iterator[tuple[Item, Any]], n: int
) -> Generator[tuple[Item, Any], None, None]:
    """Yield items with their futures in turn, `n` of them ahead; those left are cancelled."""
    waiting: deque[tuple[Item, Any]] = deque()
    try:
        for pair in submitted:
            waiting.append(pair)
            if len(waiting) > n:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        for _, future in waiting:
            future.cancel()


def _client() -> Any:
    """Return the client of ``dask.distributed`` that is open and can be waited for, or None."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    with suppress(ValueError):
        distributed.get_worker()
        return None  # a task of the user's: waiting, it would keep the thread that others need
    try:
        client = distributed.default_client()
    except ValueError:
        return None
    return None if client.asynchronous or not client.nthreads() else client


def _shipped(client: Any, work: Callable[[Item], Result]) -> Any:
    """Return the work as a future that all workers hold, with its arrays; None if none takes it."""
    try:
        return client.scatter(work, broadcast=True, hash=False)
    except (OSError, TimeoutError):  # they were lost since they were counted
        return None


def _by_workers(
    client: Any, shipped: Any, work: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    from distributed import CancelledError, KilledWorker

    submitted = ((item, client.submit(_on_worker, shipped, item, pure=False)) for item in items)
    n = max(1, sum(client.nthreads().values()))
    with closing(_ahead(submitted, AHEAD * n)) as waiting:
        for item, future in waiting:
            try:
                result = future.result()
            except (CancelledError, KilledWorker, OSError):
                with one_blas_thread():
                    result = work(item)
            yield result


def _on_worker(work: Callable[[Item], Result], item: Item) -> Result:
    with one_blas_thread():
        return in_own_thread(work, item)
