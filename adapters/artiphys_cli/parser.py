"""The ``artiphys`` command: parse, one public call, write.

Each subcommand is a module with ``add_parser(subparsers)`` and ``run(args)``. Bad input, Ctrl-C
among it, ends in one line on standard error and exit code 2; a traceback is a bug of ours.
"""

import argparse
import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, NoReturn

from artiphys.errors import ArtiphysError, ArtiphysWarning
from artiphys_cli import compare, describe, ingest, probe, reproduce, signature, simulate
from artiphys_cli.terminal import as_typed

__all__ = ["main"]

COMMANDS = (reproduce, probe, describe, ingest, signature, compare, simulate)
INTERRUPTED = "interrupted; what was half-written is removed"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 on success, 2 on bad input."""
    received: list[int] = []
    try:
        with _interruptible(received), _one_line_warnings():
            args = _parser().parse_args(argv)
            args.progress = False if args.quiet else None
            args.run(args)
            sys.stdout.flush()
    except KeyboardInterrupt as interrupt:  # probing says in it where its finished part is
        return _refuse(str(interrupt) or INTERRUPTED)
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _refuse("out of memory; use fewer images or resamples, or a smaller batch")
    except Exception as error:
        if received:  # libraries that are interrupted as they load tell of errors of their own
            return _refuse(INTERRUPTED)
        if not isinstance(error, ArtiphysError | OSError | ImportError):
            raise
        return _refuse(as_typed(_told(error)))
    return 0


def _told(error: Exception) -> str:
    """Return what an error says, of the system's errors without their numbers."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror.lower()}"
    return str(error) or type(error).__name__


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="artiphys",
        description="Translation invariance against dynamic range, in deep nets and in cortex.",
    )
    parser.add_argument("--version", action="version", version=version("artiphys"))
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    for subparser in set(subparsers.choices.values()):
        subparser.add_argument("--quiet", action="store_true", help="no progress bars, no tables")
    return parser


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line; the usage is a ``--help`` away."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **({"formatter_class": _Formatter} | kwargs))

    def error(self, message: str) -> NoReturn:
        self.exit(_refuse(f"{message}; see {self.prog} --help"))


class _Formatter(argparse.HelpFormatter):
    """Keeps an argument and what it is on one line, commands too."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)
        self._action_max_length = 14  # argparse forgets that commands are indented twice


def _refuse(message: str) -> int:
    with contextlib.suppress(OSError):
        print(f"artiphys: error: {' '.join(message.split())}", file=sys.stderr)
    return 2


@contextlib.contextmanager
def _interruptible(received: list[int]) -> Iterator[None]:
    """Treat a polite kill like Ctrl-C, and note either, so that it too leaves nothing behind."""

    def interrupt(number: int, *_: Any) -> NoReturn:
        received.append(number)
        raise KeyboardInterrupt

    before: dict[int, Any] = {}
    try:
        before[signal.SIGTERM] = signal.signal(signal.SIGTERM, interrupt)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    except ValueError:  # not in the main thread: the host of that thread minds its signals
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _one_line_warnings() -> Iterator[None]:
    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        told = as_typed(" ".join(str(message).split()))
        print(f"artiphys: warning: {told}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.simplefilter("always", ArtiphysWarning)  # also of the second file
        yield
