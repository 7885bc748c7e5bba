"""``artiphys signature``: how invariance goes with dynamic range, from files of responses."""

import argparse
import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from artiphys.correlations.spearman import fisher_z
from artiphys.errors import InputError
from artiphys.estimators.dynamic_range import dynamic_range, invariance
from artiphys.responses.storage import open_responses
from artiphys.signatures.report import verdict
from artiphys.signatures.signature import signature
from artiphys_cli.position_labels import position_label
from artiphys_cli.staging import written_together
from artiphys_cli.terminal import (
    add_resampling_arguments,
    as_typed,
    correlation_frame,
    interval_text,
    p_text,
    print_table,
    say,
    write_csv,
    write_figure,
)

__all__ = ["add_parser", "run"]

MAX_PANELS = 30  # of a figure: beyond it nobody can read them
MAX_VERDICTS = 12


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "signature",
        help="how invariance goes with dynamic range, from files of responses",
        description="Spearman's correlation r_s of units' invariance with their dynamic range, for"
        " each group of units and each position. With trials, free of what noise makes of it.",
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help=".nc or .zarr of responses"
    )
    parser.add_argument(
        "--by", default="area", metavar="COORD", help="what groups the units (default: area)"
    )
    parser.add_argument(
        "--reference",
        metavar="LABEL",
        help="the reference position, or best: each unit's own (default: the file's)",
    )
    parser.add_argument(
        "--noise",
        choices=("auto", "none", "corrected", "split"),
        default="auto",
        metavar="HOW",
        help="how trial noise is taken off: auto, none, corrected or split (default: auto)",
    )
    parser.add_argument(
        "--resample",
        nargs="+",
        default=["unit"],
        metavar="DIM",
        help="what the intervals are over: unit, image unit, or session unit (default: unit)",
    )
    parser.add_argument(
        "--covariates",
        nargs="+",
        default=[],
        metavar="COORD",
        help="what is held constant: numbers along the units, or mean_response, signal_to_noise, "
        "n_repeats",
    )
    add_resampling_arguments(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write signature.csv and the figures here"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the table of each file; with ``--out``, write it and a figure a file."""
    with nullcontext() if args.out is None else written_together(args.out) as out:
        frame, verdicts = _measured(args, out)
    table = _for_reading(frame, args.by, several=len(args.files) > 1)
    where = "add --out DIR for all" if args.out is None else f"all are in {args.out}/signature.csv"
    print_table(table, quiet=args.quiet, whole=where)
    if len(frame) <= MAX_VERDICTS:  # more prose than that nobody reads; the table has the numbers
        for words in verdicts:
            if not args.quiet:
                print(f"\n{as_typed(words)}")


def _measured(args: argparse.Namespace, out: Path | None) -> tuple[pd.DataFrame, list[str]]:
    """Return the table of all files and the verdicts, written to `out` where there is one."""
    names = _names(args.files)
    noise = None if args.noise == "none" else args.noise
    frames, verdicts = [], []
    for path, name in zip(args.files, names, strict=True):
        responses = open_responses(path)
        reference = _label(args.reference, responses["position"].values.tolist())
        result = _signature_of_file(
            path,
            responses,
            by=args.by,
            reference=reference,
            noise=noise,
            resample=tuple(args.resample),
            covariates=tuple(args.covariates),
            n_resamples=args.n_resamples,
            level=args.level,
            rng=args.seed,
        )
        frames.append(correlation_frame(result).assign(file=str(path)))
        if "trial" in responses.dims:
            verdicts.append(verdict(result))
        if out is not None and result.sizes[args.by] > MAX_PANELS:
            why = f"{result.sizes[args.by]} groups are too many to be read, at most {MAX_PANELS}"
            say(f"{path}: no figure: {why}", quiet=args.quiet)
        elif out is not None:
            from artiphys.plotting.signature import plot_signature

            spread = dynamic_range(responses, reference=reference, noise=noise)
            z = fisher_z(invariance(responses, reference=reference, noise=noise))
            figure = plot_signature(spread, z, result)
            write_figure(figure, out / f"signature-{name}.png")
    frame = pd.concat(frames, ignore_index=True)
    if out is not None:
        write_csv(frame, out / "signature.csv")
    return frame, verdicts


def _names(files: Sequence[Path]) -> list[str]:
    """Return a name for the figure of each file: its stem, or with its folders where two agree."""
    paths = [path.absolute() for path in files]
    for path, count in Counter(paths).items():
        if count > 1:
            msg = f"{path} is given {count} times; give each FILE once"
            raise InputError(msg)
    names = [path.stem for path in paths]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        repeated = {name for name, count in Counter(names).items() if count > 1}
        if not repeated:
            break
        names = [
            "-".join(path.parts[-depth:]) if name in repeated else name
            for path, name in zip(paths, names, strict=True)
        ]
    return names


def _signature_of_file(path: Path, responses: xr.DataArray, **arguments: Any) -> xr.Dataset:
    """Return the signature; its warnings and errors say of which file they are."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = signature(responses, **arguments)
        except InputError as error:
            msg = f"{path}: {error}"
            raise InputError(msg) from error
    for warning in caught:
        warnings.warn(f"{path}: {warning.message}", warning.category, stacklevel=2)
    return result


def _label(text: str | None, labels: list) -> object:
    """Return the position label that was typed."""
    if text is None or text == "best":
        return text
    return position_label(text, labels, where="the positions; --reference may be")


def _for_reading(frame: pd.DataFrame, by: str, *, several: bool) -> pd.DataFrame:
    intervals = zip(frame["ci_lower"], frame["ci_upper"], strict=True)
    table = pd.DataFrame(
        {
            by: frame[by],
            "position": [str(label) for label in frame["position"]],
            "r_s": frame["spearman"],
            "interval": [interval_text(*bounds) for bounds in intervals],
            "p": frame["p_value"].map(p_text),
            "units": frame["n_units"],
        }
    )
    if several:
        table.insert(0, "file", frame["file"])
    return table
