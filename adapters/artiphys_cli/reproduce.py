"""``artiphys reproduce``: the paper's Table 1, figures and theory, beside its own numbers."""

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from artiphys.correlations.spearman import check_resampling, fisher_z
from artiphys.errors import InputError
from artiphys.estimators.dynamic_range import dynamic_range, invariance
from artiphys.responses.storage import save_responses
from artiphys_cli.staging import written_together
from artiphys_cli.terminal import (
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

if TYPE_CHECKING:
    from artiphys_cli.pospisil_bair_2019 import Reproduction

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
# Tables beside the paper's, for the files alone: they are wider than a terminal.
THEORY = ("rectification_fit", "explained_invariance", "input_shares")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "reproduce",
        help="the paper's Table 1 and figures, measured here",
        description="Measure Table 1 and the figures of Pospisil & Bair (2019) on AlexNet, and how"
        " far their theory carries there.",
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
    from artiphys_cli.pospisil_bair_2019 import enough_photographs, reproduce

    check_resampling(args.n_resamples, args.level)
    images = enough_photographs(args.images, n_images=args.n_images, seed=args.seed)
    networks = _networks(args)
    done: dict[str, Reproduction] = {}
    with written_together(args.out) as out:  # found to be writable before the work
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
            seconds = time.perf_counter() - start
            say(f"{name}: {len(images)} images, {seconds:.0f} s", quiet=args.quiet)
        tables = {
            "table1": pd.concat([_table_frame(*each) for each in done.items()]),
            "weight_share": pd.concat([_share_frame(*each) for each in done.items()]),
            "rectification_fit": pd.concat([_fit_frame(*each) for each in done.items()]),
            "explained_invariance": pd.concat([_explained_frame(*each) for each in done.items()]),
            "input_shares": pd.concat([_input_frame(*each) for each in done.items()]),
        }
        for name, table in tables.items():
            write_csv(table, out / f"{name}.csv")
        for name, figure in _figures(images, done, args).items():
            for suffix in ("png", "pdf"):
                write_figure(figure, out / f"{name}.{suffix}")
        for name, result in done.items():
            save_responses(result.responses, out / f"responses-{name}.nc")
    if not args.quiet:
        _print(tables)
    say(f"\nwritten to {args.out}/", quiet=args.quiet)


def _print(tables: dict[str, pd.DataFrame]) -> None:
    """Print a table a network, which fits a terminal of 80 columns whatever the network's name."""
    for name, cells in tables["table1"].groupby("weights", sort=False):
        print(f"\nTable 1, {name}: Spearman's r_s between invariance and dynamic range\n")
        print_table(_table_for_reading(cells))
    for name, cells in tables["weight_share"].groupby("weights", sort=False):
        print(f"\nCompensation, {name}: r_s between weight share and input variance\n")
        print_table(_shares_for_reading(cells))
    print(f"\nThe theory: {', '.join(f'{name}.csv' for name in THEORY)},")
    print("figure2.png, figure3.png, figure4-*.png")


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


def _fit_frame(name: str, result: "Reproduction") -> pd.DataFrame:
    fits = result.fits.rename(area="layer")
    for parameter in ("rho", "sigma"):
        interval = fits[f"{parameter}_interval"]
        for bound in ("lower", "upper"):
            fits[f"{parameter}_{bound}"] = interval.sel(ci_bound=bound, drop=True)
    columns = ["rho", "rho_lower", "rho_upper", "sigma", "sigma_lower", "sigma_upper"]
    columns += ["a", "a_error", "b", "b_error", "chi_square", "dof", "p_value", "r_squared"]
    columns += ["n_images_effective", "n_units", "n_left_out", "remark"]
    return _rows(name, fits[columns], ["layer", "distance"])


def _explained_frame(name: str, result: "Reproduction") -> pd.DataFrame:
    return _rows(name, result.agreement.rename(area="layer"), ["layer", "distance", "prediction"])


def _input_frame(name: str, result: "Reproduction") -> pd.DataFrame:
    shares = result.input_shares.rename(area="layer")
    for weights in shares["weights"].values:
        shares[f"invariance_{weights}"] = shares["invariance"].sel(weights=weights, drop=True)
    shares = shares.drop_vars(["invariance", "weights"])
    return _rows(name, shares, ["layer", "distance", "formula"])


def _rows(name: str, result: xr.Dataset, dims: list[str]) -> pd.DataFrame:
    frame = result.to_dataframe(dim_order=dims).reset_index()
    return frame.assign(weights=name)[["weights", *dims, *result.data_vars]]


def _table_for_reading(table: pd.DataFrame) -> pd.DataFrame:
    """Return a network's Table 1, a row a layer, the paper's figure after each of ours."""
    distances = table["distance"].unique()
    heads = ["layer", *(h for d in distances for h in (str(d).capitalize(), "paper")), "units"]
    rows = []
    for layer, cells in table.groupby("layer", sort=False):
        texts = [text for c in cells.itertuples() for text in (_text(c), number_text(c.paper))]
        rows.append([layer, *texts, cells["n_units"].iloc[0]])
    return pd.DataFrame(rows, columns=heads)


def _shares_for_reading(shares: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
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


def _figures(
    images: Any, done: dict[str, "Reproduction"], args: argparse.Namespace
) -> dict[str, Any]:
    from artiphys.integration.weights import integration_geometry, simulate_integration
    from artiphys.plotting.explained import plot_figure4
    from artiphys.plotting.integration import plot_figure3
    from artiphys.plotting.rectification import plot_figure2
    from artiphys.rectification.curve import rectified_quadrants, single_input_relation
    from artiphys_cli.pospisil_bair_2019 import DISTANCES

    figures = {
        "figure1": _figure1(images, done, args.background),
        "figure2": plot_figure2(
            rectified_quadrants(0.0, 0.6), single_input_relation([0.3, 0.5, 0.7, 0.9])
        ),
        "figure3": plot_figure3(integration_geometry(), simulate_integration(rng=args.seed)),
    }
    for name, result in done.items():
        carried = invariance(result.responses).assign_coords(position=list(DISTANCES))
        measured = xr.Dataset(
            {
                "variance": dynamic_range(result.responses),
                "invariance": carried.rename(position="distance"),
            }
        )
        figures[f"figure4-{name}"] = plot_figure4(result.predictions, measured, result.agreement)
    return figures


def _figure1(images: Any, done: dict[str, "Reproduction"], background: str) -> Any:
    from artiphys.plotting.stimuli import Panels, plot_figure1
    from artiphys_cli.pospisil_bair_2019 import DISTANCES
    from artiphys_torch.stimuli.canvas import canvas_pictures

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
