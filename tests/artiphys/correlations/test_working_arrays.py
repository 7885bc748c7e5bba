"""Working arrays are used again, by one at a time, and are not kept if they are large."""

import numpy as np

from artiphys.correlations import working_arrays as module
from artiphys.correlations.working_arrays import working_arrays


def test_arrays_are_used_again_and_never_shared():
    with working_arrays() as first, working_arrays() as second:
        assert first is not second
        a = first("a", (3, 4), float)
        assert a.shape == (3, 4)
        assert not np.shares_memory(a, first("b", (3, 4), float))
        assert not np.shares_memory(a, second("a", (3, 4), float))
        assert np.shares_memory(a, first("a", (2, 5), np.int32))
        assert first("a", (7,), np.uint8).dtype == np.uint8
    with working_arrays() as again:
        assert again in (first, second)


def test_large_ones_are_given_back(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 1000)
    with working_arrays() as small:
        pass
    small._held.clear()
    with working_arrays() as arrays:
        arrays("a", (1001,), np.uint8)
    assert not any(arrays is free for free in module._FREE)
