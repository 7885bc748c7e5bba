"""Networks: seeded, loaded from every kind of file, and nothing in a file executed."""

import os
import pickle
import sys
import threading
import time
import urllib.error
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from artiphys.errors import InputError
from artiphys_torch import (
    dead_leaves,
    initialised,
    load_alexnet,
    load_caffe_alexnet,
    load_network,
    origin_of,
    probe,
    receptive_field,
)
from artiphys_torch.networks import weights as downloads_module
from artiphys_torch.networks.initialisations import INITIALISATIONS

NAME = "squeezenet1_1"  # the smallest file


@pytest.fixture(scope="module")
def state():
    return load_network(NAME, seed=5).state_dict()


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


def test_unknown_network_names_near_ones():
    with pytest.raises(InputError, match=r"no network 'alexnett' .* did you mean alexnet"):
        load_network("alexnett")


def wrapped(state):
    return {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}, "args": "x"}


@pytest.mark.parametrize("kind", ["pth", "safetensors", "wrapped", "old", "half"])
def test_state_dicts_of_every_kind(tmp_path, state, kind):
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "wrapped":
        torch.save(wrapped(state), path)
    elif kind == "half":
        torch.save({k: v.half() for k, v in state.items()}, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind != "old")
    model = load_network(NAME, path)
    tolerance = 1e-3 if kind == "half" else 0
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, state[key], rtol=tolerance, atol=tolerance)
    assert origin_of(model).source == f"{NAME}-w"
    assert not model.training


def test_trained_weights_beside_the_checkout(shared_data):
    model = load_network(NAME, shared_data / "squeezenet1_1.pth")
    assert model(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def test_a_pickle_bomb_does_not_go_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(Bomb(), tmp_path / "a.pth")
    torch.save({"state_dict": {"features.0.weight": Bomb()}}, tmp_path / "b.pth")
    (tmp_path / "c.pt").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "d.safetensors").write_bytes(pickle.dumps(Bomb()))
    for name in ("a.pth", "b.pth", "c.pt"):
        with (
            warnings.catch_warnings(action="error"),
            pytest.raises(InputError, match=rf"{name}: cannot be read .* more than tensors"),
        ):
            load_network(NAME, tmp_path / name)
    with pytest.raises(InputError, match=r"d\.safetensors: cannot be read as weights"):
        load_network(NAME, tmp_path / "d.safetensors")
    assert not (tmp_path / "exploded").exists()


def test_a_whole_pickled_network_is_refused(tmp_path):
    torch.save(nn.Sequential(nn.Conv2d(3, 2, 1)), tmp_path / "net.pth")
    with pytest.raises(InputError, match=r"more than tensors, .* save model\.state_dict\(\)"):
        load_network(NAME, tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s.update({"features.0.weight": torch.zeros(64, 3, 5, 5)}),
            r"wrong shape in features\.0\.weight \(expected \(64, 3, 3, 3\), got \(64, 3, 5, 5\)\)",
        ),
        (lambda s: s.pop("features.0.bias"), r"it misses features\.0\.bias$"),
        (lambda s: s.update(extra=torch.zeros(1)), "it has the unknown extra$"),
        (
            lambda s: [s.pop(k) for k in list(s)[:5]],
            r"it misses features\.0\.weight, .* and 2 more$",
        ),
        (
            lambda s: s.update({"features.0.bias": torch.zeros(64, dtype=torch.int8)}),
            r"wrong type in features\.0\.bias \(expected floating, dense, .*; got int8\)",
        ),
        (
            lambda s: s.update({"features.0.bias": torch.zeros(64).to(torch.float8_e4m3fn)}),
            r"wrong type in features\.0\.bias \(expected .* 16 to 64 bits; got float8_e4m3fn\)",
        ),
        (
            lambda s: s.update({"features.0.bias": torch.zeros(64).to_sparse()}),
            r"wrong type in features\.0\.bias \(expected .* dense, .*; got sparse float32\)",
        ),
        (
            lambda s: s["features.0.bias"].__setitem__(slice(3), torch.nan),
            r"NaN or infinite values in features\.0\.bias \(3 of 64\)",
        ),
        (lambda s: (s.clear(), s.update(epoch=1)), "holds no state dict"),
        (lambda s: s.clear(), "holds no state dict"),
    ],
)
def test_weights_that_do_not_fit(tmp_path, state, change, message):
    changed = {key: value.clone() for key, value in state.items()}
    change(changed)
    torch.save(changed, tmp_path / "w.pth")
    with pytest.raises(InputError, match=message):
        load_network(NAME, tmp_path / "w.pth")


