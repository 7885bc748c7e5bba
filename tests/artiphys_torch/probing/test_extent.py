"""The extent of a probing: portions that memory can hold, and what is said before a long run."""

import warnings

import numpy as np
import pytest

from artiphys.errors import ArtiphysWarning
from artiphys_torch import probe
from artiphys_torch.probing import extent as extent_module
from artiphys_torch.probing.extent import Extent
from torch_networks import chain, photographs


@pytest.mark.parametrize(
    ("n_units", "n_images", "each"),
    [(1088, 500, 64), (1088, 20, 20), (100_000, 500, 55), (10_000_000, 3, 1)],
)
def test_chunks_are_of_what_memory_holds(n_units, n_images, each):
    size = Extent({"a": n_units}, (n_units, n_images, 3), np.dtype("f4"), 0.0)
    chunks = size.chunks
    assert [image for chunk in chunks for image in chunk] == list(range(n_images))
    assert {len(chunk) for chunk in chunks[:-1]} <= {each}
    assert len(chunks[0]) == each
    assert size.n_bytes == n_units * n_images * 12


def test_a_long_run_is_told_before_it(tmp_path, monkeypatch):
    monkeypatch.setattr(extent_module, "LONG", 0)
    message = (
        r"^the responses of 6 units × 5 images × 3 positions take up to 3.6e-07 GB in r\.zarr,"
        r" where .* GB are free; about .* (min|h|days) on cpu$"
    )
    with pytest.warns(ArtiphysWarning, match=message):
        probe(chain(), photographs(5), "8", out=tmp_path / "r.zarr", device="cpu", progress=False)


def test_a_large_result_is_told_before_it(monkeypatch):
    monkeypatch.setattr(extent_module, "LARGE", 0)
    message = r"positions take 3.6e-07 GB of memory, and next to none if out is a path$"
    with pytest.warns(ArtiphysWarning, match=message):
        probe(chain(), photographs(5), "8", progress=False)


def test_the_time_is_that_of_the_run(monkeypatch):
    """To a factor: it is for a user who decides whether to wait."""
    import time

    from artiphys_torch import Photograph, as_photographs

    def slowly(item):
        time.sleep(0.1)
        return item.read()

    told = []
    monkeypatch.setattr(extent_module, "LONG", 0)
    monkeypatch.setattr(extent_module, "_told", lambda seconds: told.append(seconds) or "a while")
    items = as_photographs(photographs(20))
    slow = [Photograph(i.name, lambda i=i: slowly(i), i.digest) for i in items]
    with pytest.warns(ArtiphysWarning, match="about a while"):
        probe(chain(), slow, "8", device="cpu", progress=False)
    assert 2 <= told[0] < 10


@pytest.mark.parametrize(
    ("seconds", "told"), [(90, "1.5 min"), (3700, "62 min"), (9000, "2.5 h"), (3e5, "3.5 days")]
)
def test_times_are_told_in_units_that_fit(seconds, told):
    assert extent_module._told(seconds) == told


def test_a_short_run_is_not_told():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probe(chain(), photographs(2), "8", progress=False)
