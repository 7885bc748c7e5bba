"""Arrays in chunks: the same numbers, whatever the chunks and whoever computes them."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import artiphys
from artiphys.errors import InputError
from artiphys.estimators.halves import halves_of
from artiphys.estimators.moments import moments_across_images
from artiphys.estimators.pieces import (
    averages_of,
    cells_of_trials,
    halved_cells,
    in_memory,
    units_in_turn,
)
from artiphys.estimators.signal_moments import cells_of
from environment import missing

try:
    import dask
except ImportError:
    missing("the extra 'dask'", module=True)


def with_gaps(seed, shape):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape) + 100 * rng.normal(size=(shape[0], *[1] * (len(shape) - 1)))
    values[rng.random(shape) < 0.2] = np.nan
    values[0] = 7.0  # does not vary
    values[1, :, 0] = np.nan  # never shown at the reference
    return xr.DataArray(values, dims=("unit", "image", "position", "trial")[: len(shape)])


@given(
    seed=st.integers(0, 10**6), chunks=st.tuples(*[st.integers(1, size) for size in (6, 13, 3, 4)])
)
@settings(max_examples=25, deadline=None)
def test_chunks_are_no_matter(seed, chunks):
    sizes = dict(zip(("unit", "image", "position", "trial"), chunks, strict=True))
    averages, trials = with_gaps(seed, (6, 13, 3)), with_gaps(seed, (6, 13, 3, 4))
    del sizes["trial"]
    expected = moments_across_images(averages.values, 0)
    for array in (averages, averages.chunk(sizes)):
        found = averages_of(array, 0)
        for one, other in zip(found.moments, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.mean, averages.mean(("image", "position")), rtol=1e-9)
    expected = cells_of(trials.values), *halves_of(trials.values, 0)
    for array in (trials, trials.chunk(sizes | {"trial": chunks[3]})):
        found = cells_of_trials(array), *halved_cells(array)
        for cells, cells_expected in zip(found, (expected[0], *expected), strict=True):
            for one, other in zip(cells, cells_expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
        turns = list(units_in_turn(array))
        assert [units.start for units, _ in turns[1:]] == [units.stop for units, _ in turns[:-1]]
        np.testing.assert_array_equal(np.concatenate([v for _, v in turns]), trials.values)


@pytest.mark.parametrize("chunks", [{"unit": 17}, {"image": 5}, {"unit": 17, "image": 3}])
def test_units_that_tie_do_so_in_chunks_too(chunks):
    averages = xr.DataArray(  # so few spikes that many units have one variance
        np.random.default_rng(1).poisson(0.5, (60, 12, 3)) / 3,
        dims=("unit", "image", "position"),
        coords={"position": [0, 1, 2], "area": ("unit", ["V4"] * 60)},
        attrs={"reference": 0},
    )
    recorded = artiphys.simulate_responses(n_units=40, n_images=12, repeats=4, rng=0).responses
    for array, how in ((averages, {"n_resamples": 50}), (recorded, {"resample": "unit"})):
        found, expected = (
            artiphys.signature(one, rng=0, **how) for one in (array.chunk(chunks), array)
        )
        xr.testing.assert_allclose(found, expected, rtol=1e-10)


def test_what_is_no_number_is_found_in_its_chunk():
    averages = with_gaps(0, (6, 13, 3)).assign_coords(position=[0, 1, 2])
    averages.attrs["reference"] = 0
    averages.values[5, 12, 2] = np.inf
    assert not in_memory(averages.chunk({"image": 4}))
    with pytest.raises(InputError, match="must be finite, or NaN where not measured; 1 are"):
        artiphys.dynamic_range(averages.chunk({"image": 4}))


def test_a_chunk_that_cannot_be_read_is_told():
    averages = with_gaps(0, (6, 13, 3)).assign_coords(position=[0, 1, 2])
    averages.attrs["reference"] = 0

    def damaged(block, block_info=None):
        if block_info and block_info[0]["chunk-location"][0] == 2:
            raise RuntimeError("HDF error")
        return block

    chunked = averages.chunk({"unit": 2})
    lazy = chunked.copy(data=chunked.data.map_blocks(damaged, dtype=float, meta=np.empty(0)))
    with pytest.raises(InputError, match=r"units [04] to 5 cannot be read or computed \(HDF"):
        artiphys.dynamic_range(lazy)


def noting(done):
    """A plugin of the cluster that notes each of our tasks that is done."""
    from distributed.diagnostics.plugin import SchedulerPlugin

    class Noting(SchedulerPlugin):
        def transition(self, key, start, finish, *args, **kwargs):
            if finish == "memory" and "sums_of" in str(key):
                done.append(key)

    return Noting()


def test_a_cluster_that_is_there_does_the_work():
    try:
        import distributed
    except ImportError:
        missing("the extra 'distributed'")
    responses = artiphys.simulate_responses(n_units=30, n_images=20, n_positions=2, rng=0).responses
    eager = artiphys.signature(responses)
    lazy = responses.chunk({"unit": 8, "image": 10})
    with dask.config.set(scheduler="threads"):
        xr.testing.assert_identical(artiphys.signature(lazy), artiphys.signature(lazy))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        done = []
        client.cluster.scheduler.add_plugin(noting(done), name="counter")
        of_cluster = artiphys.signature(lazy)
    assert len(done) >= 8
    xr.testing.assert_allclose(of_cluster, eager, rtol=1e-10)
