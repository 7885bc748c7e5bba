"""Arrays larger than memory: gone through chunk by chunk, each chunk read once.

Moments over images, and the means and scatter of trials, of the whole are those of the chunks put
together, whichever way the array is chunked. What is left fits memory, as it has no images, or no
trials. Chunks are read and summed by dask: in threads, or on the cluster of a
``dask.distributed`` client, if there is one.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
import xarray as xr

from artiphys.cores import n_cores
from artiphys.errors import InputError
from artiphys.estimators.moments import ImageSums, Moments, image_sums, moments_of_sums
from artiphys.estimators.signal_moments import Cells, TrialSums, cells_of_sums, trial_sums
from artiphys.progress import tracked
from artiphys.responses.schema import require_finite

__all__ = ["cells_in_pieces", "in_memory", "moments_in_pieces"]

AT_ONCE = 2**20  # numbers in memory beside each chunk
PER_CORE = 2  # chunks at a time, so that memory is bounded

Sums = TypeVar("Sums", ImageSums, TrialSums)


def in_memory(responses: xr.DataArray) -> bool:
    """Return whether the values are there, rather than to be read or computed in chunks."""
    return responses.chunks is None


def moments_in_pieces(responses: xr.DataArray, at: int) -> Moments:
    """Return :func:`artiphys.estimators.moments.moments_across_images`.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position)
        In chunks.
    at : int
        Index of the reference position.
    """
    n_unit, n_position = responses.sizes["unit"], responses.sizes["position"]
    total = ImageSums(*(np.zeros((n_unit, n_position)) for _ in ImageSums._fields))
    for piece, sums in _summed(responses, image_sums, at):
        here = ImageSums(*(of[piece.units] for of in total))
        for into, merged in zip(here, here.merged(sums), strict=True):
            into[...] = merged
    return moments_of_sums(total, at)


def cells_in_pieces(responses: xr.DataArray) -> Cells:
    """Return :func:`artiphys.estimators.signal_moments.cells_of`.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position, trial)
        In chunks.
    """
    shape = tuple(responses.sizes[dim] for dim in ("unit", "image", "position"))
    total = TrialSums(*(np.empty(shape) for _ in TrialSums._fields))
    for piece, sums in _summed(responses, trial_sums):
        for into, of in zip(total, sums, strict=True):
            into[piece.units, piece.images] = of
    return cells_of_sums(*total)


class _Piece(NamedTuple):
    """A chunk along units and images, whole along positions and trials."""

    units: slice
    images: slice


def _summed(
    responses: xr.DataArray, sums: Callable[..., Sums], *more: Any
) -> Iterator[tuple[_Piece, Sums]]:
    """Yield the sums of each chunk, some chunks at a time."""
    import dask

    name = str(responses.name or "responses")
    whole = {dim: -1 for dim in responses.dims if dim not in ("unit", "image")}
    data = responses.chunk(whole).data
    pieces = list(itertools.starmap(_Piece, itertools.product(*map(_slices, data.chunks[:2]))))
    work = dask.delayed(_sums_of, pure=True)
    at_once = PER_CORE * n_cores()
    batches = [pieces[start : start + at_once] for start in range(0, len(pieces), at_once)]
    for some in tracked(batches, unit="batch"):
        tasks = [work(data[piece.units, piece.images], name, sums, *more) for piece in some]
        try:
            found = dask.compute(*tasks)
        except (InputError, MemoryError):
            raise
        except Exception as error:  # readers raise of all kinds at a chunk that is damaged
            first, last = some[0].units.start, some[-1].units.stop
            msg = f"{name}: units {first} to {last - 1} cannot be read or computed ({error})"
            raise InputError(" ".join(msg.split())) from error
        yield from zip(some, found, strict=True)


def _slices(sizes: tuple[int, ...]) -> list[slice]:
    ends = itertools.accumulate(sizes)
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def _sums_of(values: np.ndarray, name: str, sums: Callable[..., Sums], *more: Any) -> Sums:
    """Return the sums of a chunk (unit, ...), of some units at a time."""
    require_finite(values, name)
    step = max(1, AT_ONCE * len(values) // max(values.size, 1))
    parts = [sums(values[start : start + step], *more) for start in range(0, len(values), step)]
    return type(parts[0])(*map(np.concatenate, zip(*parts, strict=True)))
