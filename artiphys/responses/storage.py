"""Response arrays on disk: netCDF4 by the suffix ``.nc``, Zarr by ``.zarr``."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from artiphys.atomic_files import with_suffix, written_whole
from artiphys.errors import InputError, to_install
from artiphys.responses.schema import DIMS, is_text, validate

__all__ = ["open_responses", "save_responses", "with_known_suffix", "write_netcdf"]

SUFFIXES = (".nc", ".zarr")  # in small or capital letters
WHOLE = "every_chunk_written"  # attr of a Zarr group: no chunk was left out as empty
HDF5 = b"\x89HDF\r\n\x1a\n"  # what such a file begins with


def save_responses(responses: xr.DataArray, path: str | Path) -> None:
    """Write a response array; a reader sees the whole file or none of it.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        Valid, in memory or lazy; a lazy one is computed and written chunk by chunk.
    path : str or Path
        Ends in ``.nc`` (netCDF4) or ``.zarr`` (Zarr, extra ``zarr``). An existing one is replaced,
        and stays as it was if the writing fails.

    Raises
    ------
    SchemaError
        If the array is not valid; nothing is written.
    InputError
        For another suffix, a missing folder, no permission or a full disk.
    """
    path = with_known_suffix(path)
    dataset = validate(responses).to_dataset()
    for name in dataset.variables:  # what a file was encoded like says nothing of this one
        dataset[name].encoding = {}
    dataset = dataset.assign_coords(
        {name: _in_memory(coord.variable) for name, coord in dataset.coords.items()}
    )
    with written_whole(path) as partial, _own_threads(dataset):
        if path.suffix.lower() == ".zarr":
            _require_zarr()
            dataset["response"] = _evenly_chunked(dataset["response"])
            # Format 2 is the one that every reader of Zarr has, text coordinates included. Chunks
            # of nothing but NaN are written too, so that one that is missing has been lost.
            dataset.attrs[WHOLE] = 1
            dataset.to_zarr(partial, mode="w", zarr_format=2, write_empty_chunks=True)
        else:
            write_netcdf(dataset, partial)


def open_responses(
    path: str | Path, *, chunks: Mapping[str, int] | int | Literal["auto"] | None = None
) -> xr.DataArray:
    """Return the response array in a file, validated.

    Parameters
    ----------
    path : str or Path
        Ends in ``.nc`` or ``.zarr``.
    chunks : mapping from dims to int, int or "auto", optional
        Open lazily, as dask chunks along the dims (extra ``dask``); ``{}`` takes the file's own.
        By default the array is read into memory and the file closed.

    Returns
    -------
    xarray.DataArray, (unit, image, position) or (unit, image, position, trial)

    Raises
    ------
    InputError
        If there is no such file, it cannot be read as netCDF4 or Zarr, or `chunks` are none.
    SchemaError
        If what it holds is not a response array.
    """
    path = with_known_suffix(path)
    _check_chunks(chunks)
    engine = "netcdf4"
    if path.suffix.lower() == ".zarr":
        _require_zarr()
        engine = "zarr"
    if chunks is not None:
        _require("dask", "to open a response array lazily", "dask")
    _check_there(path, engine)
    try:
        dataset = _opened(path, engine, chunks)
    except (ImportError, MemoryError, InputError):
        raise
    except Exception as error:  # the libraries raise of all kinds at what is not a file of theirs
        msg = f"{path}: cannot be read as {engine}; it is damaged or another kind of file ({error})"
        raise InputError(" ".join(msg.split())) from error
    responses = dataset["response"]
    responses = responses.assign_coords(
        {name: _in_memory(coord.variable) for name, coord in responses.coords.items()}
    )
    responses.attrs = _plain_attrs(responses.attrs)
    try:
        return validate(responses)
    except InputError as error:
        msg = f"{path}: {error}"
        raise type(error)(msg) from error


def with_known_suffix(path: str | Path) -> Path:
    """Return `path` if it ends in a suffix of response arrays.

    Raises
    ------
    InputError
        If it ends otherwise, or is no path.
    """
    if not isinstance(path, str | os.PathLike) or not is_text(str(path)):
        msg = f"a path must be text or a Path, without NUL and in UTF-8; got {path!r}"
        raise InputError(msg)
    return with_suffix(Path(path), *SUFFIXES, formats=("netCDF4", "Zarr"))


def write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset as netCDF4, compressed and with checksums where it holds responses.

    Raises
    ------
    OSError
        With the reason why not, which :func:`artiphys.atomic_files.written_whole` puts into words.
    """
    kept = {"zlib": True, "complevel": 1, "shuffle": True, "fletcher32": True}
    encoding = {"response": kept} if "response" in dataset else {}
    try:
        dataset.to_netcdf(path, engine="netcdf4", encoding=encoding)
    except (RuntimeError, PermissionError) as error:
        # The netCDF library hides the reason behind "HDF error", or takes it for no permission.
        full = shutil.disk_usage(path.parent).free < 2**20
        if isinstance(error, PermissionError) and not full:
            raise
        why = f"{error}; is there room, and no limit on the size of files?"
        raise OSError(errno.ENOSPC if full else errno.EIO, why) from error


