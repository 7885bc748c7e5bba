"""Weights: from every kind of file, downloaded whole, and nothing in a file executed."""

import os
import pickle
import threading
import time
import urllib.error
import urllib.request
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from artiphys.errors import InputError
from artiphys_torch import load_alexnet, load_network, origin_of
from artiphys_torch.networks import weights as weights_module

NAME = "squeezenet1_1"  # the smallest file
pytestmark = pytest.mark.filterwarnings("ignore:.*taken to ask for:artiphys.ArtiphysWarning")


@pytest.fixture(scope="module")
def state():
    return load_network(NAME, seed=5).state_dict()


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
            r": size mismatch for features\.0\.weight: .*\[64, 3, 5, 5\].*\[64, 3, 3, 3\]",
        ),
        (
            lambda s: s.pop("features.0.bias"),
            r'SqueezeNet: Missing key\(s\) in state_dict: "features\.0\.bias"\.$',
        ),
        (
            lambda s: s.update(extra=torch.zeros(1)),
            r'Unexpected key\(s\) in state_dict: "extra"\.$',
        ),
        (
            lambda s: [s.pop(k) for k in list(s)[:9]],
            r'Missing key\(s\) in state_dict: "features\.0\.weight", "features\.0\.bias", .* …$',
        ),
        (
            lambda s: (s.pop("features.0.bias"), s.update(extra=torch.zeros(1))),
            r'Missing .* "features\.0\.bias"\. Unexpected .* "extra"\.$',
        ),
        (
            lambda s: s.update({k: torch.zeros(2, 2) for k in list(s)[:5]}),
            r"size mismatch for features\.0\.weight.* size mismatch for .* and 2 more$",
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
    monkeypatch.setattr(weights_module, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: time.sleep(3))
    start = time.perf_counter()
    with pytest.raises(InputError, match=r"no connection within 0\.1 seconds"):
        load_alexnet("imagenet")
    assert time.perf_counter() - start < 2


class Server(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

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
    monkeypatch.setattr(weights_module, "STALL_SECONDS", 0.3)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        path = weights_module.downloaded(f"{url}/w-13cec3a0.pth")
    except InputError as error:
        digest = str(error).split('got "')[1][:8]
        path = weights_module.downloaded(f"{url}/w-{digest}.pth")
    assert path.read_bytes() == b"weights" * 100
    with pytest.raises(InputError, match=r'\(invalid hash value \(expected "00000000", got "'):
        weights_module.downloaded(f"{url}/w-00000000.pth")
    with pytest.raises(InputError, match="timed out"):
        weights_module.downloaded(f"{url}/stall-00000000.pth")
    server.shutdown()
    server.server_close()
    assert [p.name for p in cache.iterdir()] == [path.name]
    assert weights_module.downloaded(f"{url}/{path.name}") == path  # no server, no need of it
