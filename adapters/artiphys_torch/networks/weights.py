"""Weights: read from a file or downloaded, and put into a network.

Weights are data: a checkpoint is read as tensors and never executed.
"""

import http.client
import queue
import socket
import sys
import textwrap
import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import nn

from artiphys.errors import InputError, listed
from artiphys_torch.networks.state_dicts import fitted

__all__ = ["downloaded", "load_state", "one_line", "read_state", "require_weights_file"]

FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
SNIFFED = 64  # bytes
NO_WEIGHTS = {  # what files begin with that are not what they are called
    b"version https://git-lfs": "it is a pointer of Git LFS, not the file; run: git lfs pull",
    b"<!doctype html": "it is a web page; download the file itself",
    b"<html": "it is a web page; download the file itself",
    b"<?xml": "it is a web server's answer; download the file itself",
}
CONNECT_SECONDS = 8.0  # names looked up and connection made
STALL_SECONDS = 10.0  # of a transfer without a byte
SHOWN = 200  # characters of each kind of fault: the names of the first few tensors


def read_state(path: Path) -> Mapping[str, Any]:
    """Return what a checkpoint holds; nothing in it is executed.

    Raises
    ------
    InputError
        If there is no such file, it may not be read, is damaged, or holds more than tensors.
    """
    try:
        require_weights_file(path)
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong is said below, in one line
            return torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except safetensors.SafetensorError as error:
        why = f"it is damaged, or no safetensors file ({error})"
    except PermissionError:
        why = "no permission to read it"
    except Exception as error:  # torch, zipfile and pickle raise errors of many kinds here
        if "weights_only" in str(error).lower() or "unsupported" in str(error).lower():
            why = (
                "it holds more than tensors, and running what a file brings along is not safe;"
                " save model.state_dict() and pass that file"
            )
        else:
            why = f"it is damaged, truncated, or no state dict ({type(error).__name__})"
    msg = f"{path}: cannot be read as weights: {why}"
    raise InputError(" ".join(msg.split()))


def require_weights_file(path: Path) -> None:
    """Raise if there is no such file, or it is something else that is often found in its place.

    Raises
    ------
    InputError
        That.
    PermissionError
        If it may not be read.
    """
    if not path.is_file():
        what = "it is a folder" if path.is_dir() else "no such file"
        msg = f'{path}: {what}; expected "untrained", "imagenet" or the file of a state dict'
        raise InputError(msg)
    with path.open("rb") as file:  # safetensors says of a closed file that there is none
        head = file.read(SNIFFED).lstrip().lower()
    for beginning, what in NO_WEIGHTS.items():
        if head.startswith(beginning):
            msg = f"{path}: cannot be read as weights: {what}"
            raise InputError(msg)


def load_state(model: nn.Module, state: Mapping[str, Any], name: str) -> None:
    """Put the tensors of a state dict into `model`, if they are all that it needs and fit.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place; not to be used after an error.
    state : mapping of str to tensor
        As published: see :func:`artiphys_torch.networks.state_dicts.fitted`.
    name : str
        For the messages.

    Raises
    ------
    InputError
        If tensors are missing, unknown, of the wrong shape or type, or not finite; the first few
        of each kind are named.
    """
    wanted = model.state_dict()
    state, unfit = fitted(state, model, name)
    faults = _told(
        "has the wrong type in",
        [
            f"{key} (expected floating, dense, of 16 to 64 bits; got {_kind(value)})"
            for key, value in state.items()
            if key in wanted
            and wanted[key].is_floating_point()
            and not (value.dtype in FLOATING and value.layout == torch.strided)
        ],
    )
    if not faults:  # torch would convert some types in silence, and stumble over others
        try:
            model.load_state_dict(state, strict=True)
        except (RuntimeError, ValueError) as error:
            faults = _in_torch_s_words(error) + unfit
    faults = faults or _told(
        "has NaN or infinite values in",
        [
            f"{key} ({int((~value.isfinite()).sum())} of {value.numel()})"
            for key, value in state.items()
            if value.is_floating_point() and not value.isfinite().all()
        ],
    )
    if faults:
        msg = f"{name}: not weights of {type(model).__name__}: {faults}"
        raise InputError(msg)


def downloaded(url: str) -> Path:
    """Return the local file of a published checkpoint, from torch's cache or else its server.

    Parameters
    ----------
    url : str
        Ends in ``name-<first digits of the SHA-256>.pth``, as torchvision's do; they are checked.

    Raises
    ------
    InputError
        If it cannot be downloaded: one line, within seconds, says what to fetch, and what to do
        with it.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _require_answer(url)
        _download(url, path)
    except (OSError, http.client.HTTPException, RuntimeError) as error:  # the last: another digest
        why = getattr(error, "reason", None) or error
        msg = (
            f"{path.name} cannot be downloaded ({why}): fetch {url} on a machine that reaches it"
            " and pass the file's path as the weights"
        )
        raise InputError(" ".join(msg.split())) from error
    return path


def one_line(error: BaseException | None) -> str:
    """Return an error of another's making as one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _kind(value: torch.Tensor) -> str:
    kind = str(value.dtype).removeprefix("torch.")
    return kind if value.layout == torch.strided else f"sparse {kind}"


def _told(what: str, found: list[str]) -> str:
    return f"it {what} {listed(found, most=3)}" if found else ""


def _in_torch_s_words(error: Exception) -> str:
    """Return what ``load_state_dict`` says, a line for each fault after the first, as one line."""
    lines = [textwrap.shorten(line, SHOWN, placeholder=" …") for line in str(error).splitlines()]
    more = f" and {len(lines) - 4} more" if len(lines) > 4 else ""
    return " ".join(lines[1:4] or lines) + more


def _require_answer(url: str) -> None:
    """Raise if no server answers in time; looking up a name obeys no socket's limit."""
    outcome: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=CONNECT_SECONDS).close()
        except urllib.error.HTTPError:  # an answer, which the download will tell
            outcome.put(None)
        except Exception as error:
            outcome.put(error)
        else:
            outcome.put(None)

    threading.Thread(target=ask, daemon=True).start()
    try:
        failure = outcome.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        msg = f"no connection within {CONNECT_SECONDS:g} seconds"
        raise TimeoutError(msg) from None
    if failure is not None:
        raise failure


def _download(url: str, path: Path) -> None:
    with _socket_timeout(STALL_SECONDS):
        torch.hub.download_url_to_file(
            url,
            str(path),
            hash_prefix=path.stem.rsplit("-", 1)[-1],
            progress=sys.stderr.isatty(),
        )


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Give up a transfer that stalls; ``torch.hub`` takes no limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
