"""One's own networks: a function in a file of Python that returns a ``torch.nn.Module``."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from artiphys.errors import InputError
from artiphys_torch.receptive_fields.connections import one_line

__all__ = ["builder", "is_own"]


def is_own(name: str) -> bool:
    """Say whether a network's name is a place in a file, ``FILE.py:function``."""
    file, colon, _ = str(name).rpartition(":")
    return bool(colon) and file.endswith(".py")


def builder(place: str) -> Callable[[], nn.Module]:
    """Return what makes the network at ``FILE.py:function``; the file is run as Python runs it.

    Parameters
    ----------
    place : str
        The function takes no arguments and returns the network, with whatever weights it likes.

    Raises
    ------
    InputError
        Here if there is no such file; when called, if it cannot be run, has no such function, or
        the function fails or returns something else.
    """
    file, _, name = str(place).rpartition(":")
    path = Path(file)
    if not path.is_file():
        msg = f"{path}: no such file; a network of one's own is given as FILE.py:function"
        raise InputError(msg)

    def build() -> nn.Module:
        with _neighbours_importable(path), _one_line_errors(place):
            function = getattr(_run(path), name, None)
            if not callable(function):
                msg = f"{path}: has no function {name!r} that returns the network"
                raise InputError(msg)
            model = function()
        if not isinstance(model, nn.Module):
            msg = f"{place}: must return a torch.nn.Module; it returned {type(model).__name__}"
            raise InputError(msg)
        return model

    return build


def _run(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"_network_{path.stem}", path)
    if spec is None or spec.loader is None:  # never so for a name that ends in .py
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def _neighbours_importable(path: Path) -> Iterator[None]:
    """Let the file import the files beside it, as a script could."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


@contextmanager
def _one_line_errors(place: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # a file of the user's raises what it likes
        msg = f"{place}: cannot be built: {one_line(error)}"
        raise InputError(msg) from error
