"""A run that is killed goes on where it stopped, to the identical result; nothing else does."""

import filecmp
import importlib.util
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from artiphys.errors import InputError
from artiphys.responses.storage import open_responses
from artiphys_torch import Photograph, as_photographs, probe
from artiphys_torch.probing import extent as extent_module
from artiphys_torch.probing import partial_results as module
from artiphys_torch.probing.partial_results import PartialResults
from killable import N_IMAGES, started
from torch_networks import chain, photographs

FORMATS = ("nc", "zarr")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(extent_module, "CHUNK", 2)


class Reader:
    """Photographs that note who was read, and fail at one of them."""

    def __init__(self, fail_at=None, error=KeyboardInterrupt):
        self.read_names = []
        self.fail_at, self.error = fail_at, error

    def __call__(self, n=7, seed=0):
        return [
            Photograph(item.name, lambda item=item: self.read(item), item.digest)
            for item in as_photographs(photographs(n, seed=seed))
        ]

    def read(self, item):
        if item.name == self.fail_at:
            raise self.error
        self.read_names.append(item.name)
        return item.read()


def files(folder):
    return {p.relative_to(folder): p for p in folder.rglob("*") if p.is_file()}


def same_bytes(one, other):
    """Say whether two files, or all the files of two folders, are the same."""
    if one.is_file():
        return filecmp.cmp(one, other, shallow=False)
    ones, others = files(one), files(other)
    return ones.keys() == others.keys() and all(
        filecmp.cmp(path, others[name], shallow=False) for name, path in ones.items()
    )


def interrupted(out, at="image-004", **how):
    with pytest.raises(KeyboardInterrupt):
        probe(chain(), Reader(at)(), ["4", "8"], out=out, progress=False, **how)


# A result is what it would be in memory.


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("units", ["central", "all"])
def test_what_is_written_is_what_is_found_in_memory(tmp_path, suffix, units):
    out = tmp_path / f"r.{suffix}"
    how = {"layers": ["4", "8"], "units": units, "progress": False}
    expected = probe(chain(), photographs(7), **how)
    found = probe(chain(), photographs(7), **how, out=out)
    chunks = {} if suffix == "zarr" else None
    for responses in (found, open_responses(out), open_responses(out, chunks=chunks)):
        xr.testing.assert_identical(responses, expected)
        assert responses.dtype == expected.dtype
        assert {name: coord.dtype for name, coord in responses.coords.items()} == {
            name: coord.dtype for name, coord in expected.coords.items()
        }
    assert (found.chunks is not None) == (suffix == "zarr")
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


def test_coordinates_of_nothing_but_zeros_are_there_too(tmp_path):
    """Which Zarr leaves out as empty, and whose loss could then not be told."""
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 9))
    how = {"layers": ["0"], "progress": False}
    expected = probe(network, photographs(2), **how)
    assert not expected.channel.any()
    xr.testing.assert_identical(
        probe(network, photographs(2), **how, out=tmp_path / "r.zarr"), expected
    )


def test_a_store_lies_in_chunks_of_images(tmp_path):
    found = probe(chain(), photographs(7), ["8"], out=tmp_path / "r.zarr", progress=False)
    assert found.chunks == ((6,), (2, 2, 2, 1), (3,))


# Interrupted, killed, and on again.


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_interrupted_run_goes_on(tmp_path, suffix):
    out = tmp_path / f"r.{suffix}"
    partial = tmp_path / f"r.{suffix}.partial"
    whole = probe(chain(), photographs(7), ["4", "8"], progress=False)
    with pytest.raises(
        KeyboardInterrupt, match="interrupted; the same call goes on from what is in"
    ):
        probe(chain(), Reader("image-004")(), ["4", "8"], out=out, progress=False)
    assert not out.exists()
    assert sorted(p.name for p in partial.iterdir()) == ["group.zarr", "key.json", "run.lock"]
    rest = Reader()
    resumed = probe(chain(), rest(), ["4", "8"], out=out, progress=False)
    assert sorted(rest.read_names) == ["image-004", "image-005", "image-006"]
    xr.testing.assert_identical(resumed, whole)
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


