"""Arrays larger than memory: gone through chunk by chunk, each chunk read once.

Moments over images, and the means and scatter of trials, of the whole are those of the chunks put
together, whichever way the array is chunked. What is left fits memory, as it has no images, or no
trials. Chunks are read and summed by dask: in threads, or on the cluster of a
``dask.distributed`` client, if there is one.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.cores import n_cores
from artiphys.errors import InputError
from artiphys.estimators.blocks import in_blocks
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
]

PER_CORE = 2  # chunks at a time, so that memory is bounded
AT_ONCE = 2**24  # numbers, where single trials of whole units are needed


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
    if not in_memory(responses):
        responses = responses.chunk({"image": -1})  # trials are dealt out over all images
    n = len(TrialSums._fields)
    sums = _of_cells(responses, _sums_of_halves, 3 * n)
    return HalvedCells(*(cells_of_sums(*sums[start : start + n]) for start in (0, n, 2 * n)))


def units_in_turn(responses: xr.DataArray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the values of some units at a time, as floats, and which units these are.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, ...)
        In memory or in chunks, which are read whole.
    """
    n_unit = responses.sizes["unit"]
    step = max(1, AT_ONCE * n_unit // max(responses.size, 1))
    if in_memory(responses):
        for start in range(0, n_unit, step):
            units = slice(start, min(start + step, n_unit))
            yield units, responses.values[units].astype(float, copy=False)
        return
    for units in _slices(responses.chunksizes["unit"]):
        with _told(responses, units):
            values = responses[units].values
        require_finite(values, _name(responses))
        for start in range(units.start, units.stop, step):
            some = slice(start, min(start + step, units.stop))
            part = values[start - units.start : some.stop - units.start]
            yield some, part.astype(float, copy=False)


class _Piece(NamedTuple):
    """A chunk along units and images, whole along positions and trials."""

    units: slice
    images: slice


def _of_cells(
    responses: xr.DataArray, sums: Callable[..., Sequence[np.ndarray]], n: int
) -> list[np.ndarray]:
    """Return sums of trials (unit, image, position), `n` of them."""
    shape = tuple(responses.sizes[dim] for dim in ("unit", "image", "position"))
    total = [np.empty(shape) for _ in range(n)]
    for piece, found in _summed(responses, sums):
        for into, of in zip(total, found, strict=True):
            into[piece.units, piece.images] = of
    return total


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
    responses: xr.DataArray, sums: Callable[..., Sequence[np.ndarray]], **more: Any
) -> Iterator[tuple[_Piece, Sequence[np.ndarray]]]:
    """Yield the sums of each chunk, some chunks at a time; of an array in memory those of all."""
    if in_memory(responses):
        yield _Piece(slice(None), slice(None)), sums(responses.values, **more)
        return
    import dask

    whole = {dim: -1 for dim in responses.dims if dim not in ("unit", "image")}
    data = responses.chunk(whole).data
    pieces = list(itertools.starmap(_Piece, itertools.product(*map(_slices, data.chunks[:2]))))
    work = dask.delayed(_sums_of_chunk, pure=True)
    at_once = PER_CORE * n_cores()
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
    return sums(values, **more)


@contextmanager
def _told(responses: xr.DataArray, units: slice) -> Iterator[None]:
    """Raise one line of what cannot be read: readers raise of all kinds at a damaged chunk."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        which = f"units {units.start} to {units.stop - 1}"
        msg = f"{_name(responses)}: {which} cannot be read or computed ({error})"
        raise InputError(" ".join(msg.split())) from error


def _name(responses: xr.DataArray) -> str:
    return str(responses.name or "responses")


def _slices(sizes: tuple[int, ...]) -> list[slice]:
    ends = itertools.accumulate(sizes)
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
