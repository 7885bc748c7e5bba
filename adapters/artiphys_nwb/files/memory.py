"""Files of HDF5 in memory, for recordings of other backends, and what of these is put there."""

import uuid
from collections.abc import Mapping
from typing import Any

import h5py

__all__ = ["EVENTS", "is_needed", "new_file"]

SMALL = 2**20  # bytes: below it nothing is worth asking
# Series whose samples are events or counts of them, so that they can be read as tables.
EVENTS = {
    "IndexSeries",
    "BinnedAlignedSpikes",
    "AnnotationSeries",
    "IntervalSeries",
    "LabeledEvents",
}


def new_file(libver: tuple[str, str] | None = None) -> h5py.File:
    """Return a new file in memory; by its name HDF5 would take two for one that is open twice."""
    return h5py.File(uuid.uuid4().hex, "w", driver="core", backing_store=False, libver=libver)


def is_needed(n_bytes: float, attrs_of_group: Mapping[str, Any]) -> bool:
    """Return whether an array may be asked for: columns and events, and whatever is small.

    Voltages, movies and the like are larger than memory, and never read here.
    """
    kind = attrs_of_group.get("neurodata_type")
    return n_bytes <= SMALL or "colnames" in attrs_of_group or kind in EVENTS
