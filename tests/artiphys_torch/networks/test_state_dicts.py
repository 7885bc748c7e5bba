"""State dicts as they are published: whatever is around them, if it is told."""

from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from artiphys.errors import ArtiphysWarning, InputError
from artiphys_torch import load_network
from artiphys_torch.networks.state_dicts import fitted
from artiphys_torch.networks.weights import load_state

NAME = "squeezenet1_1"
pytestmark = pytest.mark.filterwarnings("ignore:.*taken to ask for:artiphys.ArtiphysWarning")


@pytest.fixture(scope="module")
def state():
    return load_network(NAME, seed=5).state_dict()


def same(model, state):
    return all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def prefixed(state, prefix):
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module.", "module.module."])
def test_what_torch_puts_on_every_network_goes_in_silence(tmp_path, state, prefix):
    torch.save(prefixed(state, prefix), tmp_path / "w.pth")
    assert same(load_network(NAME, tmp_path / "w.pth"), state)


def test_parallel_features_of_old_networks(tmp_path, state):
    old = {key.replace("features.", "features.module."): value for key, value in state.items()}
    torch.save(old, tmp_path / "w.pth")
    assert same(load_network(NAME, tmp_path / "w.pth"), state)


@pytest.mark.parametrize("prefix", ["model.", "net.backbone.", "model._orig_mod."])
def test_a_common_prefix_is_taken_off_and_told(tmp_path, state, prefix):
    torch.save({"state_dict": prefixed(state, prefix)}, tmp_path / "w.ckpt")
    told = prefix.replace("_orig_mod.", "")
    with pytest.warns(ArtiphysWarning, match=f"w.ckpt: its names begin with '{told}', which is"):
        assert same(load_network(NAME, tmp_path / "w.ckpt"), state)


def test_what_lies_beside_the_prefix_is_told(tmp_path, state):
    torch.save({**prefixed(state, "model."), "loss.weight": torch.ones(2)}, tmp_path / "w.ckpt")
    with pytest.warns(ArtiphysWarning, match=r"and 1 tensors without it, as loss\.weight, to fit"):
        assert same(load_network(NAME, tmp_path / "w.ckpt"), state)


def test_a_prefix_that_is_lacking_is_put_on():
    network = nn.ModuleDict({"model": nn.Conv2d(3, 2, 1)})
    with pytest.warns(ArtiphysWarning, match=r"w: its names lack 'model\.', which is put before"):
        load_state(network, nn.Conv2d(3, 2, 1).state_dict(), "w")


def test_a_prefix_that_does_not_help_is_named(tmp_path, state):
    less = {key: value for key, value in list(state.items())[1:]}
    torch.save(prefixed(less, "encoder."), tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"Missing key.*\(its names begin with 'encoder\.'\)"):
        load_network(NAME, tmp_path / "w.pth")


def test_two_networks_in_one_file_are_not_guessed_at(tmp_path, state):
    torch.save({**prefixed(state, "student."), **prefixed(state, "teacher.")}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"2 times, under 'student\.', 'teacher\.'"):
        load_network(NAME, tmp_path / "w.pth")


@pytest.mark.parametrize("keys", [("state_dict",), ("model",), ("model", "state_dict"), ("net",)])
def test_wrapped(tmp_path, state, keys):
    wrapped = state
    for key in keys:
        wrapped = {"epoch": 3, key: wrapped}
    torch.save(wrapped, tmp_path / "w.pth")
    assert same(load_network(NAME, tmp_path / "w.pth"), state)


@pytest.mark.parametrize("key", ["ema", "model_ema", "state_dict_ema"])
def test_running_means_are_taken_where_there_is_nothing_else(tmp_path, state, key):
    torch.save({key: prefixed(state, "module.")}, tmp_path / "w.pth")
    with pytest.warns(ArtiphysWarning, match=f"taken is '{key}', the running mean of the weights"):
        assert same(load_network(NAME, tmp_path / "w.pth"), state)
    other = {k: value + 1 for k, value in state.items()}
    torch.save({"model": state, key: other}, tmp_path / "w.pth")
    assert same(load_network(NAME, tmp_path / "w.pth"), state)


def small_densenet():
    from torchvision.models import DenseNet

    return DenseNet(growth_rate=4, block_config=(2, 2), num_init_features=8, num_classes=3)


def test_names_that_densenet_once_had():
    network, other = small_densenet(), small_densenet()
    old = OrderedDict(
        (
            key.replace("norm1.", "norm.1.")
            .replace("conv2.", "conv.2.")
            .replace("norm2.", "norm.2."),
            value,
        )
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    )
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    load_state(other, old, "w")
    assert same(other, network.state_dict())
    with pytest.warns(ArtiphysWarning, match="begin with 'model.'"):
        load_state(small_densenet(), prefixed(old, "model."), "w")


def test_names_that_vit_once_had():
    from torchvision.models import VisionTransformer

    def build():
        return VisionTransformer(32, 16, 2, 2, 8, 16, num_classes=3)

    network, other = build(), build()
    old = {
        key.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): value
        for key, value in network.state_dict().items()
    }
    assert any("linear_2" in key for key in old)
    load_state(other, old, "w")
    assert same(other, network.state_dict())


def test_versions_are_kept_and_made_up_for(tmp_path):
    network = load_network("mnasnet0_5", seed=1)
    state = network.state_dict()
    torch.save(state, tmp_path / "w.pth")
    save_file(state, tmp_path / "w.safetensors")  # which holds no versions
    torch.save(prefixed(state, "module."), tmp_path / "p.pth")
    for name in ("w.pth", "w.safetensors", "p.pth"):
        assert same(load_network("mnasnet0_5", tmp_path / name), state)
    found, _ = fitted(state, network, "w")
    assert found._metadata[""]["version"] == 2


def test_batch_normalisation_of_before_it_counted(tmp_path):
    state = load_network("resnet18", seed=1).state_dict()
    old = {key: value for key, value in state.items() if "num_batches" not in key}
    torch.save(old, tmp_path / "w.pth")
    assert same(load_network("resnet18", tmp_path / "w.pth"), state)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n", "git lfs pull"),
        ("<!DOCTYPE html><html>404</html>", "it is a web page; download the file itself"),
        ("\n<html><body>login</body></html>", "it is a web page"),
        ('<?xml version="1.0"?><Error>AccessDenied</Error>', "a web server's answer"),
    ],
)
@pytest.mark.parametrize("suffix", ["pth", "safetensors", "caffemodel", "npz"])
def test_what_is_no_weights_is_told_what_it_is(tmp_path, content, message, suffix):
    path = tmp_path / f"w.{suffix}"
    path.write_text(content)
    name = "caffe_alexnet" if suffix in ("caffemodel", "npz") else NAME
    with pytest.raises(InputError, match=rf"w\.{suffix}: cannot be read as weights: .*{message}"):
        load_network(name, path)
