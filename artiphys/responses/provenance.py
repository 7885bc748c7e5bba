"""Where an array comes from, as one JSON string: versions, inputs, arguments, what was dropped."""

import functools
import hashlib
import json
import math
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["digest_array", "digest_file", "dropped", "provenance"]


def provenance(
    maker: str,
    *,
    arguments: Mapping[str, Any],
    inputs: Iterable[Mapping[str, Any]] = (),
    dropped: Iterable[Mapping[str, Any]] = (),
    packages: Iterable[str] = (),
    **more: Any,
) -> str:
    """Return the provenance of an array as one JSON string.

    Parameters
    ----------
    maker : str
        The public call that made the array, e.g. ``"artiphys_torch.probe"``.
    arguments : mapping
        Its arguments, seeds included; values that JSON lacks are written as text.
    inputs : iterable of mapping
        One record an input, with at least ``name`` and ``sha256``.
    dropped : iterable of mapping
        One record a reason, as :func:`dropped` makes them.
    packages : iterable of str
        Distributions beside numpy, scipy and xarray whose versions matter here.
    **more
        Further fields, e.g. ``layout`` or ``weights``.

    Returns
    -------
    str
        JSON with the keys ``maker``, ``arguments``, ``inputs``, ``dropped``, ``versions`` and
        those of `more`.
    """
    names = ("artiphys", "numpy", "scipy", "xarray", *packages)
    record = {
        "maker": maker,
        "arguments": dict(arguments),
        "inputs": [dict(item) for item in inputs],
        "dropped": [dict(item) for item in dropped],
        "versions": {"python": platform.python_version()} | {n: _version(n) for n in names},
        **more,
    }
    return json.dumps(_within_json(record), ensure_ascii=False, allow_nan=False)


def dropped(what: str, reason: str, count: int, **where: Any) -> dict[str, Any]:
    """Return a record of what was left out, ``dropped("row", "onset is NaN", 4, session="s1")``."""
    return {"what": what, "reason": reason, "count": int(count), **where}


def digest_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_array(*arrays: np.ndarray) -> str:
    """Return the SHA-256 of arrays' dtypes, shapes and values, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


@functools.cache  # looking a version up takes longer than some reads
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _within_json(value: Any) -> Any:
    """Return `value` with what JSON lacks, NaN among it, as text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): _within_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [_within_json(item) for item in value]
    if isinstance(value, str):
        return value.encode(errors="replace").decode()  # file names can hold lone surrogates
    if (
        value is None
        or isinstance(value, int)
        or (isinstance(value, float) and math.isfinite(value))
    ):
        return value
    return str(value)
