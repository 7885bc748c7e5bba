"""The unit table of a page: all of it to download, the first rows of it to read."""

import base64
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, NamedTuple

import pandas as pd

__all__ = ["MAX_ROWS", "UnitTable", "number_shown", "table_of"]

HALF_UP = Context(prec=3, rounding=ROUND_HALF_UP)  # as browsers round; Python rounds to even
MAX_ROWS = 200  # shown at once; the page shows more when asked, and sorts all of them


class UnitTable(NamedTuple):
    """A table as a page has it."""

    columns: list[tuple[str, bool]]  # name, whether it holds numbers
    rows: list[list[str]]  # the first ones, as they are shown
    n_rows: int
    csv: str  # base64 of the CSV, in UTF-8


def table_of(table: pd.DataFrame) -> UnitTable:
    """Return a table from :func:`artiphys.unit_table` for a page."""
    numbers = [
        pd.api.types.is_numeric_dtype(table[name]) and table[name].dtype != bool for name in table
    ]
    head = table.head(MAX_ROWS)
    shown = [
        [
            number_shown(value) if is_number else _text(value)
            for value, is_number in zip(row, numbers, strict=True)
        ]
        for row in head.itertuples(index=False, name=None)
    ]
    csv = table.to_csv(index=False).encode()
    columns = list(zip(map(str, table.columns), numbers, strict=True))
    return UnitTable(columns, shown, len(table), base64.b64encode(csv).decode())


def number_shown(value: Any) -> str:
    """Return a number with three digits; the page's script spells it alike.

    Examples
    --------
    >>> [number_shown(v) for v in (19.0, 0.12345, 12345.6, -2.5e-5, float("nan"), float("inf"))]
    ['19', '0.123', '12346', '−2.50e−05', '', '∞']
    """
    value = float(value)
    if value != value:
        return ""
    size = abs(value)
    if size == float("inf"):
        text = "∞"
    elif (size.is_integer() or size >= 999.5) and size < 1e15:
        text = str(Decimal(size).to_integral_value(ROUND_HALF_UP))
    else:
        digits = float(HALF_UP.create_decimal(Decimal(size)))
        text = f"{digits:#.3g}".rstrip(".") if 1e-3 <= size < 999.5 else f"{digits:.2e}"
    return ("−" if value < 0 else "") + text.replace("e-", "e−").replace("e+", "e")


def _text(value: Any) -> str:
    """Return a label as the CSV has it."""
    if isinstance(value, float) and value != value:
        return ""
    return str(value)
