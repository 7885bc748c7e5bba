"""The plan of a probing: its records, made once and clean."""

import numpy as np
import pytest
import torch

from artiphys.errors import InputError
from artiphys_torch import IMAGENET, Normalisation, load_caffe_alexnet
from artiphys_torch.probing.plan import BATCH_SIZE, Run, records
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