def killed_at(tmp_path, moments, suffix="zarr"):
    """Kill a run at each of some moments, as shares of its length; run it again; compare bytes."""
    expected = tmp_path / f"whole.{suffix}"
    process = started(expected)
    began = time.monotonic()
    process.join()
    length = time.monotonic() - began
    assert process.exitcode == 0
    n_unfinished = 0
    for number, moment in enumerate(moments):
        out = tmp_path / f"{number}.{suffix}"
        process = started(out)
        time.sleep(moment * length)
        process.kill()
        process.join()
        finished = out.exists()  # even if it was killed before it could end: it is not done again
        n_unfinished += not finished
        again = started(out)
        again.join()
        assert again.exitcode == (1 if finished else 0)
        assert same_bytes(out, expected), f"killed after {moment:.3f} of {length:.2f} s"
        assert not out.with_name(f"{out.name}.partial").exists()
    assert n_unfinished


def test_killed_at_a_few_moments_it_goes_on_to_the_same_bytes(tmp_path):
    killed_at(tmp_path, [0.5, 0.7, 0.9])


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["zarr"])
def test_killed_at_any_of_twenty_moments_it_goes_on_to_the_same_bytes(tmp_path, suffix):
    seed = int(time.time())
    print(f"seed {seed}")
    killed_at(tmp_path, np.random.default_rng(seed).uniform(0, 1, 20), suffix)


STEPS = [
    ("before", "begin"),
    ("after", "begin"),
    ("before", "save"),
    ("after", "save"),
    ("before", "finish"),
    ("before", "_move"),
    ("after", "_move"),
    ("before", "remove"),
    ("before", "_empty"),
]


@pytest.mark.parametrize("suffix", FORMATS)
def test_killed_at_every_step_it_goes_on(tmp_path, suffix):
    """A finished run whose folder is still there is not run again."""
    expected = probe(chain(), photographs(N_IMAGES), ["4", "8"], progress=False)
    for die in STEPS:
        out = tmp_path / f"{'-'.join(die)}.{suffix}"
        process = started(out, seconds=0, die=die)
        process.join()
        assert process.exitcode in (-signal.SIGKILL, 0), die
        rest = Reader()
        found = probe(chain(), rest(N_IMAGES), ["4", "8"], out=out, progress=False)
        n_left = {"begin": 16, "save": 16 - 2 * (die[0] == "after")}.get(die[1], 0)
        if die != ("before", "_empty"):  # which also the beginning does
            assert len(rest.read_names) == n_left, die
        xr.testing.assert_identical(found, expected)
        assert not out.with_name(f"{out.name}.partial").exists(), die


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("die", [("before", "_move"), ("after", "_move")])
def test_what_is_to_be_replaced_is_there_until_it_is(tmp_path, suffix, die):
    out = tmp_path / f"r.{suffix}"
    before = probe(chain(), photographs(2), ["8"], out=out, progress=False).load()
    process = started(out, seconds=0, die=die, overwrite=True)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    left = open_responses(out)
    assert left.identical(before) == (die[0] == "before")
    rest = Reader()
    found = probe(chain(), rest(N_IMAGES), ["4", "8"], out=out, progress=False, overwrite=True)
    assert rest.read_names == []
    assert found.sizes["image"] == N_IMAGES


def test_killed_between_moving_the_old_away_and_the_new_in(tmp_path):
    out = tmp_path / "r.zarr"
    probe(chain(), photographs(2), ["8"], out=out, progress=False)
    process = started(out, seconds=0, die=("before", "_move"), overwrite=True)
    process.join()
    out.rename(tmp_path / "r.zarr.partial" / "replaced")
    rest = Reader()
    found = probe(chain(), rest(N_IMAGES), ["4", "8"], out=out, progress=False)
    assert (rest.read_names, found.sizes["image"]) == ([], N_IMAGES)
    assert [p.name for p in tmp_path.iterdir()] == ["r.zarr"]


