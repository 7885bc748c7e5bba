"""Arrays larger than memory: gone through chunk by chunk, each chunk read once.

Moments over images, and the means and scatter of trials, of the whole are those of the chunks put
together, whichever way the array is chunked. What is left fits memory, as it has no images, or no
trials. Chunks are read and summed by dask: in threads, or on the cluster of a
``dask.distributed`` client, if there is one.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.cores import in_own_thread, n_cores
from artiphys.errors import InputError
from artiphys.estimators.blocks import in_blocks, some_units
from artiphys.estimators.halves import first_half
from artiphys.estimators.moments import ImageSums, Moments, image_sums, moments_of_sums
from artiphys.estimators.signal_moments import Cells, TrialSums, cells_of_sums, trial_sums
from artiphys.progress import tracked
from artiphys.responses.schema import require_finite

__all__ = [
    "Averages",
    "HalvedCells",
    "averages_of",
    "cells_of_trials",
    "halved_cells",
    "in_memory",
    "units_in_turn",
    "values_of",
]

PER_CORE = 2  # chunks at a time, so that memory is bounded
AT_ONCE = 2**24  # numbers, where single trials of whole units are needed
READ_AT_ONCE = 8 * AT_ONCE  # of these: a chunk that holds more is read again for further units


class Averages(NamedTuple):
    """What is made of responses without trials."""

    moments: Moments
    mean: np.ndarray  # (unit), over all that was measured


class HalvedCells(NamedTuple):
    """The cells of all the trials, and of two halves of them that share none."""

    whole: Cells
    first: Cells
    second: Cells


def in_memory(responses: xr.DataArray) -> bool:
    """Return whether the values are there, rather than to be read or computed in chunks."""
    return responses.chunks is None


def averages_of(responses: xr.DataArray, at: int) -> Averages:
    """Return the moments across images, as :func:`artiphys.estimators.moments` has them, and means.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position)
        In memory or in chunks.
    at : int
        Index of the reference position.
    """
    n_unit, n_position = responses.sizes["unit"], responses.sizes["position"]
    sums = ImageSums(*(np.zeros((n_unit, n_position)) for _ in ImageSums._fields))
    total, n = np.zeros(n_unit), np.zeros(n_unit)
    for piece, found in _summed(responses, _image_sums_and_totals, at=at):
        here = ImageSums(*(of[piece.units] for of in sums))
        for into, merged in zip(here, here.merged(ImageSums(*found[:-2])), strict=True):
            into[...] = merged
        total[piece.units] += found[-2]
        n[piece.units] += found[-1]
    with np.errstate(invalid="ignore"):  # of a unit that was never measured
        return Averages(moments_of_sums(sums, at), total / n)


def cells_of_trials(responses: xr.DataArray) -> Cells:
    """Return the cells, as :func:`artiphys.estimators.signal_moments.cells_of` has them.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position, trial)
        In memory or in chunks.
    """
    return cells_of_sums(*_of_cells(responses, trial_sums, len(TrialSums._fields)))


def halved_cells(responses: xr.DataArray) -> HalvedCells:
    """Return the cells, and those of the first of all halves of the trials.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position, trial)
        In memory or in chunks.
    """
    n = len(TrialSums._fields)
    # Trials are dealt out over all the images of a unit.
    sums = _of_cells(responses, _sums_of_halves, 3 * n, whole_units=True)
    return HalvedCells(*(cells_of_sums(*sums[start : start + n]) for start in (0, n, 2 * n)))


def units_in_turn(
    responses: xr.DataArray, at_once: int = AT_ONCE
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the values of some units at a time, as floats, and which units these are.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, ...)
        In memory or in chunks, of which those of the same units are read together.
    at_once : int
        About how many numbers at a time.
    """
    for units, values in _read_in_turn(responses):
        for some in some_units(len(values), values.size, at_once):
            which = slice(units.start + some.start, units.start + some.stop)
            yield which, values[some].astype(float, copy=False)


def values_of(responses: xr.DataArray) -> np.ndarray:
    """Return the values (unit, image, position) as floats, of an array in chunks once it is read.

    It is for what was selected of such an array, and fits memory.
    """
    return _of_cells(responses, _as_floats, 1)[0]


class _Piece(NamedTuple):
    """A chunk along units and images, whole along positions and trials."""

    units: slice
    images: slice


