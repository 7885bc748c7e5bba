"""What a recording holds, and the layout that would read it where one fits.

Only the first few values of each column are fetched, so that a file can be looked at over HTTP.
"""

import dataclasses
import re
from typing import Any

import h5py
from tabulate import tabulate

from artiphys.errors import InputError
from artiphys_nwb.errors import RecordingError
from artiphys_nwb.files.opening import attribute_text, opened, sources
from artiphys_nwb.files.tables import Table, tables_in
from artiphys_nwb.labels import one_label
from artiphys_nwb.layout import LAYOUTS, Layout, columns_of
from artiphys_nwb.proposing.doubts import doubts_of
from artiphys_nwb.proposing.proposal import Proposal, propose
from artiphys_nwb.sessions.session import session_name

__all__ = ["ColumnDescription", "Description", "TableDescription", "describe_nwb"]

N_SAMPLES = 3


@dataclasses.dataclass(frozen=True)
class ColumnDescription:
    """A column's name, its type as stored, and its first values."""

    name: str
    dtype: str
    sample: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class TableDescription:
    """A table's path, its NWB type, the number of its rows, and its columns."""

    path: str
    kind: str
    n_rows: int
    columns: tuple[ColumnDescription, ...]


@dataclasses.dataclass(frozen=True)
class Description:
    """What a recording holds; as text, a table a person can read.

    `layout` is the proposal, None where none fits; `layout_name` its name in `LAYOUTS`, if it has
    one. `toml` is the layout with what else it might be, as comments; `doubts` what a person should
    look at, `missing` why there is no layout. `n_units` and `n_spikes` are 0 where the file has no
    units.
    """

    file: str
    nwb_version: str
    session: str
    n_units: int
    n_spikes: int
    tables: tuple[TableDescription, ...]
    layout: Layout | None
    layout_name: str | None
    toml: str = ""
    doubts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"{self.file}",
            f"NWB {self.nwb_version}, session {self.session}, {self.n_units} units, "
            f"{self.n_spikes} spikes",
        ]
        for table in self.tables:
            rows = [
                (column.name, column.dtype, ", ".join(column.sample)) for column in table.columns
            ]
            lines += [
                "",
                f"{table.path} ({table.kind or 'table'}, {table.n_rows} rows)",
                tabulate(rows, headers=("column", "dtype", "first values"), disable_numparse=True),
            ]
        if self.layout is None:
            lines += ["", "No layout proposed; what is missing:"]
            return "\n".join([*lines, *(f"- {what}" for what in self.missing)])
        named = f"the preset {self.layout_name!r}" if self.layout_name else "as TOML"
        return "\n".join([*lines, "", f"Proposed layout, {named}:", self.toml.rstrip()])


def describe_nwb(path: Any) -> Description:
    """Return what a recording holds, and a proposal of the layout to read it with.

    Parameters
    ----------
    path : path, URL or open file
        One recording, as for :func:`artiphys_nwb.read_nwb`.

    Returns
    -------
    Description
        Print it. Its `layout` is a proposal from the names of columns, to be checked by a person;
        reading takes nothing for granted.

    Raises
    ------
    RecordingError
        If the file cannot be opened or is not NWB.
    InputError
        If more than one recording is given.
    """
    found = sources(path)
    if len(found) != 1:
        msg = f"describe_nwb takes one recording; got {len(found)}; describe them one by one"
        raise InputError(msg)
    with opened(found[0]) as recording:
        tables = list(tables_in(recording))
        units = [table for table in tables if _holds_units(table)]
        preset, proposal = _proposed(tables, units)
        layout = proposal.layout
        return Description(
            file=recording.name,
            nwb_version=attribute_text(recording.file, "nwb_version"),
            session=session_name(recording, layout or LAYOUTS["v4_position"]),
            n_units=sum(_n_units(table) for table in units),
            n_spikes=sum(_n_spikes(table) for table in units),
            tables=tuple(_describe_table(table) for table in tables),
            layout=layout,
            layout_name=preset,
            toml=proposal.to_toml(),
            doubts=proposal.doubts,
            missing=proposal.missing,
        )