# One run at a time.


@pytest.fixture
def under_way(tmp_path):
    """A run in another process that has finished two chunks, and is killed at the latest here."""
    process = started(tmp_path / "r.nc", seconds=0.3)
    chunks = tmp_path / "r.nc.partial" / "group.zarr" / "response"
    deadline = time.monotonic() + 120
    while len(list(chunks.glob("[0-9]*.0"))) < 2 and time.monotonic() < deadline:
        assert process.is_alive()
        time.sleep(0.02)
    yield process
    process.kill()
    process.join()


def test_a_second_run_is_refused_while_the_first_lives(tmp_path, under_way):
    """Whatever its arguments; the first then ends well, and its chunks are nobody else's."""
    os.kill(under_way.pid, signal.SIGSTOP)
    before = sorted(files(tmp_path / "r.nc.partial"))
    for seed in (0, 1):
        with pytest.raises(
            InputError, match=r"r\.nc\.partial: another run is writing there; wait until it ends"
        ):
            probe(chain(), photographs(16, seed=seed), "8", out=tmp_path / "r.nc", progress=False)
    assert sorted(files(tmp_path / "r.nc.partial")) == before
    os.kill(under_way.pid, signal.SIGCONT)
    under_way.join(120)
    assert under_way.exitcode == 0
    expected = probe(chain(), photographs(16), ["4", "8"], progress=False)
    xr.testing.assert_identical(open_responses(tmp_path / "r.nc"), expected)
    assert [p.name for p in tmp_path.iterdir()] == ["r.nc"]


def test_one_process_does_not_run_twice_either(tmp_path):
    first = PartialResults(tmp_path / "p.nc", {})
    with pytest.raises(InputError, match="another run is writing there; .* choose another out$"):
        PartialResults(tmp_path / "p.nc", {})
    first.close()
    assert not list(tmp_path.iterdir())


def test_the_lock_of_the_dead_stops_nobody(tmp_path):
    """Nor does its file, all that a run may have left that was killed as it began."""
    (tmp_path / "r.nc.partial").mkdir()
    (tmp_path / "r.nc.partial" / "run.lock").touch()
    probe(chain(), photographs(1), ["8"], out=tmp_path / "r.nc", progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["r.nc"]


def test_a_lock_that_cannot_be_had_is_one_line(tmp_path):
    (tmp_path / "r.nc.partial" / "run.lock").mkdir(parents=True)
    with pytest.raises(InputError, match=r"run\.lock: cannot be written: "):
        probe(chain(), photographs(1), ["8"], out=tmp_path / "r.nc", progress=False)


# Nothing is taken for what it is not, or lost.


def heavier():
    model = chain()
    with torch.no_grad():
        model[0].weight[0, 0, 0, 0] += 1e-6
    return model


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"images": photographs(7, seed=1)}, "images"),
        ({"images": photographs(6)}, "images"),
        ({"layers": ["0"]}, "layers"),
        ({"crop": 0.5}, "crop"),
        ({"background": "black"}, "background"),
        ({"shifts": (0, 1 / 4)}, "shifts"),
        ({"model": heavier()}, "weights"),
        ({"dtype": "float64"}, "dtype"),
        ({"units": "all"}, "units"),
        ({"source": "another"}, "source"),
        ({"overwrite": True, "crop": 0.5}, "crop"),
    ],
)
def test_a_run_of_another_key_is_refused(tmp_path, change, what):
    out = tmp_path / "r.zarr"
    given = {"model": chain(), "images": Reader("image-004")(), "layers": ["4"], "progress": False}
    with pytest.raises(KeyboardInterrupt):
        probe(**given, out=out)
    before = files(tmp_path)
    given["images"] = photographs(7)
    with pytest.raises(
        InputError, match=rf"r\.zarr\.partial is of another run, which differs in {what}; ask for"
    ):
        probe(**given | change, out=out)
    assert files(tmp_path) == before
    probe(**given, out=out)  # which still goes on


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_finished_file_is_replaced_only_on_purpose(tmp_path, suffix):
    out = tmp_path / f"r.{suffix}"
    first = probe(chain(), photographs(2), ["8"], out=out, progress=False).load()
    reader = Reader()
    with pytest.raises(
        InputError, match=rf"r\.{suffix} is there already; overwrite=True replaces it, or write"
    ):
        probe(chain(), reader(), ["8"], out=out, progress=False)
    assert reader.read_names == []
    xr.testing.assert_identical(open_responses(out), first)
    interrupted(out, overwrite=True)
    xr.testing.assert_identical(open_responses(out), first)
    with pytest.raises(InputError, match="is there already"):  # it went on only on purpose too
        probe(chain(), photographs(7), ["4", "8"], out=out, progress=False)
    probe(chain(), photographs(7), ["4", "8"], out=out, progress=False, overwrite=True)
    assert open_responses(out).sizes["image"] == 7
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


