"""Response arrays of any size, made chunk by chunk, in memory or on disk.

Each unit has a gain, tuning to images that it keeps in part at the other positions, and, with
trials, counts of spikes.
"""

from pathlib import Path

import dask.array
import numpy as np
import xarray as xr

import artiphys
from artiphys.responses.array import response_array
from artiphys.responses.provenance import provenance

__all__ = ["made_up", "written"]

CHUNK = 4 * 10**6  # numbers


def made_up(n_units: int, n_images: int, n_positions: int, n_trials: int = 0) -> xr.DataArray:
    """Return a lazy response array: averages as float32, or single trials as int16."""
    shape = (n_units, n_images, n_positions, n_trials)[: 4 if n_trials else 3]
    of_unit = int(np.prod(shape[1:]))
    step = max(1, min(n_units, CHUNK // of_unit))
    sizes = [min(step, n_units - start) for start in range(0, n_units, step)]
    values = dask.array.map_blocks(
        _chunk,
        chunks=(tuple(sizes), *((size,) for size in shape[1:])),
        dtype=np.int16 if n_trials else np.float32,
        meta=np.empty((0,) * len(shape), np.int16 if n_trials else np.float32),
    )
    return response_array(
        values,
        unit=[f"u{unit}" for unit in range(n_units)],
        image=[f"i{image}" for image in range(n_images)],
        position=list(range(n_positions)),
        x=np.arange(n_positions),
        y=np.zeros(n_positions),
        displacement_units="deg",
        area="V4",
        source="made",
        units="spikes" if n_trials else "a.u.",
        reference=0,
        provenance=provenance("benchmarks.made_up_arrays", arguments={}),
    )


def written(folder: Path, *sizes: int) -> Path:
    """Return the path of :func:`made_up` in a folder, as Zarr, made unless it is there."""
    path = folder / f"{'x'.join(map(str, sizes))}.zarr"
    if not path.exists():
        artiphys.save_responses(made_up(*sizes), path)
    return path


def _chunk(block_info: dict) -> np.ndarray:
    where = block_info[None]
    rng = np.random.default_rng(where["chunk-location"][0])
    n_unit, n_image, n_position, *of_trials = where["chunk-shape"]
    gain = rng.gamma(2.0, 1.0, (n_unit, 1, 1)).astype(np.float32)
    kept = np.tanh(gain / 2) * np.ones(n_position, np.float32)
    kept[..., 0] = 1.0
    shared = rng.standard_normal((n_unit, n_image, 1), np.float32)
    own = rng.standard_normal((n_unit, n_image, n_position), np.float32)
    tuning = kept * shared + np.sqrt(1 - kept**2) * own
    if not of_trials:
        return gain * tuning
    rate = 3.0 * np.exp(0.3 * np.minimum(gain, 3.0) * tuning)
    return rng.poisson(rate[..., None], (*rate.shape, *of_trials)).astype(np.int16)
