"""What the commands print and write: readable tables, and files that are whole or not there."""

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
import pandas as pd
import tabulate
import xarray as xr

from artiphys.atomic_files import written_whole
from artiphys.signatures.printed import (
    BEYOND_BOUNDS,
    correlation_text,
    is_marked,
    number_text,
    p_text,
)
from artiphys.signatures.report import LEFT_OUT
from artiphys_cli.options import as_typed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "MAX_VERDICTS",
    "beside_a_bar",
    "correlation_frame",
    "correlation_text",
    "frame_with_bounds",
    "interval_text",
    "number_text",
    "p_text",
    "print_paragraphs",
    "print_prose",
    "print_table",
    "say",
    "say_written",
    "units_texts",
    "wrapped",
    "write_csv",
    "write_figure",
]

MAX_ROWS = 60  # of a table on the terminal
ENDS = 10  # rows shown at either end of a longer one
MAX_VERDICTS = 12  # paragraphs: more prose than that nobody reads; the table has the numbers
PIPE_WIDTH = 80
# Where no line may end: p = 0.04, > 1*, 95 %.
UNBROKEN = re.compile(r"(?<=\bp) (?=[<=])|(?<=[<>=]) (?=[-\d])|(?<=\d) (?=%)")
tabulate.MIN_PADDING = 0  # or columns are two wider than their heads
SHORTEST = 10  # of a name that is shortened in the middle


def frame_with_bounds(result: xr.Dataset, estimate: str) -> pd.DataFrame:
    """Return a result as a table, a row a cell, the bounds of its interval after `estimate`."""
    frame = result.drop_dims("ci_bound").to_dataframe().reset_index()
    interval = result["interval"].transpose(*result[estimate].dims, "ci_bound").values
    at = list(frame.columns).index(estimate) + 1
    for offset, name in enumerate(("ci_lower", "ci_upper")):
        frame.insert(at + offset, name, interval[..., offset].ravel())
    return frame


def correlation_frame(result: xr.Dataset) -> pd.DataFrame:
    """Return rank correlations as a table, a row for each of their cells, one column a bound."""
    frame = frame_with_bounds(result, "spearman")
    n = "n_units" if "n_units" in frame else "n"
    first = [*result["spearman"].dims, "spearman", "ci_lower", "ci_upper", "p_value", n]
    return frame[[*first, *(name for name in frame.columns if name not in first)]]


def print_table(
    frame: pd.DataFrame,
    *,
    quiet: bool = False,
    whole: str = "",
    names: Sequence[str] = (),
    drop: Sequence[str] = (),
    right: Sequence[str] = (),
) -> str:
    """Print a table that fits the terminal, and return its text; nothing when `quiet`.

    Of a long one the first and the last rows, and `whole`, where the others are.

    Parameters
    ----------
    frame : pandas.DataFrame
    quiet : bool
    whole : str
        Where all of it is; without it every row is printed.
    names : sequence of str
        Columns of names, which are shortened in the middle to fit.
    drop : sequence of str
        Columns to leave out, the first first, where that is not enough.
    right : sequence of str
        Columns of numbers that are texts already, to be aligned as numbers are.
    """
    if quiet:
        return ""
    text, right = _texts(frame), [*frame.select_dtypes("number").columns, *right]
    long = bool(whole) and len(frame) > MAX_ROWS
    if long:
        gap = pd.DataFrame([["..."] * len(text.columns)], columns=text.columns)
        text = pd.concat([text.iloc[:ENDS], gap, text.iloc[-ENDS:]])
    text, dropped = _fitted(text, names, drop)
    # Without numparse: tabulate would round texts that look like numbers, position labels say.
    sides = ["right" if name in right else "left" for name in text.columns]
    lines = [
        tabulate.tabulate(
            text, headers="keys", showindex=False, disable_numparse=True, colalign=sides
        )
    ]
    if dropped:
        lines.append(f"not shown, for want of room: {', '.join(dropped)}; {whole}")
    if long:
        lines.append(f"{len(frame) - 2 * ENDS} of {len(frame)} rows are not shown; {whole}")
    print("\n\n".join(lines))
    return lines[0]


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    text = frame.copy().astype(object)
    for name in frame.select_dtypes("floating"):
        text[name] = [number_text(value) for value in frame[name]]
    # A line break in a label would break the row.
    return text.astype(str).map(lambda word: " ".join(word.split()))


