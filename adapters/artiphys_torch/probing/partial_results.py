"""Results on disk as they are found, so that a run that is killed goes on where it stopped.

Beside ``responses.zarr`` lies a folder ``responses.zarr.partial`` with the key of the run, a digest
of all that its values depend on, and a Zarr group that lacks nothing but the chunks of images that
are yet to come. Each is written whole and with a checksum. When the last is there, the group, or
the netCDF4 file made of it, takes its place at ``out`` by one renaming. The folder is locked by the
operating system, which gives the lock back when a run is killed; whenever that is, what lies in the
folder says how far the run had come:

======================  ====================================================
group, no key           it had begun: nothing of it is used
group and key           the chunks that are there, and sound, are used
``finished`` and key    it has to be renamed
key alone               ``out`` is this run's
======================  ====================================================
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from artiphys.atomic_files import why_not_written, writable_folder, written_whole
from artiphys.errors import InputError
from artiphys.responses.storage import WHOLE, open_responses, save_responses
from artiphys_torch.probing.partial_folders import (
    GROUP,
    KEY_FILE,
    LOCK_FILE,
    left_record,
    locked,
    partial_folder,
    there_already,
)

__all__ = ["PartialResults", "partial_results"]

FINISHED, REPLACED = "finished", "replaced"


@contextlib.contextmanager
def partial_results(
    out: str | Path, key: Mapping[str, Any], *, overwrite: bool = False
) -> Iterator["PartialResults"]:
    """Give a run its partial results; they go when it ends well, and stay if it can go on.

    Raises
    ------
    InputError
        As :func:`partial_folder` and :class:`PartialResults`; of the run's, with how to go on.
    KeyboardInterrupt
        Of the run's, with how to go on.
    """
    kept = PartialResults(out, key, overwrite=overwrite)
    try:
        yield kept
    except (KeyboardInterrupt, InputError) as error:
        if not kept.how_to_go_on():
            raise
        msg = f"{str(error) or 'interrupted'}; {kept.how_to_go_on()}"
        raise type(error)(msg) from error
    else:
        kept.remove()
    finally:
        kept.close()


class PartialResults:
    """Finished chunks of a run in a folder, which is that run's alone until it is closed.

    Parameters
    ----------
    out : path
        Where the whole is to be, ``.nc`` or ``.zarr``.
    key : mapping
        All that the values depend on, as JSON takes it.
    overwrite : bool
        Whether what is at `out` may be replaced.

    Attributes
    ----------
    finished : bool
        Whether `out` is this run's, and whole.

    Raises
    ------
    InputError
        If another run is writing there, or has left chunks of another key; if `out` is there
        already; if nothing can be written.
    """

    def __init__(self, out: str | Path, key: Mapping[str, Any], *, overwrite: bool = False) -> None:
        self.folder = partial_folder(out, overwrite=overwrite)
        self._out = Path(out)
        self._group = self.folder / GROUP
        self._ready = self.folder / f"{FINISHED}{self._out.suffix.lower()}"
        text = json.dumps(key, sort_keys=True, default=str)
        self._record = {
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "key": json.loads(text),
        }
        self._array: Any = None
        self._lock = locked(writable_folder(self.folder))
        try:
            self.finished = self._found(overwrite)
        except BaseException:
            self.close()
            raise

    def begin(self, responses: xr.DataArray, n_together: int) -> None:
        """Make ready for the chunks of a response array, all of which may be there already.

        Parameters
        ----------
        responses : xarray.DataArray, (unit, image, position)
            With lazy values that are nowhere used.
        n_together : int
            Images in a chunk.
        """
        import zarr

        if not self._group.exists():
            with written_whole(self._group) as path:
                _write_group(responses, path, n_together)
            with written_whole(self.folder / KEY_FILE) as path:
                path.write_text(json.dumps(self._record, indent=1))
        for path in (self._group / "response").glob("*.partial"):
            path.unlink()  # of a chunk at which a run was killed
        self._array = zarr.open_group(str(self._group), mode="r+")["response"]

    def has(self, images: range) -> bool:
        """Say whether a chunk is there and sound."""
        try:
            values = self._array[:, images.start : images.stop]
        except Exception:  # zarr and its codecs raise of many kinds at what is damaged
            return False
        return bool(np.isfinite(values).all())  # what is not there is NaN, which no response is

    def save(self, images: range, values: np.ndarray) -> None:
        """Write a chunk, (unit, image, position); all of it or nothing."""
        try:
            self._array[:, images.start : images.stop] = values
        except OSError as error:
            raise InputError(why_not_written(self._out, error)) from error

    def finish(self) -> None:
        """Put the whole in its place."""
        if self._ready.suffix == ".zarr":
            self._group.rename(self._ready)
        else:
            save_responses(open_responses(self._group, chunks={}), self._ready)
            shutil.rmtree(self._group)
        self._move()

    def how_to_go_on(self) -> str:
        """Return how to go on, in words; nothing without a finished chunk."""
        if self._has_chunks():
            return f"the same call goes on from what is in {self.folder}"
        return ""

    def remove(self) -> None:
        """Remove the folder."""
        self._empty()
        with contextlib.suppress(OSError):  # where open files cannot go, the lock's own does later
            (self.folder / LOCK_FILE).unlink()
        self._lock.release()
        with contextlib.suppress(OSError):  # another run may have come into it
            self.folder.rmdir()

    def close(self) -> None:
        """Let other runs have the folder; without a finished chunk it goes."""
        if self._lock.is_locked and not self._has_chunks():
            self.remove()
        self._lock.release()

    def _found(self, overwrite: bool) -> bool:
        """Look at what a run before has left, and say whether it was finished."""
        left = left_record(self.folder)
        if left is not None and left != self._record:
            key = self._record["key"]
            differ = [name for name in key if left.get("key", {}).get(name) != key[name]]
            # How the layers are run follows from the others, unless a network does as it likes.
            causes = [name for name in differ if name != "passes"] or differ
            msg = (
                f"{self.folder} is of another run, which differs in {', '.join(causes) or 'all'};"
                " ask for the same again, remove that folder, or choose another out"
            )
            raise InputError(msg)
        is_whole = self._ready.exists()
        if left is not None and not is_whole and not self._group.exists() and self._out.exists():
            return True
        if self._out.exists() and not overwrite:
            raise there_already(self._out)
        if left is not None and is_whole:
            self._move()
            return True
        if left is None or not self._group.exists():
            self._empty()
        return False

    def _move(self) -> None:
        """Move what is finished to `out`; what was there before goes with the folder."""
        old = self.folder / REPLACED
        if not self._out.exists():
            self._ready.rename(self._out)
            return
        _removed(old)
        self._out.rename(old)
        try:
            self._ready.rename(self._out)
        except BaseException:  # Ctrl-C between the two would leave nothing at all
            if not self._out.exists():
                old.rename(self._out)
            raise

    def _empty(self) -> None:
        for path in self.folder.glob("*"):
            if path.name != LOCK_FILE:  # the last to go: until then nobody else begins
                _removed(path)

    def _has_chunks(self) -> bool:
        if self._ready.exists():
            return True
        files = (self._group / "response").glob("[0-9]*")
        return left_record(self.folder) is not None and any(f.suffix != ".partial" for f in files)


def _write_group(responses: xr.DataArray, path: Path, n_together: int) -> None:
    """Write all of a response array but its values, in Zarr's format 2, as save_responses does."""
    import zarr
    from numcodecs import Zstd

    n_units, _, n_positions = responses.shape
    codec = Zstd(level=1, checksum=True)
    old = int(zarr.__version__.partition(".")[0]) < 3
    encoding = {
        "chunks": (n_units, n_together, n_positions),
        **({"compressor": codec} if old else {"compressors": (codec,)}),
    }
    dataset = responses.to_dataset()
    dataset.attrs[WHOLE] = 1
    dataset.to_zarr(
        path,
        mode="w",
        zarr_format=2,
        compute=False,
        write_empty_chunks=True,
        encoding={"response": encoding},
    )


def _removed(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
