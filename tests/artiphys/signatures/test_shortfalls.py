"""Why there is no estimate, in the same words wherever it is told."""

import pytest

from artiphys.signatures.shortfalls import why_no_estimate


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((1, 10), "1 unit could be measured, which is too few: it takes 10"),
        (
            (12, 10, 2),
            "12 units could be measured, in 2 sessions, which is too few to tell of sessions at "
            "large: it takes 3",
        ),
        ((12, 10, 3), "the 12 units are all alike in dynamic range or in invariance"),
        (
            (12, 10, None, ["depth", "n_repeats"]),
            "the 12 units are all alike in dynamic range or in invariance with depth and "
            "n_repeats held constant",
        ),
    ],
)
def test_the_reason(given, text):
    assert why_no_estimate(*given) == text


def test_units_that_were_tested_do_not_measurably_differ():
    assert "12 units do not measurably differ" in why_no_estimate(12, 10, tested=True)
