"""A run that is killed goes on where it stopped, to the identical result."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.responses.storage import open_responses
from artiphys_torch import Photograph, as_photographs, probe
from artiphys_torch.probing import plan as plan_module
from artiphys_torch.probing import probe as probing_module
from artiphys_torch.probing.partial_results import PartialResults
from environment import ROOT
from torch_networks import chain, photographs


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(plan_module, "CHUNK", 2)


class Reader:
    """Photographs that note who was read, and fail at one of them."""

    def __init__(self, fail_at=None, error=KeyboardInterrupt):
        self.read_names = []
        self.fail_at, self.error = fail_at, error

    def __call__(self, n=7):
        return [
            Photograph(item.name, lambda item=item: self.read(item), item.digest)
            for item in as_photographs(photographs(n))
        ]

    def read(self, item):
        if item.name == self.fail_at:
            raise self.error
        self.read_names.append(item.name)
        return item.read()


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_an_interrupted_run_goes_on(tmp_path, suffix):
    out = tmp_path / f"r.{suffix}"
    partial = tmp_path / f"r.{suffix}.partial"
    whole = probe(chain(), photographs(7), ["4", "8"], progress=False)
    with pytest.raises(
        KeyboardInterrupt, match="interrupted; the same call goes on from what is in"
    ):
        probe(chain(), Reader("image-004")(), ["4", "8"], out=out, progress=False)
    assert not out.exists()
    names = sorted(p.name for p in partial.iterdir())
    assert [name.partition("-")[0] for name in names] == [
        *("00000000", "00000002", "key.json", "run.lock"),
    ]
    rest = Reader()
    resumed = probe(chain(), rest(), ["4", "8"], out=out, progress=False)
    assert sorted(rest.read_names) == ["image-004", "image-005", "image-006"]
    xr.testing.assert_identical(resumed, whole)
    xr.testing.assert_identical(open_responses(out), whole)
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


SCRIPT = """
    import sys, time
    from artiphys_torch import Photograph, as_photographs, probe
    from artiphys_torch.probing import plan
    from torch_networks import chain, photographs
    plan.CHUNK = 2

    def slowly(item):
        time.sleep(0.3)
        return item.read()

    items = as_photographs(photographs(16))
    slow = [Photograph(i.name, lambda i=i: slowly(i), i.digest) for i in items]
    probe(chain(), slow, ["8"], out=sys.argv[1], progress=False)
"""


@pytest.fixture
def under_way(tmp_path):
    """A run in another process that has finished two chunks, and is killed at the latest here."""
    path = os.pathsep.join([str(ROOT / "tests" / "support"), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "r.nc")],
        env={**os.environ, "PYTHONPATH": path},
    )
    partial = tmp_path / "r.nc.partial"
    deadline = time.monotonic() + 120
    while len(list(partial.glob("0*.npy"))) < 2 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)
    yield process
    process.kill()
    process.wait()


def test_a_killed_run_goes_on(tmp_path, under_way):
    out = tmp_path / "r.nc"
    partial = tmp_path / "r.nc.partial"
    under_way.send_signal(signal.SIGKILL)
    under_way.wait()
    assert not out.exists()
    assert (partial / "run.lock").exists()
    done = 2 * len(list(partial.glob("0*.npy")))
    assert 0 < done < 16
    rest = Reader()
    resumed = probe(chain(), rest(16), ["8"], out=out, progress=False)
    assert len(rest.read_names) == 16 - done
    xr.testing.assert_identical(resumed, probe(chain(), photographs(16), ["8"], progress=False))
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


def test_a_second_run_is_refused_while_the_first_lives(tmp_path, under_way):
    """Whatever its arguments; the first then ends well, and its chunks are nobody else's."""
    under_way.send_signal(signal.SIGSTOP)
    before = sorted(p.name for p in (tmp_path / "r.nc.partial").iterdir())
    for pixels in (photographs(16), photographs(16, seed=1)):
        with pytest.raises(
            InputError, match=r"r\.nc\.partial: another run is writing there; wait until it ends"
        ):
            probe(chain(), pixels, ["8"], out=tmp_path / "r.nc", progress=False)
    assert sorted(p.name for p in (tmp_path / "r.nc.partial").iterdir()) == before
    under_way.send_signal(signal.SIGCONT)
    assert under_way.wait(timeout=120) == 0
    expected = probe(chain(), photographs(16), ["8"], progress=False)
    xr.testing.assert_identical(open_responses(tmp_path / "r.nc"), expected)
    assert [p.name for p in tmp_path.iterdir()] == ["r.nc"]


def test_a_chunk_is_never_taken_for_another_run_s(tmp_path):
    """Not even where it lies in that run's folder."""
    mine, others = (
        PartialResults(tmp_path / name, {"seed": seed}) for seed, name in enumerate("ab")
    )
    others.save(0, np.ones((2, 2, 2)))
    shutil.copytree(others.folder, mine.folder, dirs_exist_ok=True)
    assert others.load(0, (2, 2, 2)).sum() == 8
    assert mine.load(0, (2, 2, 2)) is None


