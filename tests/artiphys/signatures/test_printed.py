"""Numbers as they are printed."""

import numpy as np
import pytest

from artiphys.signatures.printed import correlation_text, is_marked, number_text, p_text, p_words


def test_no_negative_zero():
    assert [number_text(x) for x in (-0.001, 0.001, -0.006, np.nan)] == [
        "0.00",
        "0.00",
        "-0.01",
        "-",
    ]


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (0.614, 1, "0.61"),
        (1.0, 1, "1.00"),
        (1.27, 1, "> 1*"),
        (-1.001, 1, "< -1*"),
        (1.27, 2, "1.27"),
        (-2.59, 2, "< -2*"),
        (np.nan, 1, "-"),
    ],
)
def test_no_correlation_beyond_its_bound(value, limit, text):
    assert correlation_text(value, limit=limit) == text
    assert is_marked(f"r_s is {text}") is ("*" in text)


def test_p_values_as_a_paper_prints_them():
    assert [p_text(p) for p in (0.0001, 0.04321, np.nan)] == ["< 0.001", "0.043", "-"]
    assert [p_words(p) for p in (0.0001, 0.04321)] == ["p < 0.001", "p = 0.043"]