def _fitted(
    text: pd.DataFrame, names: Sequence[str], drop: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return a table no wider than the terminal, if that can be, and the columns it lost."""
    dropped: list[str] = []
    while True:
        fitted = _shortened(text, [name for name in names if name in text])
        left = [name for name in drop if name in text]
        if _width(fitted) <= _columns(sys.stdout) or not left:
            return fitted, dropped
        text = text.drop(columns=left[0])
        dropped.append(left[0])


def _shortened(text: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the table with its widest names shortened, as long as it is too wide.

    Names that differ stay different: such a column is left wider.
    """
    text, whole, names = text.copy(), text, list(names)
    while names and _width(text) > _columns(sys.stdout):
        widest = max(names, key=lambda name: _column_width(text, name))
        width = _column_width(text, widest) - 1
        shorter = whole[widest].map(lambda word, width=width: _middle_out(word, width))
        if width < max(SHORTEST, len(widest)) or shorter.nunique() < whole[widest].nunique():
            names.remove(widest)
        else:
            text[widest] = shorter
    return text


def _middle_out(word: str, width: int) -> str:
    """Return ``features...expand3x3``: more of the end, where names of layers differ."""
    if len(word) <= width:
        return word
    start = (width - 3) // 3
    return f"{word[:start]}...{word[len(word) - (width - 3 - start) :]}"


def _width(text: pd.DataFrame) -> int:
    return sum(_column_width(text, name) for name in text) + 2 * (len(text.columns) - 1)


def _column_width(text: pd.DataFrame, name: str) -> int:
    return max(len(name), *map(len, text[name])) if len(text) else len(name)


def _columns(stream: TextIO) -> int:
    """Return the width of a terminal; of a pipe or a file 80."""
    return shutil.get_terminal_size().columns if stream.isatty() else PIPE_WIDTH


def print_prose(text: str, *, quiet: bool = False, to: TextIO | None = None) -> None:
    """Print a paragraph after an empty line, wrapped at words; nothing when `quiet`."""
    stream = to or sys.stdout
    if not quiet:
        print(f"\n{wrapped(text, stream)}", file=stream)


def print_paragraphs(texts: Sequence[str], *, printed: str = "", quiet: bool = False) -> None:
    """Print a verdict below its table, and what a mark in either means; nothing when `quiet`."""
    marked = any(map(is_marked, [printed, *texts]))
    for text in [*texts, BEYOND_BOUNDS] if marked else texts:
        print_prose(as_typed(text), quiet=quiet)


def wrapped(text: str, stream: TextIO) -> str:
    """Return text with its lines wrapped at words to the width of a terminal, of a pipe 80."""
    width = _columns(stream)
    lines = [
        textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        for line in UNBROKEN.sub("\0", text).split("\n")
    ]
    return "\n".join(lines).replace("\0", " ")


def units_texts(frame: pd.DataFrame) -> list[str]:
    """Return ``23 of 58`` for each row of rank correlations, or ``58`` where they are all."""
    n_out = frame[[name for name in LEFT_OUT if name in frame]].sum(axis=1)
    pairs = zip(frame["n_units"].astype(int), n_out.astype(int), strict=True)
    return [f"{n} of {n + out}" if out else str(n) for n, out in pairs]


def interval_text(lower: float, upper: float, *, limit: int = 1) -> str:
    """Return an interval as ``[0.61, 0.74]``."""
    if np.isnan(lower):
        return "-"
    return f"[{correlation_text(lower, limit=limit)}, {correlation_text(upper, limit=limit)}]"


def say(line: str, *, quiet: bool = False) -> None:
    """Print a line that is not a result, so that results can be piped on; nothing when `quiet`."""
    if not quiet:
        print(line, file=sys.stderr)


def beside_a_bar(line: str) -> None:
    """Print a line as :func:`say` does, above the bar where one is shown."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def say_written(*paths: Path, quiet: bool = False) -> None:
    """Say what was written, one line a file; nothing when `quiet`."""
    for path in paths:
        say(f"wrote {path}", quiet=quiet)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV."""
    with written_whole(path) as partial:
        frame.to_csv(partial, index=False)


def write_figure(figure: "Figure", path: Path) -> None:
    """Write a figure in the format that the suffix of `path` names."""
    with written_whole(path) as partial:
        figure.savefig(partial, format=path.suffix.removeprefix("."))
