"""``artiphys ingest``: NWB recordings into one file of responses."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from artiphys_cli.options import Flag, Overwrite, Quiet, Words

__all__ = ["ingest"]


def ingest(
    files: list[str],
    /,
    *,
    layout: Annotated[str, Parameter(metavar="LAYOUT")],
    window: Annotated[Words, Parameter(metavar="START STOP")] = ("0.05", "0.25"),
    out: Annotated[Path, Parameter(metavar="OUT")],
    counts: Flag = False,
    units_where: Annotated[str | None, Parameter(metavar="EXPR")] = None,
    trials_where: Annotated[str | None, Parameter(metavar="EXPR")] = None,
    join: Annotated[Literal["exact", "outer"], Parameter(metavar="HOW")] = "exact",
    annotate: Annotated[Path | None, Parameter(metavar="COPY")] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Read NWB recordings into one file of responses.

    Counts spikes after each presentation: unit × image × position × trial.

    Parameters
    ----------
    files
        NWB files, Zarr stores, folders, URLs, or names in DANDI: dandi:001357/sub-SP
    layout
        a layout's name or a TOML file; see `artiphys describe`
    window
        seconds from the onset, or auto
    out
        the .nc or .zarr file to write
    counts
        counts instead of spikes/s
    units_where
        the units to keep, e.g. "is_sua == 1"
    trials_where
        the rows to keep, e.g. "rewarded"
    join
        of many files, keep what all share (exact) or everything (outer)
    annotate
        copy the one NWB file here, with what `artiphys signature --table` says of each unit as
        columns of its units: .nwb

    Examples
    --------
    $ artiphys ingest session.nwb --layout lab.toml --out v4.nc
    $ artiphys ingest *.nwb --layout lab.toml --window 0.1 0.3 --out v4.nc
    """
    from artiphys.responses.storage import save_responses
    from artiphys_cli.outputs import check_new
    from artiphys_cli.terminal import beside_a_bar, say, say_written
    from artiphys_nwb import load_layout, read_nwb
    from artiphys_nwb.annotating import annotate_copy, recording_to_copy

    _check_out(out)  # before the reading, which may take long
    check_new([out, *([] if annotate is None else [annotate])], overwrite=overwrite)
    original = annotate and recording_to_copy(files, annotate, load_layout(layout))
    responses = read_nwb(
        files,
        layout,
        window=_window(window),
        rate=not counts,
        units_where=units_where,
        trials_where=trials_where,
        join=join,
        progress=False if quiet else beside_a_bar,
    )
    written = [out]
    if annotate and original:
        from artiphys.signatures.unit_table import unit_table

        annotate_copy(original, annotate, unit_table(responses), load_layout(layout))
        written.insert(0, annotate)
    save_responses(responses, out)
    say(", ".join(f"{size} {dim}s" for dim, size in responses.sizes.items()), quiet=quiet)
    say(_reference(responses.attrs["reference"], load_layout(layout).reference), quiet=quiet)
    say_written(*written, quiet=quiet)


def _reference(label: object, asked: object) -> str:
    """Return which position invariance is measured from, and why that one."""
    why = "as the layout says" if asked is not None else "set reference in the layout for another"
    return f"reference position: {label} ({why})"


def _check_out(path: Path) -> None:
    from artiphys.errors import InputError
    from artiphys.responses.storage import with_known_suffix

    with_known_suffix(path)
    if not path.parent.is_dir():
        msg = f"{path}: the folder {path.parent} does not exist; make it first"
        raise InputError(msg)
    if not os.access(path.parent, os.W_OK):
        msg = f"{path}: no permission to write there; choose another folder"
        raise InputError(msg)


def _window(words: Sequence[str]) -> tuple[float, float] | Literal["auto"]:
    from artiphys.errors import InputError

    if list(words) == ["auto"]:
        return "auto"
    try:
        start, stop = (float(word) for word in words)
    except ValueError as error:
        msg = f"--window takes a start and a stop in seconds, or auto; got {' '.join(words)}"
        raise InputError(msg) from error
    return start, stop
