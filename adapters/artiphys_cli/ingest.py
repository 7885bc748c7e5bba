"""``artiphys ingest``: NWB recordings into one file of responses."""

import argparse
import os
from pathlib import Path
from typing import Literal

from artiphys.errors import InputError
from artiphys.responses.storage import save_responses, with_known_suffix
from artiphys_cli.terminal import say

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "ingest",
        help="NWB recordings into one file of responses",
        description="Counts spikes after each presentation: unit × image × position × trial.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="NWB files, folders or URLs")
    parser.add_argument(
        "--layout", required=True, help="a layout's name or a TOML file; see `artiphys describe`"
    )
    parser.add_argument(
        "--window",
        nargs="+",
        default=["0.05", "0.25"],
        metavar=("START", "STOP"),
        help="seconds from the onset, or auto (default: 0.05 0.25)",
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="OUT", help="the .nc or .zarr file to write"
    )
    parser.add_argument("--counts", action="store_true", help="counts instead of spikes/s")
    parser.add_argument(
        "--units-where", metavar="EXPR", help='the units to keep, e.g. "is_sua == 1"'
    )
    parser.add_argument("--trials-where", metavar="EXPR", help='the rows to keep, e.g. "rewarded"')
    parser.add_argument(
        "--join",
        choices=("exact", "outer"),
        default="exact",
        metavar="HOW",
        help="of many files, keep what all share (exact) or everything (outer); default: exact",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Read, write, and say what was read and what was left out."""
    from artiphys_nwb import read_nwb

    _check_out(args.out)  # before the reading, which may take long
    responses = read_nwb(
        args.files,
        args.layout,
        window=_window(args.window),
        rate=not args.counts,
        units_where=args.units_where,
        trials_where=args.trials_where,
        join=args.join,
        progress=lambda line: say(line, quiet=args.quiet),
    )
    save_responses(responses, args.out)
    sizes = ", ".join(f"{size} {dim}s" for dim, size in responses.sizes.items())
    say(f"{args.out}: {sizes}", quiet=args.quiet)


def _check_out(path: Path) -> None:
    with_known_suffix(path)
    if not path.parent.is_dir():
        msg = f"{path}: the folder {path.parent} does not exist; make it first"
        raise InputError(msg)
    if not os.access(path.parent, os.W_OK):
        msg = f"{path}: no permission to write there; choose another folder"
        raise InputError(msg)


def _window(words: list[str]) -> tuple[float, float] | Literal["auto"]:
    if words == ["auto"]:
        return "auto"
    try:
        start, stop = (float(word) for word in words)
    except ValueError as error:
        msg = f"--window takes a start and a stop in seconds, or auto; got {' '.join(words)}"
        raise InputError(msg) from error
    return start, stop
