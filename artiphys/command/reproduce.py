"""``artiphys reproduce``: the paper's Table 1 and Figure 1, measured, beside its own figures."""

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from artiphys.command.output import (
    add_resampling_arguments,
    correlation_frame,
    interval_text,
    number_text,
    p_text,
    print_table,
    say,
    write_csv,
    write_figure,
)
from artiphys.errors import InputError
from artiphys.estimators import dynamic_range, invariance
from artiphys.files import writable_folder
from artiphys.rank_correlation import check_resampling, fisher_z
from artiphys.storage import save_responses

if TYPE_CHECKING:
    from artiphys_torch.reproduction import Reproduction

__all__ = ["add_parser", "run"]

TABLE_COLUMNS = [
    "weights",
    "layer",
    "distance",
    "spearman",
    "ci_lower",
    "ci_upper",
    "p_value",
    "n_units",
    "paper",
]


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "reproduce",
        help="the paper's Table 1 and Figure 1, measured here",
        description="Measure Table 1 and Figure 1 of Pospisil & Bair (2019) on AlexNet.",
    )
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="folder of photographs (default: dead leaves)"
    )
    parser.add_argument(
        "--n-images", type=int, default=500, metavar="N", help="how many of them (default: 500)"
    )
    parser.add_argument(
        "--weights",
        nargs="+",
        metavar="W",
        help="untrained, imagenet, or the file of a state dict; several are done in turn"
        " (default: untrained, and imagenet where it can be had)",
    )
    parser.add_argument(
        "--background", default="mean", help="of the canvas: mean, black or a number"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument(
        "--out", type=Path, default=Path("results"), metavar="DIR", help="(default: results)"
    )
    add_resampling_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Measure each network in turn; print both tables and write everything to ``--out``."""
    from artiphys_torch.reproduction import enough_photographs, reproduce

    check_resampling(args.n_resamples, args.level)
    images = enough_photographs(args.images, n_images=args.n_images, seed=args.seed)
    out = writable_folder(args.out)
    networks = _networks(args)
    done: dict[str, Reproduction] = {}
    for name, model in networks.items():
        start = time.perf_counter()
        done[name] = reproduce(
            model,
            images,
            trained=name != "untrained",
            background=args.background,
            device=args.device,
            progress=args.progress,
            n_resamples=args.n_resamples,
            level=args.level,
            rng=args.seed,
        )
        save_responses(done[name].responses, out / f"responses-{name}.nc")
        say(f"{name}: {len(images)} images, {time.perf_counter() - start:.0f} s", quiet=args.quiet)
    table = pd.concat([_table_frame(name, result) for name, result in done.items()])
    shares = pd.concat([_share_frame(name, result) for name, result in done.items()])
    write_csv(table, out / "table1.csv")
    write_csv(shares, out / "weight_share.csv")
    figure = _figure(images, done, args.background)
    for suffix in ("png", "pdf"):
        write_figure(figure, out / f"figure1.{suffix}")
    if not args.quiet:
        print("\nTable 1. Spearman's r_s between invariance and dynamic range\n")
    print_table(_table_for_reading(table), quiet=args.quiet)
    if not args.quiet:
        print("\nCompensation. r_s between weight share and input variance\n")
    print_table(_shares_for_reading(shares), quiet=args.quiet)
    say(f"\nwritten to {out}/", quiet=args.quiet)


def _networks(args: argparse.Namespace) -> dict[str, Any]:
    """Return the networks by name; whatever is wrong with one is found before any is probed."""
    from artiphys_torch import load_alexnet

    asked = args.weights or ["untrained", "imagenet"]
    names = [w if w in ("untrained", "imagenet") else Path(w).stem for w in asked]
    for name, weights in zip(names, asked, strict=True):
        if name in ("untrained", "imagenet") and weights != name:
            msg = f"--weights {weights}: a file must not be named {name}; rename it"
            raise InputError(msg)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        msg = f"--weights must have different names, for the files to write; {twice[0]} comes twice"
        raise InputError(msg)
    networks = {}
    for name, weights in zip(names, asked, strict=True):
        try:
            networks[name] = load_alexnet(weights, seed=args.seed)
        except InputError as error:
            if weights != "imagenet" or len(asked) == 1:
                raise
            say(f"artiphys: going on without imagenet: {error}")
    return networks


def _table_frame(name: str, result: "Reproduction") -> pd.DataFrame:
    frame = correlation_frame(result.table).rename(columns={"area": "layer"})
    return frame.assign(weights=name)[TABLE_COLUMNS]


def _share_frame(name: str, result: "Reproduction") -> pd.DataFrame:
    frame = correlation_frame(result.compensation).rename(
        columns={"area": "layer", "n": "n_inputs"}
    )
    columns = [c.replace("n_units", "n_inputs") for c in TABLE_COLUMNS if c != "distance"]
    return frame.assign(weights=name)[columns]


def _table_for_reading(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (weights, layer), cells in table.groupby(["weights", "layer"], sort=False):
        row = {"weights": weights, "layer": layer}
        for cell in cells.itertuples():
            label = str(cell.distance).capitalize()
            row[label] = _text(cell)
            row[f"{label}, paper"] = number_text(cell.paper)
        rows.append(row | {"units": cells["n_units"].iloc[0]})
    return pd.DataFrame(rows)


def _shares_for_reading(shares: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "weights": cell.weights,
            "layer": cell.layer,
            "r_s": _text(cell),
            "p": p_text(cell.p_value),
            "paper": number_text(cell.paper),
            "inputs": cell.n_inputs,
        }
        for cell in shares.itertuples()
    ]
    return pd.DataFrame(rows)


def _text(cell: Any) -> str:
    return f"{number_text(cell.spearman)} {interval_text(cell.ci_lower, cell.ci_upper)}"


def _figure(images: Any, done: dict[str, "Reproduction"], background: str) -> Any:
    from artiphys.plotting.figure1 import Panels, plot_figure1
    from artiphys_torch.canvas import canvas_pictures
    from artiphys_torch.reproduction import DISTANCES

    panels = {}
    for name, result in done.items():
        z = fisher_z(invariance(result.responses))
        z = z.assign_coords(position=list(DISTANCES)).rename(position="distance")
        panels[f"AlexNet, {name}"] = Panels(dynamic_range(result.responses), z, result.table)
    rf_size = int(next(iter(done.values())).responses["rf_size"].max())
    stimuli = canvas_pictures(
        images.items[:1], rf_size, shifts=(0, *DISTANCES.values()), background=background
    )[0]
    names = ["reference", *(f"{n.capitalize()}: shift {s:g} RF" for n, s in DISTANCES.items())]
    return plot_figure1(stimuli, names, panels)
