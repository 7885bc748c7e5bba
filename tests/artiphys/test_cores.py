"""Work on all cores: in order, in bounded memory, the same numbers on one as on many."""

import threading

import numpy as np
import pytest
import xarray as xr
from threadpoolctl import threadpool_info

import artiphys
from artiphys import cores
from artiphys.cores import in_threads


@pytest.fixture
def on_cores(monkeypatch):
    """Work on so many cores, however small it is."""

    def on(n):
        monkeypatch.setattr(cores, "WORTH_THREADS", 0)
        monkeypatch.setattr(cores, "n_cores", lambda: n)

    return on


def blas_threads(_):
    return {of["num_threads"] for of in threadpool_info() if of["user_api"] == "blas"}


@pytest.mark.parametrize("n", [1, 2, 3])
def test_results_are_in_the_order_of_the_items(on_cores, n):
    on_cores(n)
    assert list(in_threads(lambda x: x**2, range(20), numbers=1)) == [x**2 for x in range(20)]


def test_two_tasks_are_done_at_once(on_cores):
    on_cores(2)
    together = threading.Barrier(2, timeout=30)  # breaks unless both are there
    assert len(list(in_threads(lambda _: together.wait(), range(2), numbers=1))) == 2


def test_small_work_and_a_single_task_stay_in_this_thread(on_cores, monkeypatch):
    on_cores(2)
    here = threading.get_ident()
    assert list(in_threads(lambda _: threading.get_ident(), ["one"], numbers=1)) == [here]
    monkeypatch.setattr(cores, "WORTH_THREADS", 100)
    small = in_threads(lambda _: threading.get_ident(), range(5), numbers=99)
    assert set(small) == {here}


@pytest.mark.parametrize("n", [1, 2])
def test_linear_algebra_takes_one_thread_of_each(on_cores, n):
    on_cores(n)
    assert set.union(*in_threads(blas_threads, range(4), numbers=1)) == {1}


def test_threads_start_no_threads(on_cores):
    on_cores(2)

    def nested(_):
        below = in_threads(lambda _: threading.get_ident(), range(3), numbers=1)
        return set(below) == {threading.get_ident()}

    assert all(in_threads(nested, range(4), numbers=1))


def test_items_are_taken_as_they_are_needed(on_cores):
    on_cores(2)
    taken = []
    found = in_threads(lambda x: x, (taken.append(x) or x for x in range(100)), numbers=1)
    assert next(found) == 0
    assert len(taken) < 10
    found.close()


def test_an_error_of_a_task_is_raised(on_cores):
    on_cores(2)
    with pytest.raises(ZeroDivisionError, match="zero"):
        list(in_threads(lambda x: 1 // x, [2, 0, 1], numbers=1))


def recording(n_units=24):
    return artiphys.simulate_responses(
        n_units=n_units, n_images=20, n_positions=3, repeats=6, rate=30.0, rng=0
    )


CALLS = {
    "trials, units": lambda r: artiphys.signature(r.responses, resample=("unit",)),
    "trials, images": lambda r: artiphys.signature(r.responses),
    "averages, units": lambda r: artiphys.signature(r.truth["rate"], n_resamples=200, rng=0),
    "averages, images": lambda r: artiphys.signature(
        r.truth["rate"], resample=("image", "unit"), n_resamples=200, rng=0
    ),
    "covariates": lambda r: artiphys.signature(
        r.truth["rate"], covariates="mean_response", n_resamples=200, rng=0
    ),
    "comparison": lambda r: artiphys.compare(
        recording(40).truth["rate"], r.responses, n_passes=2, rng=0
    ),
    "comparison on these images": lambda r: artiphys.compare(
        recording(40).truth["rate"], r.responses, resample=("unit",), n_passes=2, rng=0
    ),
}


@pytest.mark.filterwarnings("ignore::artiphys.errors.ArtiphysWarning")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_number_of_cores_changes_no_bit(on_cores, call):
    found = []
    for n in (1, 2):
        on_cores(n)
        found.append(call(recording()))
    xr.testing.assert_identical(*found)
    for name in found[0].data_vars:
        if found[0][name].dtype.kind == "f":
            bits = [each[name].values.view(np.uint64) for each in found]
            np.testing.assert_array_equal(*bits, err_msg=str(name))


def test_linear_algebra_has_one_thread_until_the_last_that_asks_is_done():
    before = blas_threads(None)
    first, second = (iter(in_threads(blas_threads, iter(range(2)), numbers=0)) for _ in range(2))
    assert next(first) == next(second) == {1}
    first.close()
    assert next(second) == blas_threads(None) == {1}
    second.close()
    assert blas_threads(None) == before