def test_files_that_are_no_weights(tmp_path, state):
    torch.save(state, tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.pth").touch()
    (tmp_path / "text.pth").write_text("weights")
    save_file(state, tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:1000])
    for name in ("cut.pth", "empty.pth", "text.pth", "cut.safetensors"):
        with pytest.raises(InputError, match=rf"{name}: cannot be read as weights"):
            load_network(NAME, tmp_path / name)
    with pytest.raises(InputError, match="it is a folder; expected"):
        load_network(NAME, tmp_path)
    with pytest.raises(
        InputError, match=r'trained: no such file; expected "untrained", "imagenet"'
    ):
        load_network(NAME, "trained")


@pytest.mark.parametrize("weights", [None, 5])
def test_weights_must_be_named(weights):
    with pytest.raises(InputError, match=f'"untrained", "imagenet" or the path .*; got {weights}'):
        load_alexnet(weights)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_weights_that_may_not_be_read(tmp_path, state, suffix, monkeypatch):
    def closed(*_):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / f"w.{suffix}"
    path.touch()
    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(InputError, match="cannot be read as weights: no permission to read it"):
        load_network(NAME, path)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


def test_no_network_says_what_to_do(cache, monkeypatch):
    def refuse(*_, **__):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(
        InputError,
        match=r"alexnet-owt-7be5be79\.pth cannot be downloaded \(Name or service not known\): "
        r"fetch https://\S+ on a machine that reaches it and pass the file's path",
    ):
        load_alexnet("imagenet")
    assert not list(cache.iterdir())


def test_a_connection_that_hangs_is_given_up(cache, monkeypatch):
    monkeypatch.setattr(downloads_module, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: time.sleep(3))
    start = time.perf_counter()
    with pytest.raises(InputError, match=r"no connection within 0\.1 seconds"):
        load_alexnet("imagenet")
    assert time.perf_counter() - start < 2


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"weights" * 100
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:50] if "stall" in self.path else body)
        if "stall" in self.path:
            self.wfile.flush()
            time.sleep(1)

    def log_message(self, *_):
        pass


def test_downloads_are_whole_or_not_there(cache, monkeypatch):
    monkeypatch.setattr(downloads_module, "STALL_SECONDS", 0.3)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        path = downloads_module.fetched(f"{url}/w-13cec3a0.pth")
    except InputError as error:
        digest = str(error).split("digest is ")[1][:8]
        path = downloads_module.fetched(f"{url}/w-{digest}.pth")
    assert path.read_bytes() == b"weights" * 100
    with pytest.raises(InputError, match="the digest is [0-9a-f]{8}, not 00000000"):
        downloads_module.fetched(f"{url}/w-00000000.pth")
    with pytest.raises(InputError, match="timed out"):
        downloads_module.fetched(f"{url}/stall-00000000.pth")
    server.shutdown()
    server.server_close()
    assert [p.name for p in cache.iterdir()] == [path.name]
    assert downloads_module.fetched(f"{url}/{path.name}") == path  # no server, no need of it


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
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "nets.py").write_text(OWN)
    (tmp_path / "neighbour.py").write_text("CHANNELS = 4")
    (tmp_path / "broken.py").write_text("def small(:")
    return tmp_path


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
