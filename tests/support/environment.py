"""What a test may ask of the machine that it runs on."""

import os
import signal
from pathlib import Path

import pytest

__all__ = ["IN_CI", "ROOT", "heed_interrupts", "missing"]

ROOT = Path(__file__).parents[2]  # of the checkout
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def heed_interrupts() -> None:
    """For a new process, also where the tests run in the background, where a shell ignores them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def missing(what: str, *, module: bool = False) -> None:
    """Skip a test, or a whole module, at home; fail in CI, where nothing may be missing."""
    if IN_CI:
        pytest.fail(f"{what} is missing in CI", pytrace=False)
    pytest.skip(f"{what} is missing", allow_module_level=module)
