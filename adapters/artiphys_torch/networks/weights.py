"""Published weights, downloaded once into torch's own cache; fails within seconds, never hangs."""

import hashlib
import http.client
import os
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from artiphys.errors import InputError

__all__ = ["fetched"]

CONNECT_SECONDS = 8.0  # names looked up and connection made
STALL_SECONDS = 10.0  # of a transfer without a byte


def fetched(url: str) -> Path:
    """Return the local file of a published checkpoint, downloaded if it is not there yet.

    Parameters
    ----------
    url : str
        Ends in ``name-<first digits of the SHA-256>.pth``, as torchvision's do; they are checked.

    Raises
    ------
    InputError
        If it cannot be downloaded: one line says what to fetch, and where to put it.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    if path.is_file():
        return path
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = _download(url, partial)
        expected = path.stem.rsplit("-", 1)[-1]
        if not digest.startswith(expected):
            msg = f"the digest is {digest[:8]}, not {expected}"
            raise OSError(msg)
        partial.replace(path)
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or error
        msg = (
            f"{path.name} cannot be downloaded ({why}): fetch {url} on a machine that reaches it"
            " and pass the file's path as the weights"
        )
        raise InputError(" ".join(msg.split())) from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def _download(url: str, path: Path) -> str:
    """Write what is at `url` to `path` and return its SHA-256."""
    request = urllib.request.Request(url, headers={"User-Agent": "artiphys"})
    digest = hashlib.sha256()
    answer = _within(
        CONNECT_SECONDS, lambda: urllib.request.urlopen(request, timeout=STALL_SECONDS)
    )
    with answer, path.open("wb") as file:
        size = int(answer.headers.get("Content-Length") or 0) or None
        bar = tqdm(total=size, unit="B", unit_scale=True, desc=path.name, disable=None, leave=False)
        with bar:
            while block := answer.read(1 << 20):
                digest.update(block)
                file.write(block)
                bar.update(len(block))
    return digest.hexdigest()


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return what `call` does, or raise TimeoutError; looking up a name obeys no socket's limit."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:  # raised again below, in the caller's thread
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        msg = f"no connection within {seconds:g} seconds"
        raise TimeoutError(msg)
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]
