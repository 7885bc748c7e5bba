"""What the commands print and write: readable tables, and files that are whole or not there."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from tabulate import tabulate

from artiphys.atomic_files import written_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "correlation_frame",
    "interval_text",
    "number_text",
    "p_text",
    "print_table",
    "say",
    "write_csv",
    "write_figure",
]

MAX_ROWS = 60  # of a table on the terminal
ENDS = 10  # rows shown at either end of a longer one


def correlation_frame(result: xr.Dataset) -> pd.DataFrame:
    """Return rank correlations as a table, a row for each of their cells, one column a bound."""
    frame = result.drop_dims("ci_bound").to_dataframe().reset_index()
    interval = result["interval"].transpose(*result["spearman"].dims, "ci_bound").values
    frame["ci_lower"], frame["ci_upper"] = interval.reshape(-1, 2).T
    n = "n_units" if "n_units" in frame else "n"
    first = [*result["spearman"].dims, "spearman", "ci_lower", "ci_upper", "p_value", n]
    return frame[[*first, *(name for name in frame.columns if name not in first)]]


def print_table(frame: pd.DataFrame, *, quiet: bool = False, whole: str = "") -> None:
    """Print a table on the terminal; nothing when `quiet`.

    Of a long one the first and the last rows, and `whole`, where the others are.
    """
    if quiet:
        return
    if whole and len(frame) > MAX_ROWS:
        n_left_out = len(frame) - 2 * ENDS
        _print_rows(pd.concat([frame.iloc[:ENDS], frame.iloc[-ENDS:]]), break_at=ENDS)
        print(f"\n{n_left_out} of {len(frame)} rows are not shown; {whole}")
    else:
        _print_rows(frame)


def _print_rows(frame: pd.DataFrame, *, break_at: int | None = None) -> None:
    numbers = frame.select_dtypes("number").columns
    text = frame.copy().astype(object)
    for name in frame.select_dtypes("floating"):
        text[name] = [number_text(value) for value in frame[name]]
    # Without numparse: tabulate would round texts that look like numbers, position labels say.
    sides = ["right" if name in numbers else "left" for name in frame.columns]
    if break_at is not None:
        gap = pd.DataFrame([["..."] * len(text.columns)], columns=text.columns)
        text = pd.concat([text.iloc[:break_at], gap, text.iloc[break_at:]])
    print(tabulate(text, headers="keys", showindex=False, disable_numparse=True, colalign=sides))


def p_text(p_value: float) -> str:
    """Return a p-value as a paper prints it."""
    if np.isnan(p_value):
        return "-"
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def number_text(value: float) -> str:
    """Return a correlation as ``0.61``."""
    return "-" if np.isnan(value) else f"{value:.2f}"


def interval_text(lower: float, upper: float) -> str:
    """Return an interval as ``[0.61, 0.74]``."""
    return "-" if np.isnan(lower) else f"[{number_text(lower)}, {number_text(upper)}]"


def say(line: str, *, quiet: bool = False) -> None:
    """Print a line that is not a result, so that results can be piped on; nothing when `quiet`."""
    if not quiet:
        print(line, file=sys.stderr)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV."""
    with written_whole(path) as partial:
        frame.to_csv(partial, index=False)


def write_figure(figure: "Figure", path: Path) -> None:
    """Write a figure in the format that the suffix of `path` names."""
    with written_whole(path) as partial:
        figure.savefig(partial, format=path.suffix.removeprefix("."))
