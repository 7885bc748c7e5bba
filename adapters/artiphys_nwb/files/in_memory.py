"""An ``NWBFile`` that is in no file of HDF5, as one in memory.

So that what was just made, or changed, is read and checked as every other recording is.
"""

from typing import Any

import h5py
import numpy as np

from artiphys_nwb.errors import FileError
from artiphys_nwb.files.memory import is_needed, new_file

__all__ = ["as_hdf5"]


def as_hdf5(recording: Any, io: Any = None) -> h5py.File:
    """Return a ``pynwb.NWBFile`` as an HDF5 file in memory, for the caller to close.

    Parameters
    ----------
    recording : pynwb.NWBFile
        Left as it is: it can still be written elsewhere.
    io : hdmf.backends.io.HDMFIO, optional
        With which it was read.

    Raises
    ------
    FileError
        If pynwb cannot write it.
    """
    import pynwb
    from hdmf.build import BuildManager

    manager = pynwb.get_manager() if io is None else BuildManager(io.manager.type_map)
    with new_file() as file:
        try:
            # As for an export, which does not tie the objects to a file.
            builder = manager.build(recording, source="in memory", root=True, export=True)
            _leave_out(builder)
            with pynwb.NWBHDF5IO(file=file, mode="w", manager=manager) as writer:
                writer.write_builder(builder, link_data=False)
                file.flush()
                image = file.id.get_file_image()
        except Exception as error:  # whatever pynwb does not foresee
            why = " ".join(str(error).split()) or type(error).__name__
            msg = f"pynwb cannot write it, so that it cannot be read; mend it first ({why})"
            raise FileError(msg) from error
    return h5py.File(h5py.h5f.open_file_image(image))


def _leave_out(group: Any) -> None:
    """Empty the arrays of a group and those below that are not needed, and may be very long."""
    for dataset in group.datasets.values():
        if not is_needed(_n_bytes(dataset.data), group.attributes):
            dataset["data"] = np.empty((0,) * max(1, np.ndim(dataset.data)))
    for below in group.groups.values():
        _leave_out(below)


def _n_bytes(data: Any) -> float:
    """Return the size of what a dataset is to be made of; without end what is made bit by bit."""
    data = getattr(data, "data", data) if hasattr(data, "io_settings") else data
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        return float(np.prod(data.shape)) * getattr(data.dtype, "itemsize", 8)
    if hasattr(data, "__next__"):
        return float("inf")
    return 8.0 * np.size(data) if isinstance(data, list | tuple) else 0.0