def _describe_table(table: Table) -> TableDescription:
    columns = tuple(_describe_column(table, name) for name in table.columns)
    return TableDescription(table.path, table.kind, table.n_rows, columns)


def _describe_column(table: Table, name: str) -> ColumnDescription:
    try:
        dataset = table.dataset(name)
    except RecordingError:
        return ColumnDescription(name, "a link that leads nowhere", ())
    if dataset is None:  # the timestamps of a regular series
        return ColumnDescription(name, "float64", ())
    if not isinstance(dataset, h5py.Dataset):
        return ColumnDescription(name, "group", tuple(list(dataset)[:N_SAMPLES]))
    ragged = ", ragged" if f"{name}_index" in table.group else ""
    shape = f" × {dataset.shape[1:]}" if len(dataset.shape) > 1 else ""
    return ColumnDescription(name, f"{_kind(dataset)}{shape}{ragged}", _sample(dataset))


def _kind(dataset: h5py.Dataset) -> str:
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return "text"
    if h5py.check_ref_dtype(dataset.dtype) is not None:
        return "reference"
    if h5py.check_enum_dtype(dataset.dtype) is not None:
        return "bool" if dataset.dtype.kind == "b" else "enum"
    return "compound" if dataset.dtype.names else str(dataset.dtype)


def _sample(dataset: h5py.Dataset) -> tuple[str, ...]:
    if not dataset.shape or dataset.dtype.names or h5py.check_ref_dtype(dataset.dtype) is not None:
        return ()
    try:
        first = dataset[:N_SAMPLES]
    except (OSError, RuntimeError, ValueError, TypeError):
        return ("unreadable",)
    if first.ndim > 1:
        return tuple(str(row.ravel()[:N_SAMPLES].tolist()) for row in first)
    return tuple(_short(value) for value in first.tolist())


def _short(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else one_label(value)
    return text if len(text) <= 32 else text[:29] + "..."


def _holds_units(table: Table) -> bool:
    return "spike_times" in table.group or table.kind in ("Units", "BinnedAlignedSpikes")


def _n_units(table: Table) -> int:
    data = table.group.get("data")
    binned = table.kind == "BinnedAlignedSpikes" and isinstance(data, h5py.Dataset)
    return len(data) if binned else table.n_rows


def _n_spikes(table: Table) -> int:
    times = table.group.get("spike_times")
    return int(times.size) if isinstance(times, h5py.Dataset) else 0


def _proposed(tables: list[Table], units: list[Table]) -> tuple[str | None, Proposal]:
    """Return the name of the preset that fits, if one does, and the proposal."""
    shown = [table for table in tables if table not in units and table.n_rows > 0]
    by_path = {table.path: table for table in shown}
    for name, preset in LAYOUTS.items():
        fitting = by_path.get(preset.table)
        if units and fitting is not None and units[0].path == preset.units:
            if _fits(fitting, preset):
                return name, Proposal(preset, {}, {}, doubts_of(fitting, preset), ())
    return None, propose(shown, units[0] if units else None)


def _fits(table: Table, layout: Layout) -> bool:
    there = table.columns
    wanted = [layout.onset, *columns_of(layout.image), *columns_of(layout.position)]
    wanted += columns_of(layout.valid)
    for column in wanted:
        as_pattern = re.escape(column).replace(r"\*", ".+")
        if not any(re.fullmatch(as_pattern, name) for name in there):
            return False
    if layout.pattern is None:
        return True
    text = _first_text(table, columns_of(layout.image)[0])
    return re.search(layout.pattern, text) is not None


def _first_text(table: Table, column: str) -> str:
    sample = _describe_column(table, column).sample
    return sample[0] if sample else ""
