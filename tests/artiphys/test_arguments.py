"""Arguments: cleaned, or refused in one line that says what came."""

import numpy as np
import pytest

from artiphys.arguments import Faults, generator, real_number, real_numbers, share, whole_number
from artiphys.errors import InputError


@pytest.mark.parametrize("given", [[1, 2.5], np.float32([1, 2.5]), np.array([1, 2.5], object)])
def test_real_numbers_become_floats(given):
    found = real_numbers(given, "x")
    assert found.dtype == float
    assert found.tolist() == [1.0, 2.5]


@pytest.mark.parametrize("given", [["1", "2"], [1j], [None, 1.0], [[1], [2, 3]], "half"])
def test_what_is_no_real_number_is_refused(given):
    with pytest.raises(InputError, match=r"x must be real numbers; got "):
        real_numbers(given, "x")


@pytest.mark.parametrize("given", [3, np.int8(3), np.uint64(3)])
def test_whole_numbers_of_any_kind_are_taken(given):
    assert whole_number(given, "n", 1) == 3


@pytest.mark.parametrize("given", [3.0, True, "3", 0, np.nan, None])
def test_what_is_no_whole_number_is_refused(given):
    with pytest.raises(InputError, match="n must be a whole number of at least 1; got "):
        whole_number(given, "n", 1)


def test_the_range_of_a_real_number_is_said():
    assert real_number(np.float32(0.5), "x", least=0, above=True, most=1) == 0.5
    with pytest.raises(InputError, match="x must be a number above 0, at most 1; got 0"):
        real_number(0, "x", least=0, above=True, most=1)
    for given in (np.nan, True, "1", None):
        with pytest.raises(InputError, match="x must be a number of at least 1; got "):
            real_number(given, "x", least=1)


@pytest.mark.parametrize("given", [0, 1, 1.5, np.nan, "0.5"])
def test_a_share_lies_between_0_and_1(given):
    assert share(0.95, "level") == 0.95
    with pytest.raises(InputError, match=r"level must lie between 0 and 1, e\.g\. 0\.95; got "):
        share(given, "level")


def test_all_faults_are_told_together():
    faults = Faults()
    faults.of(whole_number, 0, "n", 1)
    faults.of(share, 0.5, "level")
    faults.add("method must be one")
    with pytest.raises(InputError, match=r"n must be .*; got 0; method must be one$"):
        faults.refuse()
    Faults().refuse()


def test_the_generator_is_numpys():
    assert generator(3).random() == np.random.default_rng(3).random()
    with pytest.raises(InputError, match="rng must be a seed .* got -1"):
        generator(-1)