def test_one_process_does_not_run_twice_either(tmp_path):
    first = PartialResults(tmp_path / "p", {})
    with pytest.raises(InputError, match="another run is writing there; .* choose another out$"):
        PartialResults(tmp_path / "p", {})
    assert (tmp_path / "p" / "key.json").exists()
    first.close()
    PartialResults(tmp_path / "p", {}).remove()
    assert not list(tmp_path.iterdir())


def test_the_lock_of_the_dead_stops_nobody(tmp_path):
    """Nor does its file, all that a run may have left that was killed as it began."""
    (tmp_path / "r.nc.partial").mkdir()
    (tmp_path / "r.nc.partial" / "run.lock").touch()
    probe(chain(), photographs(1), ["8"], out=tmp_path / "r.nc", progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["r.nc"]


def test_to_ask_removes_nothing(tmp_path):
    results = PartialResults(tmp_path / "p", {})
    assert results.how_to_go_on() == ""
    assert (tmp_path / "p" / "key.json").exists()
    results.save(0, np.ones((2, 2, 2)))
    assert results.how_to_go_on().startswith("the same call goes on from what is in")
    results.close()
    assert len(list((tmp_path / "p").glob("0*.npy"))) == 1


def test_a_lock_that_cannot_be_had_is_one_line(tmp_path):
    (tmp_path / "r.nc.partial" / "run.lock").mkdir(parents=True)
    with pytest.raises(InputError, match=r"run\.lock: cannot be written: "):
        probe(chain(), photographs(1), ["8"], out=tmp_path / "r.nc", progress=False)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"images": photographs(7, seed=1)}, "images"),
        ({"layers": ["0"]}, "layers"),
        ({"crop": 0.5}, "crop"),
        ({"background": "black"}, "background"),
        ({"shifts": (0, 1 / 4)}, "shifts"),
        ({"model": chain().requires_grad_(False).double()}, "weights"),
    ],
)
def test_partial_results_of_another_run_are_not_used(tmp_path, change, what):
    out = tmp_path / "r.nc"
    given = {"model": chain(), "images": Reader("image-004")(), "layers": ["4"], "progress": False}
    with pytest.raises(KeyboardInterrupt):
        probe(**given, out=out)
    given["images"] = photographs(7)
    with pytest.warns(
        ArtiphysWarning, match=rf"r\.nc\.partial is of another run .*{what}.* differ"
    ):
        found = probe(**given | change, out=out)
    assert np.array_equal(found, probe(**given | change))


def test_a_damaged_chunk_is_measured_again(tmp_path):
    out = tmp_path / "r.nc"
    with pytest.raises(KeyboardInterrupt):
        probe(chain(), Reader("image-004")(), ["8"], out=out, progress=False)
    (chunk,) = (tmp_path / "r.nc.partial").glob("00000002-*.npy")
    chunk.write_bytes(chunk.read_bytes()[:100])
    rest = Reader()
    resumed = probe(chain(), rest(), ["8"], out=out, progress=False)
    assert len(rest.read_names) == 5
    assert np.array_equal(resumed, probe(chain(), photographs(7), ["8"], progress=False))


def test_after_an_error_nothing_is_left(tmp_path):
    broken = Reader("image-004", InputError("image-004: cannot be read"))
    with pytest.raises(InputError, match="image-004: cannot be read"):
        probe(chain(), broken(), ["8"], out=tmp_path / "r.nc", progress=False)
    assert not list(tmp_path.iterdir())


def full_disk_at(monkeypatch, chunk):
    """Let the disk be full when that chunk is to be written."""
    write = Path.write_bytes

    def full(path, data):
        if path.name.startswith(f"{chunk:08}"):
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    full_disk_at(monkeypatch, 0)
    with pytest.raises(InputError, match="the disk is full; free some space or write elsewhere$"):
        probe(chain(), photographs(3), ["8"], out=tmp_path / "r.nc", progress=False)
    assert not list(tmp_path.iterdir())


def test_a_disk_full_from_the_first_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match=r"key\.json: cannot be written: the disk is full"):
        probe(chain(), photographs(3), ["8"], out=tmp_path / "r.nc", progress=False)
    assert not list(tmp_path.iterdir())


def test_what_was_finished_before_the_disk_was_full_is_kept(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        full_disk_at(patched, 4)
        with pytest.raises(InputError, match="disk is full; .* the same call goes on from what is"):
            probe(chain(), photographs(7), ["8"], out=tmp_path / "r.nc", progress=False)
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
        patched.setattr(probing_module, "save_responses", failing)
        with pytest.raises((KeyboardInterrupt, InputError), match=message):
            probe(chain(), photographs(3), ["8"], out=tmp_path / "r.nc", progress=False)
    rest = Reader()
    probe(chain(), rest(3), ["8"], out=tmp_path / "r.nc", progress=False)
    assert rest.read_names == []


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


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="no permission to write there"):
        probe(chain(), photographs(1), ["8"], out=tmp_path / "r.nc", progress=False)
    tmp_path.chmod(0o700)
