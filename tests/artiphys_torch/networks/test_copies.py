"""Copies: what is looked at in a network's place, so that the network keeps no trace of it."""

import hashlib
import json
import pickle
import sys
import threading
from collections import deque
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from artiphys.errors import InputError
from artiphys_torch import layer_inputs, origin_of, probe, receptive_field
from artiphys_torch.networks.copies import copied, working_copy
from torch_networks import Residual, chain, photographs


class LoRA(nn.Conv2d):
    """Merges its low-rank weights when it goes into evaluation, as loralib's layers do."""

    def __init__(self, *args):
        super().__init__(*args)
        self.added, self.merged = nn.Parameter(0.1 * torch.ones_like(self.weight)), False

    def train(self, mode=True):
        super().train(mode)
        if mode == self.merged:
            self.weight.data += -self.added if mode else self.added
            self.merged = not mode
        return self

    def forward(self, image):
        whole = self.weight if self.merged else self.weight + self.added
        return nn.functional.conv2d(image, whole, self.bias)


class Remembering(nn.Module):
    """Keeps in attributes what it has seen, counts its passes in a buffer and in a list."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.relu, self.second = nn.Conv2d(3, 4, 5), nn.ReLU(), LoRA(4, 3, 3)
        self.register_buffer("passes", torch.zeros(()))
        self.last, self.log, self.kept = None, [], {"widths": [2]}

    def forward(self, image):
        self.passes += 1
        self.last = self.first(image)
        self.log.append(self.last)
        self.kept["image"] = image
        return self.second(self.relu(self.last))


class Hooked(Remembering):
    """Hooks of every kind, those that hold the network itself among them."""

    def __init__(self):
        super().__init__()
        self.first.register_forward_hook(self.note)
        self.first.register_forward_pre_hook(lambda module, _: self.log.append(module.bias.mean()))
        self.relu.register_forward_hook(lambda _m, _i, output: output * 1.5)

    def note(self, _module, _inputs, output):
        self.kept["first"] = output


def replaced():
    network = Remembering()
    forward = network.forward
    network.forward = lambda image: forward(2 * image)
    return network


def normed(kind):
    network = chain()
    kind(network[4])
    network(torch.zeros(1, 3, 64, 64))
    return network


KINDS = {
    "attributes": Remembering,
    "hooks": Hooked,
    "forward replaced": replaced,
    "residual": Residual,
    "weight norm": lambda: normed(nn.utils.weight_norm),
    "spectral norm": lambda: normed(nn.utils.spectral_norm),
    "parametrised": lambda: normed(nn.utils.parametrizations.weight_norm),
    "half": lambda: chain().half(),
    "bfloat16": lambda: chain().bfloat16(),
    "parallel": lambda: nn.DataParallel(chain()),
    "compiled": lambda: torch.compile(chain(), backend="eager"),
}
LAYERS = {"residual": "two", "parallel": "module.8", "compiled": "_orig_mod.8"}


def bytes_of(value):
    """All that a network is: tensors, attributes, hooks, modes, and which are the same objects."""
    seen, found = set(), []

    def walk(value):
        if isinstance(value, torch.Tensor):
            array = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
            found.append((id(value), value.requires_grad, value.is_leaf, array.tobytes()))
        elif id(value) in seen:
            found.append(id(value))
        elif isinstance(value, nn.Module):
            seen.add(id(value))
            found.append((id(value), type(value).__qualname__, sorted(vars(value))))
            walk(vars(value))
        elif isinstance(value, dict):
            seen.add(id(value))
            for key, each in value.items():
                found.append(repr(key))
                walk(each)
        elif isinstance(value, list | tuple | set):
            seen.add(id(value))
            found.append(len(value))
            for each in value:
                walk(each)
        else:
            found.append(repr(value))

    walk(value)
    return hashlib.sha256(pickle.dumps(found)).hexdigest()


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*too few for the shifts")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_looking_leaves_no_trace(kind, training):
    network = KINDS[kind]().train(training)
    layer = LAYERS.get(kind, "second" if isinstance(network, Remembering) else "8")
    before, source = bytes_of(network), origin_of(network).source
    found = probe(network, photographs(2), layer, progress=False)
    assert bytes_of(network) == before
    receptive_field(network, layer)
    assert bytes_of(network) == before
    layer_inputs(network, photographs(2), layer, progress=False)
    assert bytes_of(network) == before
    assert set(found.source.values) == {source} == {origin_of(network).source}


def test_what_is_looked_at_is_the_network_in_evaluation():
    network = Remembering().train()
    found = probe(network, photographs(2), "second", progress=False)
    assert not network.second.merged
    network.eval()
    assert network.second.merged
    again = probe(network, photographs(2), "second", progress=False)
    np.testing.assert_allclose(found, again, rtol=1e-5, atol=1e-5)


def test_a_forward_pass_that_holds_the_network_is_bound_to_the_copy():
    network, plain = replaced().eval(), Remembering().eval()
    twice = working_copy(network)
    image = torch.rand(1, 3, 9, 9)
    with torch.no_grad():
        torch.testing.assert_close(twice(image), plain(2 * image))
    assert float(network.passes) == 0
    assert float(twice.passes) == 1


@pytest.mark.parametrize("kind", ["parallel", "compiled"])
def test_wrappers_give_what_is_inside(kind):
    wrapped = probe(KINDS[kind](), photographs(2), LAYERS[kind], progress=False)
    assert np.array_equal(wrapped, probe(chain(), photographs(2), "8", progress=False))


def in_threads(*functions):
    """Run functions at once; return what each gives, or raise what it raises."""
    outcomes = [None] * len(functions)

    def run(index):
        try:
            outcomes[index] = functions[index]()
        except BaseException as error:
            outcomes[index] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(functions))]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes


@pytest.mark.filterwarnings("ignore:.*too few for the shifts")
def test_other_networks_run_in_other_threads_meanwhile():
    image = torch.rand(1, 3, 32, 32)
    call = nn.Module.__call__
    other = Residual().eval()
    with torch.no_grad():
        expected = other(image)
    done = threading.Event()

    def look():
        try:
            return [
                probe(build(), photographs(1), layer, progress=False)
                for build, layer in ((chain, "8"), (Residual, "two"), (Remembering, "second"))
                for _ in range(2)
            ]
        finally:
            done.set()

    def run():
        passes = 0
        while not done.is_set():
            with torch.no_grad():
                answer = other(image)
            assert torch.equal(answer, expected)
            assert nn.Module.__call__ is call
            passes += 1
        return passes

    assert in_threads(look, run)[1] > 0
    assert nn.Module.__call__ is call


def test_probings_may_overlap_in_threads():
    pixels, networks = photographs(2), [chain() for _ in range(6)]
    expected = probe(chain(), pixels, ["4", "8"], progress=False)
    precision, tf32 = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("medium")
    try:
        found = in_threads(
            *[partial(probe, each, pixels, ["4", "8"], progress=False) for each in networks[:4]],
            *[partial(receptive_field, each, "8") for each in networks[4:]],
        )
        assert torch.get_float32_matmul_precision() == "medium"
        assert torch.backends.cudnn.allow_tf32 == tf32
    finally:
        torch.set_float32_matmul_precision(precision)
    assert all(np.array_equal(each, expected) for each in found[:4])
    assert found[4] == found[5]
    chain()(torch.rand(2, 3, 64, 64))


@pytest.mark.parametrize(
    ("dtype", "kept"), [(torch.float16, "float32"), (torch.bfloat16, "float32")]
)
def test_half_precision_is_computed_in_single(dtype, kept):
    network = Residual().to(dtype)
    found = probe(network, photographs(2), "two", progress=False)
    single = probe(network.float(), photographs(2), "two", progress=False)
    assert np.array_equal(found, single)
    arguments = json.loads(found.attrs["provenance"])["arguments"]
    assert (arguments["dtype"], arguments["weights_dtype"]) == (kept, str(dtype)[6:])
    asked = probe(network.to(dtype), photographs(2), "two", dtype=dtype, progress=False)
    assert not np.array_equal(asked, single)
    assert json.loads(asked.attrs["provenance"])["arguments"]["dtype"] == str(dtype)[6:]
    with pytest.raises(InputError, match="dtype must be one of float16, .*; got 'int8'"):
        probe(network, photographs(1), "two", dtype="int8", progress=False)


class AskingForHalf(nn.Module):
    def __init__(self, ask):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.ask = nn.Conv2d(3, 4, 5), nn.Conv2d(4, 3, 3), ask

    def forward(self, image):
        return self.second(self.first(self.ask(image)).relu())


@pytest.mark.parametrize(
    ("dtype", "ask"),
    [
        (torch.float16, torch.Tensor.half),
        (torch.bfloat16, torch.Tensor.bfloat16),
        (torch.float16, lambda x: x.to(torch.float16)),
        (torch.float16, lambda x: x.type(torch.float16)),
    ],
)
def test_half_precision_asked_for_inside_a_forward_pass(dtype, ask):
    network = AskingForHalf(ask).to(dtype)
    found = probe(network, photographs(2), "second", progress=False)
    plain = AskingForHalf(lambda x: x).to(dtype).float()
    np.testing.assert_array_equal(found, probe(plain, photographs(2), "second", progress=False))
    assert receptive_field(network, "second") == (7, 1, 3.0)


def test_what_a_hook_s_closure_counts_in_stays_as_it_is():
    network, counts, last = chain(), np.zeros(1), deque(maxlen=2)

    def count(_module, _inputs, output):
        counts[0] += 1
        last.append(output)

    network[4].register_forward_hook(count)
    probe(network, photographs(1), "8", progress=False)
    receptive_field(network, "8")
    assert counts[0] == 0
    assert not last


@pytest.mark.filterwarnings("ignore:.*torch.jit.script. is deprecated:FutureWarning")
def test_scripted_parts_are_run_as_they_are():
    plain = chain()
    network = nn.Sequential(torch.jit.script(plain[:8]), plain[8])
    found = probe(network, photographs(2), "1", progress=False)
    expected = probe(plain, photographs(2), "8", progress=False)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


class Single(nn.Conv2d):
    def __deepcopy__(self, memo):
        return self


def test_what_gives_itself_for_its_copy_is_refused():
    with pytest.raises(InputError, match=r"cannot be copied, .*gives itself for its copy"):
        copied(nn.Sequential(Single(3, 2, 1)))


def test_a_copy_shares_what_it_is_told_to():
    network = nn.Sequential(nn.Conv2d(3, 2, 1))
    assert copied(network)[0].weight is not network[0].weight
    weight = network[0].weight
    assert copied(network, {id(weight): weight})[0].weight is weight


def test_what_cannot_be_copied_is_refused_in_one_line():
    network = nn.Sequential(nn.Conv2d(3, 2, 1))
    network.lock = threading.Lock()
    with pytest.raises(InputError, match=r"cannot be copied, and it is to stay as it is: .*pickle"):
        copied(network)
