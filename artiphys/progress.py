"""Progress bars over long work: one way for all of it.

A function that may take long has the argument ``progress``: by default bars on a terminal only, of
what takes longer than a second; True for bars at once, wherever the standard error goes; False for
none. It opens :func:`bars`; what is gone through below it, however deep, is wrapped in
:func:`tracked`. Where nobody opened :func:`bars`, nothing is shown.
"""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["bar", "bars", "tracked"]

Item = TypeVar("Item")
DELAY = 1.0  # seconds; what is done by then needs no bar that nobody asked for

_HIDDEN: ContextVar[bool | None] = ContextVar("hidden")  # None: unless on a terminal


@contextmanager
def bars(progress: bool | None) -> Iterator[None]:
    """Show bars within, or not.

    Parameters
    ----------
    progress : bool, optional
        None for what an enclosing :func:`bars` says; without one for bars on a terminal only.
    """
    token = _HIDDEN.set(_hidden(progress))
    try:
        yield
    finally:
        _HIDDEN.reset(token)


def tracked(
    items: Iterable[Item],
    *,
    unit: str,
    total: float | None = None,
    size: Callable[[Item], float] = lambda _: 1,
) -> Iterator[Item]:
    """Yield items, with a bar of those that are done with; a single one has its own below it.

    Parameters
    ----------
    items : iterable
    unit : str
        What an item is, or what `size` counts.
    total : float, optional
        How many there are; by default the length of `items`.
    size : callable, optional
        How much of the total an item is.
    """
    n = len(items) if total is None and isinstance(items, Sized) else total
    hidden = True if n == 1 else _HIDDEN.get(True)
    if hidden:  # without tqdm, whose lock a process that is killed would leave behind
        yield from items
        return
    with _bar(hidden, total=n, unit=unit) as shown:
        for item in items:
            yield item
            shown.update(size(item))


def bar(progress: bool | None = None, **how: Any) -> "tqdm":
    """Return a bar to be updated by hand; what it counts is tqdm's to be told."""
    return _bar(_hidden(progress), **how)


def _hidden(progress: bool | None) -> bool | None:
    return _HIDDEN.get(None) if progress is None else not progress


def _bar(hidden: bool | None, **how: Any) -> "tqdm":
    from tqdm import tqdm

    delay = 0.0 if hidden is False else DELAY
    return tqdm(disable=hidden, delay=delay, leave=False, dynamic_ncols=True, **how)
