"""The plan of a probing: its records, made once and clean, and what is read when."""

import threading
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from artiphys.errors import InputError
from artiphys_torch import IMAGENET, Normalisation, Photograph, Photographs, load_caffe_alexnet
from artiphys_torch.probing import plan as plan_module
from artiphys_torch.probing.plan import BATCH_SIZE, Run, probe_plan, records
from artiphys_torch.stimuli.canvas import Stimulus
from torch_networks import chain


def test_a_run_is_clean():
    run = Run(np.int64(3), "cpu")
    assert type(run.batch_size) is int
    assert run.device == torch.device("cpu")
    assert (run.source, run.out, run.progress) == (None, None, None)


def test_a_run_whose_file_cannot_be_written_is_none(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.nc \(netCDF4\) or \.zarr"):
        Run(out=tmp_path / "r.csv")


def test_records_of_some_arguments():
    stimulus, run = records(chain(), crop=0.5, device="cpu", progress=False)
    assert stimulus == Stimulus(crop=0.5, normalisation=IMAGENET)
    assert (run.batch_size, run.progress) == (BATCH_SIZE, False)
    with pytest.raises(TypeError, match="colour"):
        records(chain(), colour="red")


def test_the_normalisation_is_the_network_s_or_the_one_given():
    network, plain = load_caffe_alexnet(), Normalisation((0, 0, 0), (1, 1, 1))
    assert records(network)[0].normalisation.std == (1 / 255,) * 3
    assert records(network, normalisation=plain)[0].normalisation == plain


@pytest.mark.parametrize(("n_cores", "beside"), [(3, True), (2, False)])
def test_photographs_are_read_beside_passes_that_leave_a_core(monkeypatch, n_cores, beside):
    monkeypatch.setattr(plan_module, "CHUNK", 1)
    monkeypatch.setattr(plan_module, "_n_cores", lambda: n_cores)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    second_read = threading.Event()

    def picture(number):
        if number:
            second_read.set()
        return Image.new("RGB", (9, 9))

    items = tuple(
        Photograph(str(number), partial(picture, number), lambda: "digest") for number in range(2)
    )
    photographs = Photographs(items, "two")
    plan = probe_plan(chain(), photographs, "0", *records(chain(), device="cpu", progress=False))
    chunks = plan.patches()
    next(chunks)  # while its canvases are run
    assert second_read.wait(10 if beside else 0.2) == beside
    assert len(list(chunks)) == 1
