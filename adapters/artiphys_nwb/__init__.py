"""Read NWB recordings into the response array, and write them."""

import importlib.util

try:
    import h5py  # noqa: F401

    if importlib.util.find_spec("pynwb") is None:  # loaded where it is first needed, for it is slow
        raise ModuleNotFoundError(name="pynwb")
except ImportError as error:
    from artiphys.errors import to_install

    msg = f"{error.name} is needed to read NWB files: {to_install('nwb')}"
    raise ImportError(msg, name=error.name) from error

from artiphys_nwb.aligning import read_spikes
from artiphys_nwb.describing import describe_nwb
from artiphys_nwb.errors import RecordingError, RecordingWarning
from artiphys_nwb.layout import LAYOUTS, Layout, load_layout
from artiphys_nwb.reading import read_nwb
from artiphys_nwb.writing import write_nwb

__all__ = [
    "LAYOUTS",
    "Layout",
    "RecordingError",
    "RecordingWarning",
    "describe_nwb",
    "load_layout",
    "read_nwb",
    "read_spikes",
    "write_nwb",
]
