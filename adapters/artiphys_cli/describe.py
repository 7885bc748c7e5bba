"""``artiphys describe``: what a recording holds, and the layout that would read it."""

import argparse

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "describe",
        help="what an NWB file holds, and the layout that would read it",
        description="Tables, columns and units of an NWB file, and the layout proposed for it.",
    )
    parser.add_argument("file", metavar="FILE", help="an NWB file or its URL")
    parser.add_argument(
        "--layout-only",
        action="store_true",
        help="print the proposed layout alone, as TOML for `artiphys ingest --layout`",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the description, or only the layout it proposes."""
    from artiphys_nwb import describe_nwb
    from artiphys_nwb.errors import LayoutError

    description = describe_nwb(args.file)
    if not args.layout_only:
        if not args.quiet:
            print(description)
    elif description.layout is None:
        msg = f"{description.file}: no layout to propose; no table says images and onsets"
        raise LayoutError(msg)
    else:
        print(description.layout.to_toml(), end="")