def truncated(data):
    return data[: len(data) // 2]


def altered(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", [truncated, altered, lambda _: b"", lambda _: b"?" * 99])
def test_a_damaged_chunk_is_measured_again(tmp_path, damage):
    out = tmp_path / "r.zarr"
    interrupted(out)
    chunk = tmp_path / "r.zarr.partial" / "group.zarr" / "response" / "0.1.0"
    chunk.write_bytes(damage(chunk.read_bytes()))
    rest = Reader()
    resumed = probe(chain(), rest(), ["4", "8"], out=out, progress=False)
    assert sorted(rest.read_names) == [f"image-{i:03}" for i in range(2, 7)]
    xr.testing.assert_identical(resumed, probe(chain(), photographs(7), ["4", "8"], progress=False))


def test_what_was_found_before_an_error_is_kept(tmp_path):
    broken = Reader("image-004", InputError("image-004: cannot be read"))
    with pytest.raises(InputError, match="image-004: cannot be read; the same call goes on from"):
        probe(chain(), broken(), ["4", "8"], out=tmp_path / "r.nc", progress=False)
    rest = Reader()
    probe(chain(), rest(), ["4", "8"], out=tmp_path / "r.nc", progress=False)
    assert sorted(rest.read_names) == ["image-004", "image-005", "image-006"]


def test_after_an_error_at_the_first_chunk_nothing_is_left(tmp_path):
    broken = Reader("image-001", InputError("image-001: cannot be read"))
    with pytest.raises(InputError, match="image-001: cannot be read$"):
        probe(chain(), broken(), ["8"], out=tmp_path / "r.nc", progress=False)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def full_disk_at(monkeypatch):
    """Let the disk be full when that chunk is to be written."""
    import zarr

    write = zarr.Array.__setitem__

    def at(first):
        def full(array, where, values):
            if array.ndim == 3 and where[1].start == first:
                raise OSError(28, "No space left on device")
            write(array, where, values)

        monkeypatch.setattr(zarr.Array, "__setitem__", full)

    return at


def test_a_full_disk_is_one_line(tmp_path, full_disk_at):
    full_disk_at(0)
    with pytest.raises(
        InputError, match=r"r\.zarr: .* the disk is full; free some space or write elsewhere$"
    ):
        probe(chain(), photographs(3), ["8"], out=tmp_path / "r.zarr", progress=False)
    assert not list(tmp_path.iterdir())


def test_a_disk_full_from_the_first_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match=r"key\.json: cannot be written: the disk is full"):
        probe(chain(), photographs(3), ["8"], out=tmp_path / "r.nc", progress=False)
    assert not list(tmp_path.iterdir())


def test_what_was_finished_before_the_disk_was_full_is_kept(tmp_path, full_disk_at, monkeypatch):
    full_disk_at(4)
    with pytest.raises(InputError, match="disk is full; .* the same call goes on from what is"):
        probe(chain(), photographs(7), ["8"], out=tmp_path / "r.nc", progress=False)
    monkeypatch.undo()
    monkeypatch.setattr(extent_module, "CHUNK", 2)
    rest = Reader()
    probe(chain(), rest(), ["8"], out=tmp_path / "r.nc", progress=False)
    assert sorted(rest.read_names) == ["image-004", "image-005", "image-006"]


def test_memory_that_runs_out_costs_nothing_finished(tmp_path):
    starved = Reader("image-004", MemoryError())
    with pytest.raises(MemoryError):
        probe(chain(), starved(), ["8"], out=tmp_path / "r.nc", progress=False)
    rest = Reader()
    probe(chain(), rest(), ["8"], out=tmp_path / "r.nc", progress=False, batch_size=1)
    assert sorted(rest.read_names) == ["image-004", "image-005", "image-006"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt, "interrupted; the same call goes on"),
        (InputError("r.nc: the disk is full"), "the disk is full; the same call goes on"),
    ],
)
def test_nothing_found_is_lost_when_the_end_fails(tmp_path, monkeypatch, error, message):
    def failing(*_):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(module, "save_responses", failing)
        with pytest.raises((KeyboardInterrupt, InputError), match=message):
            probe(chain(), photographs(3), ["8"], out=tmp_path / "r.nc", progress=False)
    rest = Reader()
    probe(chain(), rest(3), ["8"], out=tmp_path / "r.nc", progress=False)
    assert rest.read_names == []


