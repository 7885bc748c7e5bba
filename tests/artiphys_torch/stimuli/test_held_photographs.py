"""Photographs held in memory: read once, the same, and no more than there is room for."""

import numpy as np
import pytest

pytest.importorskip("torch")

from artiphys_torch.stimuli.held_photographs import held
from artiphys_torch.stimuli.photographs import Photograph, Photographs, as_photographs


def noted(photographs, read):
    """Photographs that note in a list who was read."""

    def noting(item):
        def reading():
            read.append(item.name)
            return item.read()

        return Photograph(item.name, reading, item.digest)

    return Photographs(tuple(noting(item) for item in photographs), "noted")


@pytest.fixture
def pictures():
    return as_photographs(np.random.default_rng(0).integers(0, 256, (3, 8, 10, 3), dtype=np.uint8))


def test_each_is_read_once_and_is_the_same(pictures):
    read = []
    found = held(noted(pictures, read))
    for _ in range(3):
        for item, expected in zip(found, pictures, strict=True):
            assert np.array_equal(np.asarray(item.read()), np.asarray(expected.read()))
    assert read == pictures.names
    assert (found.names, found.origin, found.digest()) == (
        pictures.names,
        "noted",
        pictures.digest(),
    )


def test_none_is_read_before_it_is_asked_for(pictures):
    read = []
    held(noted(pictures, read))
    assert read == []


def test_beyond_the_budget_they_are_read_anew(pictures):
    read = []
    found = held(noted(pictures, read), budget=2 * 8 * 10 * 3 + 1)
    for _ in range(2):
        for item in found:
            item.read()
    assert read == [*pictures.names, pictures.names[2]]


def test_what_is_held_is_not_held_twice(pictures):
    found = held(pictures)
    assert held(found) is found
    assert as_photographs(found) is found
