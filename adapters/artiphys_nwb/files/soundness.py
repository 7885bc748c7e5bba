"""Files that HDF5's own library crashes on, or never ends on, found out where it does no harm.

A damaged header can end the whole process (a segmentation fault, no exception), or send it round in
a circle. A copy of the process, made by ``fork``, therefore goes through the headers first; where
it dies, or takes far longer than any sound file, the file is refused. Not so for large files, of
which headers are a small part, nor for those that are not on a disk here, nor on Windows, which has
no ``fork``.
"""

import contextlib
import faulthandler
import os
import signal
import warnings

import h5py

from artiphys_nwb.errors import FileError

__all__ = ["require_sound"]

LARGE = 32 * 2**20  # bytes
# Texts and references beyond so many are not read twice.
MOST_ELEMENTS = 10_000
LONGEST = 60  # seconds; a disk so slow is read without
MOST_WORK = 5.0  # seconds of the processor's own; a tenth of that is much


def require_sound(file: h5py.File) -> None:
    """Raise a FileError if going through the headers of a file ends its process, or never ends."""
    if not hasattr(os, "fork") or file.driver != "sec2" or file.id.get_filesize() > LARGE:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other threads, of which the copy has none
        child = os.fork()
    if child == 0:
        _go_through(file)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGALRM:
        name = signal.Signals(os.WTERMSIG(status)).name
        how = "never ends" if name == "SIGPROF" else f"crashes ({name})"
        msg = f"so damaged that HDF5's library {how} on it; fetch it again"
        raise FileError(msg)


def _go_through(file: h5py.File) -> None:
    """Read all headers, and what lies in heaps, and end this process."""
    faulthandler.disable()
    with contextlib.suppress(BaseException):
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, signal.SIG_DFL)
        signal.alarm(LONGEST)
        signal.setitimer(signal.ITIMER_PROF, MOST_WORK)
        _read(file, set())
    os._exit(0)


def _read(node: h5py.HLObject, seen: set[object]) -> None:
    _read_attributes(node)
    if isinstance(node, h5py.Group):
        for name in node:
            with contextlib.suppress(Exception):
                child = node[name]
                if child.id not in seen:  # by another link
                    seen.add(child.id)
                    _read(child, seen)
    else:
        with contextlib.suppress(Exception):
            if node.dtype.kind in "OV" and node.size <= MOST_ELEMENTS:
                node[()]
            elif node.chunks:
                node.id.get_num_chunks()


def _read_attributes(node: h5py.HLObject) -> None:
    with contextlib.suppress(Exception):
        for name in node.attrs:
            with contextlib.suppress(Exception):
                node.attrs[name]
