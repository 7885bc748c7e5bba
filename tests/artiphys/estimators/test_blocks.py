"""Some units at a time: the same as all at once, on all cores, and on no other machine."""

import threading

import numpy as np
import pytest

from artiphys import cores
from artiphys.estimators import blocks
from artiphys.estimators.blocks import in_blocks


def twice(values, by=2.0):
    return [by * values, values.sum(1)]


def test_blocks_are_put_together_to_all_units():
    values = np.random.default_rng(0).normal(size=(1000, 700))
    assert values.size > 2 * blocks.AT_ONCE
    doubled, total = in_blocks(twice, values, by=3.0)
    np.testing.assert_array_equal(doubled, 3.0 * values)
    np.testing.assert_array_equal(total, values.sum(1))
    few = in_blocks(twice, values[:3])
    np.testing.assert_array_equal(few[0], 2 * values[:3])
    assert in_blocks(twice, values[:0])[0].shape == (0, 700)


def threads_of(monkeypatch, where):
    """The threads that work on blocks, of four cores."""
    monkeypatch.setattr(cores, "n_cores", lambda: 4)
    seen, another = set(), threading.Event()

    def work(values):
        seen.add(threading.current_thread().name)
        if len(seen) > 1:
            another.set()
        elif where is not cores.in_own_thread:
            another.wait(timeout=10)
        return [values]

    where(in_blocks, work, np.zeros((1000, 700)))
    return seen


def test_blocks_are_worked_on_by_all_cores(monkeypatch):
    assert len(threads_of(monkeypatch, lambda call, *args: call(*args))) > 1


def test_in_a_pool_of_threads_blocks_open_no_other(monkeypatch):
    assert threads_of(monkeypatch, cores.in_own_thread) == {threading.current_thread().name}


def test_no_data_go_to_a_cluster(monkeypatch):
    def never(*_):
        pytest.fail("a cluster was asked")

    monkeypatch.setattr(cores, "on_cluster", never)
    in_blocks(twice, np.zeros((1000, 700)))
