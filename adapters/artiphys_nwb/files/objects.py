"""The objects that pynwb makes of an open recording, each when it is asked for.

A part of the file that pynwb cannot build stands so in the way of no other. This module alone loads
pynwb, which takes as long as everything else together: looking at a file does without it.
"""

import warnings
from typing import Any, NamedTuple

import h5py
import pynwb
from hdmf.common import DynamicTable, EnumData, VectorIndex

from artiphys_nwb.errors import FileError

__all__ = ["Objects", "Parts"]


class Parts(NamedTuple):
    """The datasets of a column: its values, its indices from the rows on, and what it numbers."""

    data: Any
    indices: list[Any]
    elements: Any = None


class Objects:
    """The objects of a file; `io` is given where pynwb has it open already."""

    def __init__(self, file: h5py.File, io: pynwb.NWBHDF5IO | None = None) -> None:
        self._file, self._io, self._readable = file, io, True

    def container(self, group: h5py.Group) -> Any:
        """Return what pynwb makes of a group of the file; None if it cannot."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts of the file that are not asked for
            try:
                if self._readable:
                    self._readable = False
                    self._io = self._io or _Lent(file=self._file, mode="r", load_namespaces=True)
                    self._io.read_builder()
                    self._readable = True
                    return self._io.get_container(group)
            except FileError:
                raise  # the connection failed
            except Exception:  # whatever it does not foresee in a file
                return None
        return None

    def parts(self, container: Any, name: str) -> Parts | None:
        """Return the datasets of a column of what pynwb built; None if it has them not."""
        if not isinstance(container, DynamicTable) or name not in ("id", *container.colnames):
            return None
        column: Any = container[name]
        indices = []
        while isinstance(column, VectorIndex):
            indices.append(_on_disk(column.data))
            column = column.target
        elements = _on_disk(column.elements.data) if isinstance(column, EnumData) else None
        data = _on_disk(column.data)
        return Parts(data, indices, elements) if isinstance(data, h5py.Dataset) else None


class _Lent(pynwb.NWBHDF5IO):
    """On a file that whoever opened it will close; older versions would close it when forgotten."""

    def close(self, close_links: bool = True) -> None:
        if close_links:
            self.close_linked_files()


def _on_disk(data: Any) -> Any:
    """Return the HDF5 dataset behind what pynwb holds of it (decoded text, references)."""
    return getattr(data, "dset", getattr(data, "dataset", data))