def _evenly_chunked(responses: xr.DataArray) -> xr.DataArray:
    """Return the same, its chunks along each dim of one size as Zarr asks, the last one apart."""
    uneven = {
        dim: max(sizes)
        for dim, sizes in responses.chunksizes.items()
        if len(set(sizes[:-1])) > 1 or sizes[-1] > sizes[0]
    }
    return responses.chunk(uneven) if uneven else responses


@contextlib.contextmanager
def _own_threads(dataset: xr.Dataset) -> Iterator[None]:
    """Let dask compute in threads that end with the block: after Ctrl-C others would write on."""
    if dataset["response"].chunks is None:
        yield
        return
    import dask

    pool = ThreadPoolExecutor(dask.config.get("num_workers", None) or os.cpu_count())
    try:
        with dask.config.set(pool=pool):
            yield
    finally:
        pool.shutdown(cancel_futures=True)


def _check_chunks(chunks: Any) -> None:
    sizes = chunks.values() if isinstance(chunks, Mapping) else [chunks]
    known = not isinstance(chunks, Mapping) or set(chunks) <= {*DIMS, "trial"}
    if not known or not all(map(_is_chunk, sizes)):
        msg = (
            "chunks must be None, {}, 'auto', a whole number, or numbers for some of the dims "
            f"{(*DIMS, 'trial')}; got {chunks!r}"
        )
        raise InputError(msg)


def _is_chunk(size: Any) -> bool:
    if size is None or isinstance(size, str):
        return size in (None, "auto")
    return isinstance(size, int) and not isinstance(size, bool) and (size == -1 or size > 0)


def _check_there(path: Path, engine: str) -> None:
    """Raise InputError for what the libraries would say less well."""
    fault = None
    try:
        if not path.exists():
            fault = "no such file"
        elif path.is_dir() and engine != "zarr":
            fault = "it is a folder; expected a netCDF4 file"
        elif not path.is_dir() and engine == "zarr":
            fault = "it is a file; expected a folder of Zarr"
        elif not os.access(path, os.R_OK):
            fault = "no permission to read it"
        elif path.is_file() and path.stat().st_size == 0:
            fault = "it is empty"
    except OSError as error:
        fault = error.strerror or str(error)
    if fault:
        msg = f"{path}: {fault}"
        raise InputError(msg)


def _opened(path: Path, engine: Any, chunks: Any) -> xr.Dataset:
    # Numbers in seconds or days stay numbers: only dates are decoded.
    how: dict[str, Any] = {"engine": engine, "decode_timedelta": False}
    with xr.open_dataset(path, **how) as dataset:
        if "response" not in dataset:
            held = ", ".join(map(str, dataset.data_vars)) or "nothing"
            msg = f"{path}: must hold a variable named 'response'; it holds {held}"
            raise InputError(msg)
        if engine == "zarr" and WHOLE in dataset.attrs:
            _check_no_chunk_is_lost(path)
        if chunks is None:
            return dataset.load()
        others = dataset.drop_vars("response").load()
        attrs = dataset["response"].attrs
    lazy = xr.open_dataset(
        path,
        engine=_engine_to_keep_open(path, engine),
        chunks=chunks,
        drop_variables=[str(name) for name in others.variables],
    )
    lazy["response"].attrs = attrs
    return lazy.assign_coords(others.coords)


def _engine_to_keep_open(path: Path, engine: Any) -> Any:
    """Return what reads a file that stays open.

    netCDF 4.10 crashes where a file that it holds open is opened and closed again, and has text.
    """
    if engine != "netcdf4":
        return engine
    _require("h5netcdf", "to open a .nc response array lazily", "dask")
    with path.open("rb") as file:
        is_hdf5 = file.read(len(HDF5)) == HDF5  # netCDF has older formats too
    return "h5netcdf" if is_hdf5 else engine


def _check_no_chunk_is_lost(path: Path) -> None:
    import zarr

    arrays = [array for _, array in zarr.open_group(str(path), mode="r").arrays()]
    lost = sum(max(0, array.nchunks - array.nchunks_initialized) for array in arrays)
    if lost:
        msg = f"{path}: {lost} of its chunks are missing; copy or make it anew"
        raise InputError(msg)


def _in_memory(variable: xr.Variable) -> xr.Variable:
    """Return a coordinate in memory, its text of one kind: files may give objects for it."""
    values = variable.values
    if values.dtype.kind not in "biufMU":
        values = np.array(values.tolist(), dtype=str).reshape(values.shape)
    return xr.Variable(variable.dims, values, _plain_attrs(variable.attrs))


def _plain_attrs(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in attrs.items()
    }


def _require_zarr() -> None:
    _require("zarr", "for a .zarr response array", "zarr")


def _require(module: str, purpose: str, extra: str) -> None:
    try:
        __import__(module)
    except ImportError as error:
        msg = f"{module} is needed {purpose}: {to_install(extra)}"
        raise ImportError(msg) from error
