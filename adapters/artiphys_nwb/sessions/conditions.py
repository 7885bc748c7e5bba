"""Rows of a table that meet the user's condition, and columns of truth values."""

import contextlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from artiphys.errors import InputError
from artiphys_nwb.errors import LayoutError, RecordingError, TableError
from artiphys_nwb.files.pointers import INDEXED_IMAGES, read_names
from artiphys_nwb.files.tables import Table
from artiphys_nwb.labels import MISSING, labelled, one_label

__all__ = ["Condition", "described", "rows_where", "truth_values"]

Condition = Mapping[str, Any] | str | Callable[[pd.DataFrame], Any]
TRUE, FALSE = {"true", "1", "yes", "y", "t"}, {"false", "0", "no", "n", "f"}


def rows_where(
    table: Table,
    condition: Condition,
    *,
    argument: str,
    known: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """Return which rows meet a condition.

    Parameters
    ----------
    table : Table
    condition : mapping, str or callable
        A mapping from columns to a value, to several of which one must hold, or to a function of
        the column's values; or an expression, as ``pandas.DataFrame.query`` takes it; or a function
        of the table as a DataFrame that returns a boolean for each row.
    argument : str
        Name of the argument, for messages.
    known : mapping of str to array, optional
        Further columns, found elsewhere (``area`` by way of the electrodes).

    Raises
    ------
    InputError
        If the condition is none of these, or does not give a boolean for each row.
    LayoutError
        If it names a column that is not there; the columns are listed.
    """
    known, rows = known or {}, table.n_rows
    if isinstance(condition, Mapping):
        met = np.ones(rows, dtype=bool)
        for name, wanted in condition.items():
            values = _values(table, str(name), known, argument)
            met &= (
                _as_mask(wanted(values), table, argument)
                if callable(wanted)
                else _equals_any(values, wanted)
            )
        return met
    if not (isinstance(condition, str) or callable(condition)):
        msg = (
            f"{argument} must be a mapping from columns to values, an expression or a function of "
            f"the table; got {type(condition).__name__}"
        )
        raise InputError(msg)
    frame = _frame(table, known)
    try:
        result = frame.eval(condition) if isinstance(condition, str) else condition(frame)
    except Exception as error:  # whatever a user's own expression or function may raise
        there = ", ".join(frame.columns)
        msg = (
            f"{table.place}: {argument} fails on this table with {type(error).__name__} "
            f"({' '.join(str(error).split())}); its columns are {there}"
        )
        raise InputError(msg) from error
    return _as_mask(result, table, argument)


def truth_values(table: Table, name: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where a column is true, and where it says neither true nor false.

    Raises
    ------
    TableError
        If it holds anything but truth values, whether booleans, 0 and 1, or words.
    """
    if values.dtype.kind == "b":
        return values, np.zeros(values.shape, dtype=bool)
    words = np.array([label.lower() for label in labelled(values).tolist()], dtype=object)
    different = set(words.tolist())
    strange = sorted(different - TRUE - FALSE - {MISSING})
    if strange:
        msg = (
            f"{table.path}/{name} must be true or false; it holds {', '.join(strange[:5])}; select "
            "by it with trials_where instead"
        )
        raise TableError(msg)
    return np.isin(words, list(TRUE)), words == MISSING


def described(condition: Condition | None) -> Any:
    """Return a condition as provenance can hold it."""
    if condition is None or isinstance(condition, str):
        return condition
    if isinstance(condition, Mapping):
        return {
            str(name): described(wanted) if callable(wanted) else wanted
            for name, wanted in condition.items()
        }
    return getattr(condition, "__qualname__", type(condition).__name__)


def _values(table: Table, name: str, known: Mapping[str, np.ndarray], argument: str) -> np.ndarray:
    if name in table.columns:
        of_images = name == INDEXED_IMAGES
        return read_names(table, name).values if of_images else table.read_plain(name)
    if name in known:
        return known[name]
    there = ", ".join([*table.columns, *(key for key in known if key not in table.columns)])
    msg = f"{table.path} has no column {name!r} for {argument}; the columns are {there}"
    raise LayoutError(msg)


def _equals_any(values: np.ndarray, wanted: Any) -> np.ndarray:
    several = isinstance(wanted, Collection) and not isinstance(wanted, str | bytes)
    options = list(wanted) if several else [wanted]
    if values.dtype.kind == "b" or any(isinstance(option, bool | np.bool_) for option in options):
        as_number = {"True": "1", "False": "0"}
        options = [as_number.get(one_label(option), one_label(option)) for option in options]
        labels = labelled(values)
        return np.isin([as_number.get(label, label) for label in labels.tolist()], options)
    return np.isin(labelled(values), [one_label(option) for option in options])


def _as_mask(result: Any, table: Table, argument: str) -> np.ndarray:
    mask = np.asarray(result)
    if mask.dtype == object and all(isinstance(value, bool | np.bool_) for value in mask.ravel()):
        mask = mask.astype(bool)
    if mask.dtype != bool or mask.shape != (table.n_rows,):
        msg = (
            f"{table.place}: {argument} must give one boolean for each of the {table.n_rows} rows; "
            f"got {mask.dtype} of shape {mask.shape}"
        )
        raise InputError(msg)
    return mask


def _frame(table: Table, known: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return the columns of one value a row, without those of several (spikes, waveforms)."""
    columns = dict(known)
    for name in table.columns:
        shape, rows = getattr(table.group.get(name), "shape", None), table.n_rows
        plain = shape in ((rows,), (rows, 1), (1, rows))
        if plain and f"{name}_index" not in table.group:
            with contextlib.suppress(RecordingError):  # compound: no condition can be put on it
                columns[name] = table.read_plain(name)
    return pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
