"""The entry of the ``artiphys`` command, which minds Ctrl-C while everything else is imported.

What it imports before it does so is next to nothing: numpy and xarray take half a second.
"""

import os
import signal
from typing import Any, NoReturn

__all__ = ["main"]

INTERRUPTED = b"artiphys: error: interrupted\n"


def main() -> int:
    """Run the command and return its exit code."""
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    usual = (signal.default_int_handler, signal.SIG_DFL)
    minded = [kind for kind, handler in before.items() if handler in usual]  # nohup ignores some
    for kind in minded:
        signal.signal(kind, _end)
    from artiphys_cli.parser import main as run

    try:
        for kind in minded:
            signal.signal(kind, before[kind])
        return run()
    except KeyboardInterrupt:  # between here and there
        _end()


def _end(*_: Any) -> NoReturn:
    """End at once: libraries that are interrupted while they load tell of errors of theirs."""
    os.write(2, INTERRUPTED)
    os._exit(2)
