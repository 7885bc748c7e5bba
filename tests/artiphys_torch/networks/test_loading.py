"""Networks: seeded, named by where they come from, and one's own from a file of Python."""

import hashlib
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from artiphys.errors import ArtiphysWarning, InputError
from artiphys_torch import (
    IMAGENET,
    dead_leaves,
    initialised,
    load_alexnet,
    load_caffe_alexnet,
    load_network,
    origin_of,
    probe,
    receptive_field,
)
from artiphys_torch.networks import filling, loading
from artiphys_torch.networks.initialisations import INITIALISATIONS

NAME = "squeezenet1_1"  # the smallest file


def test_untrained_alexnet_is_seeded_and_touches_no_global_state():
    torch.manual_seed(11)
    before = torch.get_rng_state()
    one, same, other = (load_alexnet(seed=seed) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    weights = [model.features[3].weight for model in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not any(module.training for module in one.modules())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        from torchvision.models import alexnet

        assert torch.equal(alexnet().features[3].weight, weights[0])
    assert origin_of(one).source == "alexnet-untrained-seed0"
    assert list(origin_of(one).areas) == ["conv2", "conv3", "conv4", "conv5"]


def test_origin_knows_when_weights_have_changed():
    model = load_network(NAME)
    assert origin_of(model).source == f"{NAME}-untrained-seed0"
    with torch.no_grad():
        model.features[0].weight += 1
    assert origin_of(model).weights.startswith("changed-")
    assert origin_of(nn.Sequential(nn.Conv2d(3, 1, 1))).network == "sequential"


@pytest.mark.parametrize("seed", [-1, 1.5, "0"])
def test_seed_must_be_a_whole_number(seed):
    with pytest.raises(InputError, match="seed must be a whole number"):
        load_alexnet(seed=seed)


@pytest.mark.parametrize("weights", [None, 5])
def test_weights_must_be_named(weights):
    with pytest.raises(InputError, match=f'"untrained", "imagenet" or the path .*; got {weights}'):
        load_alexnet(weights)


def test_unknown_network_names_near_ones():
    with pytest.raises(InputError, match=r"no network 'alexnett' .* did you mean alexnet"):
        load_network("alexnett")


def test_a_network_without_published_weights():
    with pytest.raises(InputError, match="no trained weights for caffe_alexnet; pass the path"):
        load_caffe_alexnet("imagenet")


@pytest.mark.parametrize("scheme", INITIALISATIONS)
def test_initialisations_are_seeded(scheme):
    models = [initialised(load_network(NAME), scheme, seed=seed) for seed in (0, 0, 1)]
    weights = [model.features[3].expand3x3.weight for model in models]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    expected = {
        "torch": (3 * 16 * 9) ** -0.5,
        "gaussian": 0.01,
        "he": (2 / (16 * 9)) ** 0.5,
        "glorot": (2 / (80 * 9)) ** 0.5,
        "orthogonal": (2 / (16 * 9)) ** 0.5,
    }[scheme]
    assert weights[0].std().item() == pytest.approx(expected, rel=0.03)
    assert origin_of(models[2]).source == f"{NAME}-{scheme}-seed1"


def test_unknown_initialisation():
    with pytest.raises(InputError, match="scheme must be one of torch, gaussian"):
        initialised(load_network(NAME), "zeros")


def test_caffe_alexnet_has_the_same_fields():
    model = load_caffe_alexnet(seed=2)
    sizes = [receptive_field(model, f"conv{n}").size for n in (1, 2, 3, 4, 5)]
    assert sizes == [11, 51, 99, 131, 163]
    assert model.conv2.weight.shape == (256, 48, 5, 5)
    assert model.conv2.weight.std().item() == pytest.approx(0.01, rel=0.02)
    images = torch.tensor(dead_leaves(1, size=227).transpose(0, 3, 1, 2) / 255.0).float()
    assert model(images).shape == (1, 1000)
    assert origin_of(model).source == "caffe_alexnet-untrained-seed2"
    assert np.isclose(origin_of(model).normalisation.std[0], 1 / 255)


OWN = """
from __future__ import annotations
from dataclasses import dataclass
import neighbour
from torch import nn

def small():
    return nn.Sequential(nn.Conv2d(3, neighbour.CHANNELS, 9), nn.ReLU(), nn.Conv2d(4, 2, 5))

def number():
    return 3

def fails():
    raise ValueError("no such thing\\nas this")

def asks(width):
    return nn.Conv2d(3, width, 3)

def quits():
    raise SystemExit("bye")

@dataclass
class Width:
    channels: "int" = 5

def sized():
    return nn.Conv2d(3, Width().channels, 9)

def where():
    assert __file__.endswith("nets.py") and __name__ != "__main__"
    return sized()
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "nets.py").write_text(OWN)
    (tmp_path / "neighbour.py").write_text("CHANNELS = 4")
    (tmp_path / "broken.py").write_text("def small(:")
    (tmp_path / "relative.py").write_text("from .neighbour import CHANNELS")
    return tmp_path


@pytest.mark.filterwarnings("ignore:.*taken to ask for:artiphys.ArtiphysWarning")
def test_a_network_of_one_s_own(own):
    place = f"{own}/nets.py:small"
    network = load_network(place, seed=3)
    assert network.artiphys_origin.source == "small-built-seed3"
    assert torch.equal(load_network(place, seed=3)[0].weight, network[0].weight)
    assert not torch.equal(load_network(place, seed=4)[0].weight, network[0].weight)
    torch.save(network.state_dict(), own / "trained.pth")
    again = load_network(place, own / "trained.pth", seed=7)
    assert torch.equal(again[2].weight, network[2].weight)
    assert again.artiphys_origin.source == "small-trained"
    assert probe(again, np.zeros((1, 20, 20, 3)), progress=False).sizes["unit"] == 6


@pytest.mark.parametrize("name", ["sized", "where"])
def test_a_file_is_run_as_python_runs_it(own, name):
    assert load_network(f"{own}/nets.py:{name}").out_channels == 5


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("none.py:small", "none.py: no such file; .* FILE.py:function"),
        ("nets.py:large", "nets.py: has no function 'large' that returns the network"),
        ("nets.py:neighbour", "nets.py: has no function 'neighbour'"),
        ("nets.py:number", "number: must return a torch.nn.Module; it returned int"),
        ("nets.py:fails", "fails: cannot be built: ValueError: no such thing as this"),
        ("nets.py:asks", "asks: cannot be built: TypeError: .* missing 1 required"),
        ("nets.py:quits", "quits: cannot be built: SystemExit: bye"),
        ("broken.py:small", "small: cannot be built: SyntaxError"),
        ("relative.py:small", "small: cannot be built: ImportError: .* no known parent package"),
    ],
)
def test_networks_of_one_s_own_that_cannot_be_had(own, place, message):
    before = list(sys.path)
    with pytest.raises(InputError, match=message):
        load_network(f"{own}/{place}")
    assert sys.path == before


def test_no_weights_are_published_for_one_s_own(own):
    with pytest.raises(InputError, match="no trained weights are published"):
        load_network(f"{own}/nets.py:small", "imagenet")


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_weights_from_a_file_are_built_for(tmp_path, name):
    """Torchvision's trained ones come with transform_input, which no state dict holds."""
    untrained = load_network(name, seed=1)
    assert not untrained.transform_input  # drawn at random for the plain network
    torch.save(untrained.state_dict(), tmp_path / "w.pth")
    told = rf"w\.pth: taken to ask for transform_input=True and mean .* own weights of {name}; "
    with pytest.warns(ArtiphysWarning, match=told):
        model = load_network(name, tmp_path / "w.pth")
    assert model.transform_input
    assert model.artiphys_origin.normalisation_from.startswith("assumed: as the metadata of")


class Preset:
    mean, std = [0.5, 0.4, 0.3], [0.2, 0.2, 0.2]


def entry(url, size=224):
    return SimpleNamespace(url=url, meta={"min_size": (size, size)}, transforms=Preset)


class Entries(list):
    @property
    def DEFAULT(self):
        return self[0]


def test_normalisation_is_that_of_the_weights_own_metadata(tmp_path, monkeypatch):
    path = tmp_path / "mine.pth"
    torch.save(load_network(NAME, seed=1).state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entries = Entries([entry("https://x/a-00000000.pth"), entry(f"https://x/b-{digest[:8]}.pth")])
    monkeypatch.setattr(loading, "get_model_weights", lambda _: entries)
    model = load_network(NAME, path)  # by its content, whatever it is called
    assert model.artiphys_origin.normalisation == ((0.5, 0.4, 0.3), (0.2, 0.2, 0.2))
    found = probe(model, np.zeros((1, 20, 20, 3)), "features.3.expand3x3", progress=False)
    arguments = json.loads(found.attrs["provenance"])["arguments"]
    assert arguments["normalisation"]["mean"] == [0.5, 0.4, 0.3]
    assert arguments["normalisation_from"].startswith("the metadata of torchvision's")
    given = probe(
        model,
        np.zeros((1, 20, 20, 3)),
        "features.3.expand3x3",
        normalisation=IMAGENET,
        progress=False,
    )
    assert json.loads(given.attrs["provenance"])["arguments"]["normalisation_from"] == "given"
    del entries[1]
    with pytest.warns(ArtiphysWarning, match=r"taken to ask for mean \(0\.5, 0\.4, 0\.3\) and std"):
        assert load_network(NAME, path).artiphys_origin.normalisation.mean == (0.5, 0.4, 0.3)


@pytest.mark.parametrize("place", [NAME, "nets.py:small"])
def test_what_a_state_dict_leaves_open_is_told_in_one_line(own, tmp_path, place):
    name = f"{own}/{place}" if ":" in place else place
    torch.save(load_network(name).state_dict(), tmp_path / "w.pth")
    with pytest.warns(ArtiphysWarning, match="taken to ask for mean") as told:
        load_network(name, tmp_path / "w.pth")
    (line,) = (str(each.message) for each in told)
    assert "\n" not in line
    assert all(part in line for part in ("w.pth", str(IMAGENET.mean), str(IMAGENET.std)))
    assert told[0].filename == __file__


def test_trained_weights_by_name_are_built_as_torchvision_builds_them(monkeypatch, tmp_path):
    path = tmp_path / "efficientnet_v2_l-0.pth"
    path.touch()
    given = {}

    def build(**how):
        given.update(how)
        return nn.Sequential(nn.Conv2d(3, 2, 1))

    monkeypatch.setattr(loading, "get_model_builder", lambda _: build)
    monkeypatch.setattr(filling, "downloaded", lambda _: path)
    monkeypatch.setattr(filling, "read_state", None)
    state = nn.Sequential(nn.Conv2d(3, 2, 1)).state_dict()
    monkeypatch.setattr(
        filling.loaded,
        "__kwdefaults__",
        {
            **filling.loaded.__kwdefaults__,
            "read": lambda _: state,
        },
    )
    for name, expected in (
        ("googlenet", {"transform_input": True}),
        ("inception_v3", {"transform_input": True}),
        ("vit_h_14", {"image_size": 518}),
        ("alexnet", {}),
    ):
        given.clear()
        load_network(name, "imagenet")
        assert given == {"weights": None, **expected}
    v2 = load_network("efficientnet_v2_l", "imagenet")
    assert v2.artiphys_origin.normalisation == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_what_timm_says_of_its_weights_is_taken():
    model = nn.Sequential(nn.Conv2d(3, 2, 8))
    model.pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
    found = probe(model, np.zeros((1, 20, 20, 3)), "0", progress=False)
    arguments = json.loads(found.attrs["provenance"])["arguments"]
    assert arguments["normalisation"]["std"] == [0.25, 0.25, 0.25]
    assert arguments["normalisation_from"] == "the network's pretrained_cfg"
    plain = nn.Sequential(nn.Conv2d(3, 2, 8))
    found = probe(plain, np.zeros((1, 20, 20, 3)), "0", progress=False)
    said = json.loads(found.attrs["provenance"])["arguments"]["normalisation_from"]
    assert said == "assumed: ImageNet's, as in torchvision"
