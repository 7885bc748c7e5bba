"""What the numbers of a column stand for, where the file says it.

The row that a ``DynamicTableRegion`` points to, the label of a
``LabeledEvents``, the meaning in a ``MeaningsTable``, the image of an ``IndexSeries``: the numbers
themselves differ from one session to the next.
"""

import contextlib
import dataclasses
from typing import Any

import h5py
import numpy as np

from artiphys_nwb.errors import RecordingError, TableError
from artiphys_nwb.files.datasets import DAMAGE, Column
from artiphys_nwb.files.tables import Table
from artiphys_nwb.labels import decoded, labelled

__all__ = ["INDEXED_IMAGES", "read_names"]

INDEXED_IMAGES = "indexed_images"


def read_names(table: Table, name: str) -> Column:
    """Return a column with names in the place of numbers, as it is where they stand for nothing.

    Raises
    ------
    TableError, FileError
        As :meth:`Table.read`; or if a number goes beyond what it points to.
    """
    if name == INDEXED_IMAGES:
        return Column(_names_of_indexed_images(table))
    column = table.read(name)
    names = _names_of_rows(table, name)
    if names is None:
        names = _event_labels(table, name)
    if names is not None:
        values = _names_at(column.values, names, f"{table.path}/{name}")
        return Column(values, column.bounds)
    meanings = _meanings(table, name)
    if meanings is None:
        return column
    labels = labelled(column.values)
    values = np.array([meanings.get(label, label) for label in labels.ravel()], dtype=object)
    return Column(values.reshape(labels.shape), column.bounds)


def _names_of_indexed_images(table: Table) -> np.ndarray:
    """Return the name of the image that each sample of an ``IndexSeries`` numbers."""
    numbers = table.read_plain("data")
    images = getattr(table.container, "indexed_images", None)
    ordered = getattr(images, "order_of_images", None)
    if ordered is None:
        msg = (
            f"{table.path} has no indexed_images with an order_of_images, so that its numbers have "
            "no names; set image to 'data' in the layout"
        )
        raise TableError(msg)
    names = np.array([*(image.name for image in ordered.data[:]), ""], dtype=object)
    if numbers.dtype.kind not in "iu" or (len(numbers) and int(numbers.max()) >= len(names) - 1):
        msg = (
            f"{table.path}/data must number the {len(names) - 1} images of "
            f"{table.path}/indexed_images/order_of_images; it goes beyond"
        )
        raise TableError(msg)
    return names[np.maximum(numbers.astype(np.int64), -1)]


def _names_at(numbers: np.ndarray, names: list[str], place: str) -> np.ndarray:
    """Return the name that each number points to; none where it is -1."""
    whole = numbers.dtype.kind in "iu" or (
        numbers.dtype.kind == "f" and bool((numbers == np.floor(numbers)).all())
    )
    if not whole or (numbers.size and (numbers.min() < -1 or numbers.max() >= len(names))):
        msg = f"{place} must point to one of {len(names)} rows; it goes beyond; write it again"
        raise TableError(msg)
    return np.array([*names, ""], dtype=object)[numbers.astype(np.int64)]


def _names_of_rows(table: Table, name: str) -> list[str] | None:
    """Return what the rows are called that a ``DynamicTableRegion`` points to; None for others."""
    dataset = table.dataset(name)
    if not isinstance(dataset, h5py.Dataset) or not isinstance(
        dataset.attrs.get("table"), h5py.Reference
    ):
        return None
    try:
        group = dataset.file[dataset.attrs["table"]]
    except DAMAGE as error:
        msg = f"{table.path}/{name} points to rows of a table that is not there; write it again"
        raise TableError(msg) from error
    return _row_names(_beside(table, group))


def _row_names(table: Table) -> list[str]:
    """Return a name for each row: a text that tells them apart, else all they hold, else ids.

    An id is what a session happened to give a row, so it comes last.
    """
    plain: dict[str, np.ndarray] = {}
    for name in table.columns:
        if name != "id":
            with contextlib.suppress(RecordingError):
                plain[name] = table.read_plain(name)
    texts = [labelled(values) for values in plain.values() if values.dtype.kind in "OSU"]
    every = [labelled(values) for values in plain.values()]
    joined = [np.array(["|".join(row) for row in zip(*every, strict=True)], dtype=object)]
    for labels in (*texts, *every, *joined):
        if len(labels) == table.n_rows and len(set(labels.tolist())) == table.n_rows:
            return [str(label) for label in labels.tolist()]
    ids = table.read_plain("id") if "id" in table.group else np.arange(table.n_rows)
    return [str(label) for label in labelled(ids).tolist()]


def _beside(table: Table, group: h5py.Group) -> Table:
    """Return another table of the same recording."""
    return dataclasses.replace(table, path=str(group.name), group=group)


def _event_labels(table: Table, name: str) -> list[str] | None:
    """Return the labels that the numbers of a ``LabeledEvents`` stand for; None for others."""
    dataset = table.dataset(name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "iu":
        return None
    for of_labels in (dataset.attrs.get("labels"), table.group.attrs.get(f"{name}__labels")):
        if isinstance(of_labels, np.ndarray) and of_labels.dtype.kind in "OSU":
            return [decoded(label) for label in of_labels.ravel().tolist()]
    return None


def _meanings(table: Table, name: str) -> dict[str, str] | None:
    """Return what the values of a column mean by its ``MeaningsTable``, if it tells them apart."""
    dataset = table.dataset(name)
    group: Any = None
    if isinstance(dataset, h5py.Dataset) and isinstance(
        dataset.attrs.get("meanings"), h5py.Reference
    ):
        group = dataset.file[dataset.attrs["meanings"]]
    for place in (f"meanings_tables/{name}_meanings", f"{name}_meanings"):
        group = group or table.dataset(place)
    if not isinstance(group, h5py.Group) or not {"value", "meaning"} <= set(group):
        return None
    of_values = _beside(table, group)
    values, meanings = (labelled(of_values.read_plain(key)) for key in ("value", "meaning"))
    told = dict(zip(values.tolist(), meanings.tolist(), strict=True))
    return told if len(set(told.values())) == len(told) else None
