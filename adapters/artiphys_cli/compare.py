"""``artiphys compare``: layers of a network against areas of a recording."""

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from artiphys.comparison.compare import compare
from artiphys.comparison.matched_responses import matched_responses
from artiphys.correlations.spearman import fisher_z
from artiphys.errors import InputError
from artiphys.estimators.dynamic_range import Noise, dynamic_range, invariance
from artiphys.responses.storage import open_responses
from artiphys.signatures.report import verdict
from artiphys_cli.position_labels import position_label
from artiphys_cli.staging import written_together
from artiphys_cli.terminal import (
    interval_text,
    p_text,
    print_table,
    say,
    write_csv,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "compare",
        help="layers of a network against areas of a recording",
        description="The difference between the signatures of network layers and cortical areas, "
        "the network seen through the recording's images, repeats and noise.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="responses of a network")
    parser.add_argument("brain", type=Path, metavar="BRAIN", help="responses of a recording")
    parser.add_argument(
        "--unmatched",
        action="store_true",
        help="take both as they are: noise then makes differences that are not there",
    )
    parser.add_argument(
        "--positions",
        nargs="+",
        metavar="MODEL=BRAIN",
        help="positions that go together, e.g. 0.125=2 (default: equal shifts, or equal labels)",
    )
    for side, whose in (("model", "network"), ("brain", "recording")):
        parser.add_argument(
            f"--reference-{side}", metavar="LABEL", help=f"reference position of the {whose}"
        )
    parser.add_argument("--by-model", default="area", help="coordinate of layers (default: area)")
    parser.add_argument("--by-brain", default="area", help="coordinate of areas (default: area)")
    parser.add_argument(
        "--resample",
        nargs="+",
        default=["unit"],
        metavar="DIM",
        help="what the recording is a sample of, e.g. session unit (default: unit)",
    )
    parser.add_argument(
        "--n-passes", type=int, default=8, metavar="N", help="passes of simulated noise"
    )
    parser.add_argument(
        "--level", type=float, default=0.95, help="coverage of the intervals (default: 0.95)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: 0)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write compare.csv and compare.png here"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the table and the verdict; with ``--out``, write the table and the figure."""
    model, brain = open_responses(args.model), open_responses(args.brain)
    positions = _pairs(args.positions, model, brain)
    references = {
        "reference_model": _reference(args.reference_model, model, "model"),
        "reference_brain": _reference(args.reference_brain, brain, "recording"),
    }
    with nullcontext() if args.out is None else written_together(args.out) as out:
        result = compare(
            model,
            brain,
            matched=not args.unmatched,
            positions=positions,
            **references,
            by_model=args.by_model,
            by_brain=args.by_brain,
            resample=tuple(args.resample),
            n_passes=args.n_passes,
            level=args.level,
            rng=args.seed,
        )
        frame = _frame(result)
        if out is not None:
            figure = _figure(args, model, brain, positions, references, result)
            write_csv(frame, out / "compare.csv")
            write_figure(figure, out / "compare.png")
    print_table(_for_reading(frame), quiet=args.quiet)
    say(f"matched: {result.attrs['matched']}", quiet=args.quiet)
    if not args.quiet:
        print(f"\n{verdict(result)}")


def _pairs(
    texts: list[str] | None, model: xr.DataArray, brain: xr.DataArray
) -> dict[Any, Any] | None:
    if texts is None:
        return None
    pairs = {}
    for text in texts:
        one, equals, other = text.partition("=")
        if not (one and equals and other):
            msg = f"--positions takes MODEL=BRAIN, e.g. 0.125=2; got {text!r}"
            raise InputError(msg)
        label = _label(one, model, "model")
        if label in pairs:
            msg = f"--positions: each position of the model may be named once; got {one} twice"
            raise InputError(msg)
        pairs[label] = _label(other, brain, "recording")
    return pairs


def _reference(text: str | None, responses: xr.DataArray, whose: str) -> Any:
    return responses.attrs["reference"] if text is None else _label(text, responses, whose)


def _label(text: str, responses: xr.DataArray, whose: str) -> Any:
    labels = responses["position"].values.tolist()
    return position_label(text, labels, where=f"the {whose}'s positions")


def _frame(result: xr.Dataset) -> pd.DataFrame:
    frame = result.drop_dims("ci_bound").to_dataframe().reset_index()
    interval = result["interval"].transpose(*result["difference"].dims, "ci_bound").values
    at = list(frame.columns).index("difference") + 1
    for offset, name in enumerate(("ci_lower", "ci_upper")):
        frame.insert(at + offset, name, interval[..., offset].ravel())
    return frame


def _for_reading(frame: pd.DataFrame) -> pd.DataFrame:
    intervals = zip(frame["ci_lower"], frame["ci_upper"], strict=True)
    units = zip(frame["n_units_model"], frame["n_units_brain"], strict=True)
    return pd.DataFrame(
        {
            "layer": frame["layer"].astype(str),
            "area": frame["area"].astype(str),
            "position": [str(label) for label in frame["position"]],
            "layer r_s": frame["spearman_model"],
            "area r_s": frame["spearman_brain"],
            "difference": frame["difference"],
            "interval": [interval_text(*bounds) for bounds in intervals],
            "p": frame["p_value"].map(p_text),
            "units": [f"{int(m)}, {int(b)}" for m, b in units],
        }
    )


def _figure(
    args: argparse.Namespace,
    model: xr.DataArray,
    brain: xr.DataArray,
    positions: dict[Any, Any] | None,
    references: dict[str, Any],
    result: xr.Dataset,
) -> "Figure":
    """Return the figure; a layer is shown as one pass through the recording of each area."""
    from artiphys.plotting.comparison import Scatter, plot_compare

    model = model.assign_attrs(reference=references["reference_model"])
    brain = brain.assign_attrs(reference=references["reference_brain"])

    def scatter(responses: xr.DataArray, names: np.ndarray | None = None) -> Scatter:
        noise: Noise = "corrected" if matched and "trial" in responses.dims else None
        z = fisher_z(invariance(responses, noise=noise))
        if noise is not None:  # only the units that count: those that are not too noisy
            z = z.where(invariance(responses, noise="split").notnull())
        if names is not None:
            wanted = result["position_model"].values.tolist()
            z = z.sel(position=wanted).assign_coords(position=result["position"].values)
        return Scatter(dynamic_range(responses, noise=noise), z)

    matched = not args.unmatched and "trial" in brain.dims
    areas, layers = {}, {}
    for area in result["area"].values.tolist():
        recorded = brain.isel(unit=np.flatnonzero(brain[args.by_brain].values == area))
        areas[area] = scatter(recorded)
        for layer in result["layer"].values.tolist():
            probed = model.isel(unit=np.flatnonzero(model[args.by_model].values == layer))
            if matched:
                seen = matched_responses(probed, recorded, positions=positions, rng=args.seed)
                layers[layer, area] = scatter(seen)
            else:
                layers[layer, area] = scatter(probed, result["position"].values)
    return plot_compare(areas, layers, result)