def test_ctrl_c_while_the_new_takes_the_place_of_the_old(tmp_path, monkeypatch):
    out = tmp_path / "r.zarr"
    first = probe(chain(), photographs(2), ["8"], out=out, progress=False).load()
    rename = Path.rename

    def stopped(path, target):
        if path.name == "finished.zarr":
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", stopped)
        with pytest.raises(KeyboardInterrupt):
            probe(chain(), photographs(3), ["8"], out=out, progress=False, overwrite=True)
    xr.testing.assert_identical(open_responses(out), first)
    rest = Reader()
    probe(chain(), rest(3), ["8"], out=out, progress=False, overwrite=True)
    assert rest.read_names == []
    assert [p.name for p in tmp_path.iterdir()] == ["r.zarr"]


def test_a_folder_at_the_file_s_place_is_found_first(tmp_path):
    (tmp_path / "r.nc").mkdir()
    reader = Reader()
    with pytest.raises(InputError, match=r"r\.nc: is a folder; expected a file"):
        probe(chain(), reader(3), ["8"], out=tmp_path / "r.nc", progress=False)
    assert reader.read_names == []


def test_what_is_in_the_way_is_not_removed(tmp_path):
    mine = tmp_path / "r.nc.partial"
    mine.mkdir()
    (mine / "thesis.txt").write_text("chapter 1")
    with pytest.raises(
        InputError, match="is in the way and holds no partial results; move it away"
    ):
        probe(chain(), photographs(1), ["8"], out=tmp_path / "r.nc", progress=False)
    assert (mine / "thesis.txt").exists()


@pytest.mark.parametrize("name", ["zarr", "dask"])
def test_what_writing_needs_is_said_first(tmp_path, monkeypatch, name):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == name else find(n))
    with pytest.raises(ImportError, match=rf"{name} is needed to write .* 'artiphys\[{name}\]'"):
        probe(chain(), photographs(1), ["8"], out=tmp_path / "r.nc", progress=False)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="no permission to write there"):
        probe(chain(), photographs(1), ["8"], out=tmp_path / "r.nc", progress=False)
    tmp_path.chmod(0o700)


def test_a_store_with_a_chunk_lost_is_told(tmp_path):
    out = tmp_path / "r.zarr"
    probe(chain(), photographs(7), ["8"], out=out, progress=False)
    (out / "response" / "0.1.0").unlink()
    with pytest.raises(InputError, match=r"r\.zarr: 1 of its chunks are missing"):
        open_responses(out, chunks={})
    shutil.rmtree(out)
