"""Work on the workers of a client that is open: the same numbers, even if a worker is lost."""

import os
import signal
import threading

import numpy as np
import pytest
import xarray as xr

import artiphys
from artiphys import cores
from artiphys.cores import in_threads
from artiphys.processes import in_processes
from environment import missing

try:
    import dask
    import distributed
except ImportError:
    missing("the extra 'distributed'", module=True)
LARGE = 2**20  # numbers, which are worth it


@pytest.fixture(scope="module")
def client():
    """A client of two workers, each a process."""
    once = {"distributed.scheduler.allowed-failures": 1}  # for a task, of which 3 are the default
    with (
        dask.config.set(once),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_list_of_items_is_done_by_the_workers_in_order(client):
    found = list(in_threads(lambda x: (x, os.getpid()), range(20), numbers=LARGE))
    assert [x for x, _ in found] == list(range(20))
    assert len({process for _, process in found} - {os.getpid()}) == 2


def test_data_made_as_it_goes_and_small_work_stay_here(client):
    made = (x for x in range(4))
    assert set(in_threads(lambda _: os.getpid(), made, numbers=LARGE)) == {os.getpid()}
    assert set(in_threads(lambda _: os.getpid(), range(4), numbers=9)) == {os.getpid()}


def test_workers_start_no_threads_and_send_no_work(client):
    def nested(_):
        from artiphys.cores import in_threads

        return os.getpid(), threading.get_ident(), list(
            in_threads(lambda _: (os.getpid(), threading.get_ident()), range(3), numbers=2**20)
        )  # fmt: skip

    for process, thread, below in in_threads(nested, range(4), numbers=LARGE):
        assert set(below) == {(process, thread)}


def test_a_task_of_the_user_s_waits_for_no_other(client):
    """It holds a thread that the others would need: of both workers, they hold all there are."""

    def asking(x):
        from artiphys.cores import in_threads

        distributed.get_client()  # which is then the client that is open in this process
        return list(in_threads(lambda y: x + y, range(3), numbers=2**20))

    futures = client.map(asking, [0, 10], pure=False)
    assert [of.result(timeout=60) for of in futures] == [[0, 1, 2], [10, 11, 12]]


def test_a_task_of_the_user_s_starts_no_processes(client):
    def asking():
        from artiphys import processes

        processes.HERE, processes.WORTH_PROCESSES = 0.0, -1.0  # at once, however little is left
        return list(processes.in_processes(lambda x: (x, os.getpid()), range(3), jobs=2))

    future = client.submit(asking, pure=False)
    found = future.result(timeout=60)
    assert [x for x, _ in found] == [0, 1, 2]
    assert len({process for _, process in found} - {os.getpid()}) == 1


def test_an_error_of_a_worker_is_raised_here(client):
    with pytest.raises(ZeroDivisionError, match="zero"):
        list(in_threads(lambda x: 1 // x, [2, 0, 1], numbers=LARGE))


CALLS = {
    "averages": lambda r: artiphys.signature(
        r.truth["rate"], resample=("image", "unit"), n_resamples=130, rng=0
    ),
    "at large": lambda r: artiphys.signature(r.responses),
    "on these images": lambda r: artiphys.signature(r.responses, resample="unit"),
    "in chunks": lambda r: artiphys.signature(
        r.responses.chunk({"unit": 300, "image": 10}), resample="unit"
    ),
    "the best position": lambda r: artiphys.dynamic_range(
        r.responses.chunk({"unit": 300, "image": 10}), reference="best"
    ),
    "a network seen through": lambda r: artiphys.compare(
        r.truth["rate"].chunk({"unit": 300, "image": 10}), r.responses[:100], n_passes=2, rng=0
    ),
}


@pytest.mark.filterwarnings("ignore::artiphys.errors.ArtiphysWarning")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_cluster_changes_no_number(client, monkeypatch, call):
    recording = artiphys.simulate_responses(
        n_units=600, n_images=20, n_positions=3, repeats=4, rng=0
    )
    of_cluster = call(recording)
    monkeypatch.setattr(cores, "_client", lambda: None)
    with dask.config.set(scheduler="threads"):
        alone = call(recording)
    xr.testing.assert_allclose(of_cluster, alone, rtol=1e-12)


def test_tasks_of_processes_are_the_workers_too(client, monkeypatch):
    found = list(in_processes(lambda x: (x, os.getpid()), range(8), jobs=2))
    assert [x for x, _ in found] == list(range(8))
    assert len({process for _, process in found} - {os.getpid()}) == 2
    assert {p for _, p in in_processes(lambda x: (x, os.getpid()), range(4), jobs=1)} == {
        os.getpid()
    }
    design = {"n_experiments": 6, "relations": (0.0,), "factors": (), "jobs": 2, "rng": 0}
    of_cluster = artiphys.power(20, 10, 3, **design)
    monkeypatch.setattr(cores, "_client", lambda: None)
    xr.testing.assert_identical(of_cluster, artiphys.power(20, 10, 3, **design))


def test_a_worker_that_is_lost_costs_no_result(client, tmp_path):
    """The first worker to begin kills itself; the cluster gives its work to the other."""
    mark = str(tmp_path / "killed")

    def deadly(x):
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return x**2
        os.kill(os.getpid(), signal.SIGKILL)

    before = set(client.scheduler_info()["workers"])
    assert list(in_threads(deadly, range(12), numbers=LARGE)) == [x**2 for x in range(12)]
    assert set(client.scheduler_info()["workers"]) != before


def test_work_that_kills_every_worker_is_done_here(client):
    home = os.getpid()

    def deadly(x):
        if os.getpid() != home:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    assert list(in_threads(deadly, [1, 2], numbers=LARGE)) == [1, 2]


def test_a_worker_lost_for_good_at_a_chunk_is_one_line(client):
    home = os.getpid()
    averages = xr.DataArray(
        np.random.default_rng(0).normal(size=(8, 9, 2)),
        dims=("unit", "image", "position"),
        coords={"position": [0, 1]},
        attrs={"reference": 0},
        name="session",
    ).chunk({"unit": 4})

    def deadly(block):
        if os.getpid() != home:
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    lazy = averages.copy(data=averages.data.map_blocks(deadly, dtype=float, meta=np.empty(0)))
    with pytest.raises(artiphys.InputError, match="session: units 0 to 7 cannot be read") as told:
        artiphys.dynamic_range(lazy)
    assert "\n" not in str(told.value)
