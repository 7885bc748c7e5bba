"""Read NWB recordings into the response array."""

try:
    import h5py  # noqa: F401
except ImportError as error:
    msg = "h5py is needed to read NWB files: pip install 'artiphys[nwb]'"
    raise ImportError(msg) from error

from artiphys_nwb.describing import describe_nwb
from artiphys_nwb.errors import RecordingError, RecordingWarning
from artiphys_nwb.layout import LAYOUTS, Layout, load_layout
from artiphys_nwb.reading import read_nwb

__all__ = [
    "LAYOUTS",
    "Layout",
    "RecordingError",
    "RecordingWarning",
    "describe_nwb",
    "load_layout",
    "read_nwb",
]
