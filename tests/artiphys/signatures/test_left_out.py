"""Units that a signature from trials leaves out."""

import numpy as np

from artiphys.signatures.left_out import ITS_REFERENCE, LEFT_OUT, of_one_repeat, why_left_out


def test_each_reason_is_given_once():
    error = np.array([[np.nan, 0.1, 0.3, np.inf, np.nan, np.nan]])
    once = np.array([[False, False, False, False, True, False]])
    found = why_left_out(error, np.array([0]), once)[0].tolist()
    reasons = [LEFT_OUT[name] for name in LEFT_OUT]
    assert found == [ITS_REFERENCE, "", *reasons]


def test_one_repeat_here_or_at_the_reference():
    values = np.ones((3, 4, 2, 2))
    values[0, :, 1, 1] = np.nan  # once at the position
    values[1, :, 0, 1] = np.nan  # once at the reference
    values[2, :, 1] = np.nan  # never at the position
    once = of_one_repeat(values, np.zeros(3, dtype=int))
    assert once[:, 1].tolist() == [True, True, False]
