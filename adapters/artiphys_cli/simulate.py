"""``artiphys simulate``: a recording whose truth is known."""

import argparse
from pathlib import Path

from artiphys.atomic_files import written_whole
from artiphys.errors import InputError
from artiphys.responses.storage import save_responses, write_netcdf
from artiphys.simulation import simulate_responses
from artiphys_cli.terminal import say

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "simulate",
        help="a recording whose truth is known",
        description="Simulated spikes of a population in which invariance goes with dynamic range, "
        "or does not.",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the recording: .nc or .zarr"
    )
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="write rates and true quantities here: .nc"
    )
    parser.add_argument(
        "--relation",
        choices=("rectification", "none"),
        default="rectification",
        help="what relates invariance to dynamic range (default: rectification)",
    )
    sizes = (("units", 80), ("images", 60), ("positions", 2), ("sessions", 1))
    for name, default in sizes:
        parser.add_argument(
            f"--n-{name}", type=int, default=default, metavar="N", help=f"(default: {default})"
        )
    parser.add_argument(
        "--repeats",
        type=int,
        nargs="+",
        default=[5],
        metavar="N",
        help="trials in each cell, or the fewest and the most (default: 5)",
    )
    parser.add_argument(
        "--rate", type=float, default=10.0, help="typical rate in spikes/s (default: 10)"
    )
    parser.add_argument(
        "--window", type=float, default=0.2, help="of counting, in seconds (default: 0.2)"
    )
    parser.add_argument(
        "--fano", type=float, default=1.0, help="variance over mean of counts (default: 1, Poisson)"
    )
    parser.add_argument("--area", default="simulated", help="name of the area")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: 0)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write the recording, and its truth where it is asked for."""
    if len(args.repeats) > 2:
        msg = f"--repeats takes one number, or the fewest and the most; got {args.repeats}"
        raise InputError(msg)
    if args.truth is not None and args.truth.suffix != ".nc":
        msg = f"{args.truth}: must end in .nc (netCDF4)"
        raise InputError(msg)
    if args.truth is not None and args.truth.absolute() == args.out.absolute():
        msg = f"{args.truth}: --truth and --out must be different files"
        raise InputError(msg)
    responses, truth = simulate_responses(
        relation=args.relation,
        n_units=args.n_units,
        n_images=args.n_images,
        n_positions=args.n_positions,
        repeats=args.repeats[0] if len(args.repeats) == 1 else tuple(args.repeats),
        rate=args.rate,
        window=args.window,
        fano=args.fano,
        n_sessions=args.n_sessions,
        area=args.area,
        rng=args.seed,
    )
    if args.truth is None:
        save_responses(responses, args.out)
    else:
        with written_whole(args.truth) as partial:  # neither file is there without the other
            write_netcdf(truth, partial)
            save_responses(responses, args.out)
    for path in (args.out, args.truth):
        if path is not None:
            say(f"wrote {path}", quiet=args.quiet)
