"""The stream of a probing: what is read when, and what is held."""

import threading
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from artiphys.progress import bar
from artiphys_torch import Photograph, Photographs, probe
from artiphys_torch.probing import stream as stream_module
from artiphys_torch.probing.plan import probe_plan, records
from artiphys_torch.probing.stream import Canvases, portions
from torch_networks import chain, photographs


def planned(items, **how):
    how = {"device": "cpu", "progress": False} | how
    return probe_plan(chain(), Photographs(tuple(items), "some"), "8", *records(chain(), **how))


@pytest.mark.parametrize(("n_cores", "beside"), [(3, True), (2, False)])
def test_photographs_are_read_beside_passes_that_leave_a_core(monkeypatch, n_cores, beside):
    monkeypatch.setattr(stream_module, "_n_cores", lambda: n_cores)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    second_read = threading.Event()

    def picture(number):
        if number:
            second_read.set()
        return Image.new("RGB", (9, 9))

    items = [Photograph(str(number), partial(picture, number), lambda: "") for number in range(2)]
    found = portions(planned(items, batch_size=3), [range(2)])
    next(found)  # while its canvases are run
    assert second_read.wait(10 if beside else 0.2) == beside
    assert len(list(found)) == 1


def test_no_more_is_read_ahead_than_is_said(monkeypatch):
    monkeypatch.setattr(stream_module, "_n_cores", lambda: 9)
    read = []
    items = [
        Photograph(str(n), lambda n=n: read.append(n) or Image.new("RGB", (9, 9)), lambda: "")
        for n in range(300)
    ]
    for portion in portions(planned(items), [range(300)]):
        assert len(read) <= portion.images.stop + stream_module.AHEAD
    assert sorted(read) == list(range(300))


def test_portions_do_not_go_beyond_their_chunks():
    items = [Photograph(str(n), lambda: Image.new("RGB", (9, 9)), lambda: "") for n in range(9)]
    found = portions(planned(items, batch_size=6), [range(0, 3), range(6, 9)])
    assert [p.images for p in found] == [range(0, 2), range(2, 3), range(6, 8), range(8, 9)]


def test_canvases_laid_over_others_are_the_same():
    plan = planned([], shifts=(0, 1 / 4), background="black")
    (each,) = plan.passes
    side = plan.stimulus.geometry(each.size).patch
    lay = Canvases(plan, bar(False))
    generator = torch.Generator().manual_seed(0)
    memory = set()
    for n in (4, 4, 2):
        patches = torch.randint(256, (n, side, side, 3), dtype=torch.uint8, generator=generator)
        (found,) = lay(each, stream_module.Portion(range(n), {each.size: patches}))
        memory.add(found.data_ptr())
        expected = plan.stimulus.canvases(patches, each.size)
        assert torch.equal(found, expected)
        assert found.stride() == expected.stride()
    assert len(memory) == 1


def test_a_network_that_begins_in_place_leaves_the_canvases_alone():
    network = torch.nn.Sequential(torch.nn.ReLU(inplace=True), *chain())
    kept = torch.nn.Sequential(torch.nn.ReLU(), *chain())
    pixels = photographs(40)
    responses, expected = (
        probe(model, pixels, "9", background=-1, batch_size=6, progress=False)
        for model in (network, kept)
    )
    np.testing.assert_array_equal(responses, expected)


def test_responses_that_arrive_late_are_waited_for(monkeypatch):
    """As from a GPU: while one portion is computed the responses to the last are under way."""
    expected = probe(chain(), photographs(7), ["4", "8"], progress=False)
    waiting, most = [], []

    class Copy:
        def __init__(self, values):
            self.values, self.host = values, torch.full_like(values, torch.nan)

        def synchronize(self):
            most.append(len(waiting))
            waiting.remove(self)
            self.host.copy_(self.values)

    def sent(columns):
        waiting.append(Copy(columns))
        return waiting[-1].host, waiting[-1]

    monkeypatch.setattr(stream_module, "_sent", sent)
    monkeypatch.setattr(stream_module, "LATE", {"cpu": 1})
    found = probe(chain(), photographs(7), ["4", "8"], batch_size=6, device="cpu", progress=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert most == [2, 2, 2, 1]
