"""What was measured of each unit, as columns of the units in a copy of the recording.

So that whatever else a laboratory looks at its recordings with can sort and colour by them.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from artiphys.atomic_files import with_suffix, written_whole
from artiphys.errors import InputError, listed
from artiphys_nwb.errors import FileError
from artiphys_nwb.labels import labelled
from artiphys_nwb.layout import Layout

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["annotate_copy", "recording_to_copy"]

# Columns of `artiphys.unit_table` that do not depend on the position.
OF_UNITS = {
    "dynamic_range": "variance across images at the reference position",
    "mean_response": "over all images and positions",
    "n_repeats": "over all images and positions",
}
OF_POSITIONS = {
    "invariance": "correlation across images with the reference position",
    "fisher_z": "Fisher z of the invariance",
    "noise_error": "standard error that trial noise gives the invariance",
    "signal_to_noise": "of a single trial",
    "n_images": "measured here and at the reference position",
    "used": "whether the signature uses the unit here",
    "why_not": "why the signature does not use the unit here",
}


class _Column(NamedTuple):
    name: str
    description: str
    values: np.ndarray  # one for each row of the table of units


def recording_to_copy(files: list[str], copy: Path, layout: Layout) -> Path:
    """Return the recording of which a copy is to be annotated, before it is read.

    Raises
    ------
    InputError
        If there are several, it is no file of HDF5 here, or the copy would take its place.
    """
    with_suffix(copy, ".nwb")
    if not copy.parent.is_dir():
        msg = f"{copy}: the folder {copy.parent} does not exist; make it first"
        raise InputError(msg)
    if len(files) != 1 or "*" in layout.units:
        msg = f"{copy}: one session in one file can be annotated; name one recording at a time"
        raise InputError(msg)
    path = Path(files[0])
    if not path.is_file():
        msg = f"{files[0]}: not a file that can be copied and annotated; download it first"
        raise InputError(msg)
    if copy.exists() and os.path.samefile(path, copy):
        msg = f"{copy}: the recording itself; name another file for the copy"
        raise InputError(msg)
    return path


def annotate_copy(path: Path, copy: Path, table: "pd.DataFrame", layout: Layout) -> None:
    """Copy a recording, with the columns of :func:`artiphys.unit_table` on its units.

    What depends on the position is a column for each, ``invariance_at_1``. Units that are not in
    the table have NaN, ``False`` and empty text.

    Parameters
    ----------
    path : Path
        The recording that the table is of: HDF5, one session.
    copy : Path
        Ends in ``.nwb``. An existing file is replaced; it is there whole, or as it was.
    table : pandas.DataFrame
        As :func:`artiphys.unit_table` returns it, the units named ``session/id``.
    layout : Layout
        That `path` was read with.

    Raises
    ------
    InputError
        If the units have columns of these names already, or the table is of other units.
    FileError
        If pynwb cannot build the table of units.
    """
    import pynwb
    from hdmf.common import VectorData

    with written_whole(with_suffix(copy, ".nwb")) as partial:
        shutil.copyfile(path, partial)
        with pynwb.NWBHDF5IO(str(partial), "a") as io:
            file = io.read()
            units = _units(io, path, layout.units)
            columns = list(_columns(path, table, _rows(path, units, table), len(units)))
            _check_new(path, units, [column.name for column in columns])
            for name, description, values in columns:
                data: Any = values.tolist() if values.dtype == object else values
                units.add_column(name=name, description=description, data=data, col_cls=VectorData)
            io.write(file)


def _units(io: Any, path: Path, place: str) -> Any:
    group = io._file.get(place)
    if group is None:
        msg = f"{path}: no units at {place}; name them in the layout"
        raise FileError(msg)
    try:
        units = io.get_container(group)
    except Exception as error:  # whatever pynwb does not foresee in a file
        msg = f"{path}: pynwb cannot build {place}, so that it cannot be annotated ({error})"
        raise FileError(" ".join(msg.split())) from error
    if not hasattr(units, "add_column"):
        msg = f"{path}: {place} is no table, so that it cannot be annotated"
        raise FileError(msg)
    return units


def _rows(path: Path, units: Any, table: "pd.DataFrame") -> dict[str, int]:
    """Return the row of each unit in the table of units: by its id, or where ids repeat its row."""
    ids = labelled(np.asarray(units.id[:])).tolist()
    if len(set(ids)) < len(ids) or "" in ids:
        ids = [str(row) for row in range(len(units))]
    row_of = {label: row for row, label in enumerate(ids)}
    names = dict.fromkeys(table["unit"].astype(str))
    rows = {name: row_of.get(name.rsplit("/", 1)[-1], -1) for name in names}
    if -1 in rows.values():
        strange = listed([name for name, row in rows.items() if row < 0], "units")
        msg = f"{path}: has no units of these names: {strange}; give the recording they are from"
        raise InputError(msg)
    return rows


def _columns(
    path: Path, table: "pd.DataFrame", rows: dict[str, int], n_rows: int
) -> Iterator[_Column]:
    if not len(table):
        msg = f"{path}: shown at one position only; nothing is measured that could be written"
        raise InputError(msg)
    for place, part in table.groupby("position", sort=False):
        at = np.array([rows[name] for name in part["unit"].astype(str)])
        if place == table["position"].iloc[0]:
            for name, what in OF_UNITS.items():
                yield _Column(name, f"{what} (artiphys)", _spread(part[name], at, n_rows))
        for name, what in OF_POSITIONS.items():
            yield _Column(
                f"{name}_at_{place}".replace("/", "_"),
                f"{what}, at position {place} (artiphys)",
                _spread(part[name], at, n_rows),
            )


def _spread(column: "pd.Series", at: np.ndarray, n_rows: int) -> np.ndarray:
    """Return a column with each value in its unit's row, and elsewhere what stands for none."""
    values = column.to_numpy()
    if values.dtype.kind in "iuf":
        spread = np.full(n_rows, np.nan)
    elif values.dtype.kind == "b":
        spread = np.zeros(n_rows, dtype=bool)
    else:
        spread = np.full(n_rows, "", dtype=object)
        values = values.astype(str)
    spread[at] = values
    return spread


def _check_new(path: Path, units: Any, names: list[str]) -> None:
    there = [name for name in names if name in units.colnames]
    if there:
        msg = f"{path}: its units have columns {listed(there)} already; annotate another copy"
        raise InputError(msg)
