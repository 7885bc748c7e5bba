"""The entry of the ``artiphys`` command: bad input ends in one line and exit code 2.

Ctrl-C is bad input too, and is minded first: what is imported before that is next to nothing, for
numpy and xarray take half a second, and libraries that are interrupted while they load tell of
errors of theirs. A traceback is a bug of ours.
"""

import contextlib
import gc
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

__all__ = ["main"]

INTERRUPTED = "interrupted; what was half-written is removed"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 on success, 2 on bad input."""
    interrupts = _Interrupts()
    whole_process = argv is None
    if whole_process:  # what is loaded stays: to look through it for garbage takes a fifth of a run
        gc.disable()
    try:
        with _minded(interrupts):
            from artiphys_cli.parser import parsed

            command = parsed(sys.argv[1:] if argv is None else argv)
            if command is not None:
                import xarray  # noqa: F401  what every command loads, here to be interrupted

                with _one_line_warnings():
                    interrupts.loading = False
                    if whole_process:
                        gc.freeze()
                        gc.enable()
                    command()
            sys.stdout.flush()
    except KeyboardInterrupt as interrupt:  # probing says in it where its finished part is
        return _refuse(str(interrupt) or INTERRUPTED)
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _refuse("out of memory; use fewer images or resamples, or a smaller batch")
    except Exception as error:
        if interrupts.received:  # an interrupt of which a library made an error of its own
            return _refuse(INTERRUPTED)
        if not _is_bad_input(error):
            raise
        return _refuse(_told(error))
    return 0


class _Interrupts:
    """A handler: the end at once while libraries load, and an exception, noted, after that."""

    loading = True
    received = False

    def __call__(self, *_: Any) -> NoReturn:
        if self.loading:
            os.write(2, b"artiphys: error: interrupted\n")
            os._exit(2)
        self.received = True
        raise KeyboardInterrupt


@contextlib.contextmanager
def _minded(handler: _Interrupts) -> Iterator[None]:
    """Let `handler` mind Ctrl-C and a polite kill, so that neither leaves anything behind."""
    usual = (signal.default_int_handler, signal.SIG_DFL)  # nohup, say, has some ignored
    before: dict[int, Any] = {}
    try:
        for kind in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(kind) in usual:
                before[kind] = signal.signal(kind, handler)
    except ValueError:  # not in the main thread: the host of that thread minds its signals
        pass
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)


@contextlib.contextmanager
def _one_line_warnings() -> Iterator[None]:
    from artiphys.errors import ArtiphysWarning
    from artiphys_cli.options import as_typed

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        told = as_typed(" ".join(str(message).split()))
        line = f"artiphys: warning: {told}"
        if sys.stderr.isatty():  # in a file it stays one line, to be searched for
            from artiphys_cli.terminal import wrapped

            line = wrapped(line, sys.stderr)
        print(line, file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.simplefilter("always", ArtiphysWarning)  # also of the second file
        yield


def _is_bad_input(error: Exception) -> bool:
    from artiphys_cli.options import UsageError

    if isinstance(error, UsageError | OSError | ImportError):
        return True
    from artiphys.errors import ArtiphysError  # not above: it takes half a second

    return isinstance(error, ArtiphysError)


def _told(error: Exception) -> str:
    """Return what an error says, of the system's errors without their numbers."""
    from artiphys_cli.options import as_typed

    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return as_typed(f"{error.filename}: {error.strerror.lower()}")
    return as_typed(str(error) or type(error).__name__)


def _refuse(message: str) -> int:
    with contextlib.suppress(OSError):
        print(f"artiphys: error: {' '.join(message.split())}", file=sys.stderr)
    return 2