def _of_cells(
    responses: xr.DataArray,
    sums: Callable[..., Sequence[np.ndarray]],
    n: int,
    *,
    whole_units: bool = False,
) -> list[np.ndarray]:
    """Return sums of trials (unit, image, position), `n` of them."""
    if in_memory(responses):
        return list(sums(responses.values))
    shape = tuple(responses.sizes[dim] for dim in ("unit", "image", "position"))
    total = [np.empty(shape) for _ in range(n)]
    for piece, found in _summed(responses, sums, whole_units=whole_units):
        for into, of in zip(total, found, strict=True):
            into[piece.units, piece.images] = of
    return total


def _read_in_turn(responses: xr.DataArray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield units and their values: of an array in memory all, else those of a chunk, or some."""
    if in_memory(responses):
        yield slice(0, responses.sizes["unit"]), responses.values
        return
    for units in _whole_units(responses, READ_AT_ONCE):
        with _told(responses, units):
            values = responses[units].values
        require_finite(values, _name(responses))
        yield units, values


def _whole_units(responses: xr.DataArray, at_once: int) -> list[slice]:
    """Return the units of each chunk; some at a time of one of more numbers than `at_once`."""
    of_unit = responses[0].size
    parts: list[slice] = []
    for chunk in _slices(responses.variable.chunksizes["unit"]):
        n = chunk.stop - chunk.start
        some = some_units(n, n * of_unit, at_once)
        parts += [slice(chunk.start + of.start, chunk.start + of.stop) for of in some]
    return parts


def _as_floats(values: np.ndarray) -> list[np.ndarray]:
    return [values.astype(float, copy=False)]


def _image_sums_and_totals(values: np.ndarray, at: int) -> list[np.ndarray]:
    sums = image_sums(values, at)
    if (sums.n == values.shape[1]).all():
        return [*sums, (sums.n * sums.mean).sum(1), sums.n.sum(1)]
    return [*sums, *in_blocks(_totals, values)]  # of those too that lack the reference


def _totals(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of what was measured, and how much that is (unit)."""
    known = ~np.isnan(values)
    return np.where(known, values, 0.0).sum((1, 2)), known.sum((1, 2))


def _sums_of_halves(values: np.ndarray) -> list[np.ndarray]:
    return in_blocks(_sums_of_halves_at_once, values)


def _sums_of_halves_at_once(values: np.ndarray) -> list[np.ndarray]:
    first = first_half(~np.isnan(values), 0)
    return [of for where in (None, first, ~first) for of in trial_sums(values, where)]


def _summed(
    responses: xr.DataArray,
    sums: Callable[..., Sequence[np.ndarray]],
    *,
    whole_units: bool = False,
    **more: Any,
) -> Iterator[tuple[_Piece, Sequence[np.ndarray]]]:
    """Yield the sums of each chunk, some at a time, or of whole units; in memory those of all."""
    if in_memory(responses):
        yield _Piece(slice(None), slice(None)), sums(responses.values, **more)
        return
    import dask

    whole = {dim: -1 for dim in responses.dims if dim not in ("unit", "image")}
    data = responses.chunk(whole).data
    at_once = PER_CORE * n_cores()
    parts = [_slices(sizes) for sizes in data.chunks[:2]]
    if whole_units:  # a chunk's in one task: each task reads for itself
        of_chunk = math.prod(max(sizes) for sizes in responses.variable.chunksizes.values())
        parts = [_whole_units(responses, max(READ_AT_ONCE // at_once, of_chunk)), [slice(None)]]
    pieces = list(itertools.starmap(_Piece, itertools.product(*parts)))
    work = dask.delayed(_sums_of_chunk, pure=True)
    batches = [pieces[start : start + at_once] for start in range(0, len(pieces), at_once)]
    for some in tracked(batches, unit="batch"):
        tasks = [
            work(data[piece.units, piece.images], _name(responses), sums, **more) for piece in some
        ]
        with _told(responses, slice(some[0].units.start, some[-1].units.stop)):
            found = dask.compute(*tasks)
        yield from zip(some, found, strict=True)


def _sums_of_chunk(
    values: np.ndarray, name: str, sums: Callable[..., Sequence[np.ndarray]], **more: Any
) -> Sequence[np.ndarray]:
    require_finite(values, name)
    return in_own_thread(sums, values, **more)


@contextmanager
def _told(responses: xr.DataArray, units: slice) -> Iterator[None]:
    """Raise one line of what cannot be read: readers raise of all kinds at a damaged chunk."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        labels = responses["unit"].values[units]
        which = f"units {labels[0]} to {labels[-1]}"
        msg = f"{_name(responses)}: {which} cannot be read or computed ({error})"
        raise InputError(" ".join(msg.split())) from error


def _name(responses: xr.DataArray) -> str:
    return str(responses.name or "responses")


def _slices(sizes: tuple[int, ...]) -> list[slice]:
    ends = itertools.accumulate(sizes)
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
