"""Counts and lists in messages."""

import pytest

from artiphys.errors import counted, listed, to_install


@pytest.mark.parametrize(("n", "text"), [(0, "0 units"), (1, "1 unit"), (12, "12 units")])
def test_counts(n, text):
    assert counted(n, "unit") == text


@pytest.mark.parametrize(
    ("things", "named", "text"),
    [
        ([], {}, ""),
        (["a"], {"last": "and"}, "a"),
        (["a", "b", "c"], {}, "a, b, c"),
        (["a", "b", "c"], {"last": "or"}, "a, b or c"),
        ([1, 2, 3], {"most": 2}, "1, 2 and 1 more"),
        ("abcdefg", {"what": "groups"}, "a, b, c, d, e and 2 groups more"),
    ],
)
def test_lists(things, named, text):
    assert listed(things, **named) == text


def test_an_extra_is_installed_from_a_checkout_too():
    assert (
        to_install("nwb") == "pip install 'artiphys[nwb]', or from a checkout pip install '.[nwb]'"
    )
