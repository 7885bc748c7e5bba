"""Files that end the process which goes through them."""

import os
import signal

import h5py
import pytest

from artiphys_nwb import describe_nwb, errors, read_nwb
from artiphys_nwb.files import soundness
from nwb_files import LAYOUT, recording, write_nwb

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")


@pytest.fixture
def path(tmp_path):
    return write_nwb(tmp_path / "session.nwb", *recording())


def end_by(number):
    def read(*_):
        os.kill(os.getpid(), number)

    return read


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
@pytest.mark.parametrize("call", [lambda path: read_nwb(path, LAYOUT), describe_nwb])
def test_a_file_that_ends_the_process_is_refused(path, monkeypatch, number, call):
    monkeypatch.setattr(soundness, "_read", end_by(number))
    with pytest.raises(errors.FileError, match=f"library crashes .{number.name}. on it; fetch it"):
        call(path)


def test_a_file_that_has_no_end_is_refused(path, monkeypatch):
    def read(*_):
        while True:
            pass

    monkeypatch.setattr(soundness, "_read", read)
    monkeypatch.setattr(soundness, "MOST_WORK", 0.05)
    with pytest.raises(errors.FileError, match="library never ends on it; fetch it again"):
        read_nwb(path, LAYOUT)


def test_a_good_file_is_read(path):
    with h5py.File(path) as file:
        soundness.require_sound(file)
    assert read_nwb(path, LAYOUT).sizes["unit"] == 3


def test_a_slow_file_is_read(path, monkeypatch):
    """What takes too long to go through is not held for damaged."""
    monkeypatch.setattr(soundness, "_read", end_by(signal.SIGALRM))
    assert read_nwb(path, LAYOUT).sizes["unit"] == 3


def test_large_files_are_not_gone_through(path, monkeypatch):
    monkeypatch.setattr(soundness, "_read", end_by(signal.SIGSEGV))
    monkeypatch.setattr(soundness, "LARGE", 100)
    assert read_nwb(path, LAYOUT).sizes["unit"] == 3


def test_what_cannot_be_read_is_left_to_the_reader(path, monkeypatch):
    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(soundness, "_read", fail)
    assert read_nwb(path, LAYOUT).sizes["unit"] == 3
