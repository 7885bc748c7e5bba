"""Arrays in chunks: the same numbers, whatever the chunks and whoever computes them."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import artiphys
from artiphys.errors import InputError
from artiphys.estimators import pieces
from artiphys.estimators.dynamic_range import dynamic_range_of
from artiphys.estimators.halves import halves_of
from artiphys.estimators.invariance import invariance_of
from artiphys.estimators.measurement import measurement
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


CHUNKS = ({"unit": 17}, {"image": 5}, {"unit": 17, "image": 3, "position": 1, "trial": 2})


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
@pytest.mark.parametrize("noise", [None, "corrected", "split"])
def test_the_best_position_is_the_same_in_chunks(chunks, noise):
    counts = np.random.default_rng(1).poisson(0.7, (60, 12, 3, 7))  # so few that positions tie
    for values in (counts, counts / 0.3):
        recorded = xr.DataArray(
            values, dims=("unit", "image", "position", "trial"), coords={"position": [0, 1, 2]}
        )
        of, lazy = (
            measurement(each, reference="best", noise=noise)
            for each in (recorded, recorded.chunk(chunks))
        )
        np.testing.assert_array_equal(lazy.own, of.own)
        for estimate in (dynamic_range_of, invariance_of):
            xr.testing.assert_allclose(estimate(lazy), estimate(of), rtol=1e-10)


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
def test_some_units_at_a_time_are_read_and_halved(monkeypatch, chunks):
    recorded = with_gaps(0, (60, 12, 3, 7))
    expected, halves = artiphys.split_half_reliability(recorded), halved_cells(recorded)
    monkeypatch.setattr(pieces, "AT_ONCE", 2 * recorded[0].size)
    monkeypatch.setattr(pieces, "READ_AT_ONCE", 10 * recorded[0].size)
    sizes = []

    def noting(graph, keys, **arguments):
        found = dask.get(graph, keys, **arguments)
        sizes.append(sum(block.size for block in flattened(found)))
        return found

    xr.testing.assert_allclose(artiphys.split_half_reliability(recorded), expected, rtol=1e-10)
    with dask.config.set(scheduler=noting):
        found = artiphys.split_half_reliability(recorded.chunk(chunks))
    xr.testing.assert_allclose(found, expected, rtol=1e-10)
    assert max(sizes) <= 10 * recorded[0].size
    assert sum(sizes) == recorded.size
    with dask.config.set(scheduler="synchronous"):
        found = halved_cells(recorded.chunk(chunks))
    for cells, cells_expected in zip(found, halves, strict=True):
        for one, other in zip(cells, cells_expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def flattened(found):
    if isinstance(found, np.ndarray):
        return [found]
    return [block for part in found for block in flattened(part)]


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


def test_a_chunk_is_read_once_on_however_many_cores(monkeypatch):
    monkeypatch.setattr(pieces, "n_cores", lambda: 32)
    monkeypatch.setattr(pieces, "READ_AT_ONCE", 100)
    trials = with_gaps(0, (40, 13, 3, 6))
    reads = []

    def counted(block, block_info=None):
        if block_info:
            reads.append(block_info[0]["chunk-location"][0])
        return block

    chunked = trials.chunk({"unit": 10})
    lazy = chunked.copy(data=chunked.data.map_blocks(counted, dtype=float, meta=np.empty(0)))
    pieces.halved_cells(lazy)
    assert sorted(reads) == [0, 1, 2, 3]
