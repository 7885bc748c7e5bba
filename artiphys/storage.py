"""Response arrays on disk: netCDF4 by the suffix ``.nc``, Zarr by ``.zarr``."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from artiphys.errors import InputError
from artiphys.files import written_whole
from artiphys.schema import validate

__all__ = ["open_responses", "save_responses"]

SUFFIXES = (".nc", ".zarr")


def save_responses(responses: xr.DataArray, path: str | Path) -> None:
    """Write a response array; a reader sees the whole of it or none of it.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        Valid, in memory or lazy; a lazy one is computed and written chunk by chunk.
    path : str or Path
        Ends in ``.nc`` (netCDF4) or ``.zarr`` (Zarr, extra ``dask``). An existing one is replaced,
        and stays as it was if the writing fails.

    Raises
    ------
    SchemaError
        If the array is not valid; nothing is written.
    InputError
        For another suffix, a missing folder, no permission or a full disk.
    """
    path = _with_known_suffix(path)
    dataset = validate(responses).to_dataset()
    for name in dataset.variables:  # what a file was encoded like says nothing of this one
        dataset[name].encoding = {}
    with written_whole(path) as partial:
        if path.suffix == ".zarr":
            _require_zarr()
            # Format 2 is the one that every reader of Zarr has, text coordinates included.
            dataset.to_zarr(partial, mode="w", zarr_format=2)
        else:
            _write_netcdf(dataset, partial)


def open_responses(
    path: str | Path, *, chunks: Mapping[str, int] | int | Literal["auto"] | None = None
) -> xr.DataArray:
    """Return the response array in a file, validated.

    Parameters
    ----------
    path : str or Path
        Ends in ``.nc`` or ``.zarr``.
    chunks : mapping, int or "auto", optional
        Open lazily, as dask chunks along the dims (extra ``dask``); ``{}`` takes the file's own.
        By default the array is read into memory and the file closed.

    Returns
    -------
    xarray.DataArray, (unit, image, position) or (unit, image, position, trial)

    Raises
    ------
    InputError
        If there is no such file, or it cannot be read as netCDF4 or Zarr.
    SchemaError
        If what it holds is not a response array.
    """
    path = _with_known_suffix(path)
    if not path.exists():
        msg = f"{path}: no such file"
        raise InputError(msg)
    engine: Any = "netcdf4"
    if path.suffix == ".zarr":
        _require_zarr()
        engine = "zarr"
    if chunks is not None:
        _require("dask", "to open a response array lazily")
    try:
        dataset = xr.open_dataset(path, engine=engine, chunks=chunks)
        if "response" not in dataset:
            held = ", ".join(map(str, dataset.data_vars)) or "nothing"
            dataset.close()
            msg = f"{path}: must hold a variable named 'response'; it holds {held}"
            raise InputError(msg)
        if chunks is None:
            with dataset:
                dataset = dataset.load()
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        msg = f"{path}: cannot be read as {engine}; it is damaged or another kind of file ({error})"
        raise InputError(" ".join(msg.split())) from error
    responses = dataset["response"]
    responses.attrs = {name: _plain(value) for name, value in responses.attrs.items()}
    for name in responses.coords:
        if responses[name].dtype.kind == "O":  # netCDF's strings come back as objects
            responses[name] = responses[name].astype(str)
    try:
        return validate(responses)
    except InputError as error:
        msg = f"{path}: {error}"
        raise type(error)(msg) from error


def _with_known_suffix(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix not in SUFFIXES:
        msg = f"{path}: the name must end in .nc (netCDF4) or .zarr (Zarr); got {path.suffix!r}"
        raise InputError(msg)
    return path


def _write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    try:
        dataset.to_netcdf(
            path,
            engine="netcdf4",
            encoding={"response": {"zlib": True, "complevel": 1, "shuffle": True}},
        )
    except RuntimeError as error:  # the netCDF library hides the reason behind "HDF error"
        free = os.statvfs(path.parent)
        full = free.f_bavail * free.f_frsize < 2**20
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from error


def _require_zarr() -> None:
    _require("zarr", "for a .zarr response array")


def _require(module: str, purpose: str) -> None:
    try:
        __import__(module)
    except ImportError as error:
        msg = f"{module} is needed {purpose}: pip install 'artiphys[dask]'"
        raise ImportError(msg) from error


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
