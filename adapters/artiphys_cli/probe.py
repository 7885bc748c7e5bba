"""``artiphys probe``: what a network's units answer to photographs, as a file."""

import argparse
from pathlib import Path

from artiphys.errors import InputError
from artiphys_cli.terminal import print_table, say

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "probe",
        help="what a network's units answer to shifted photographs",
        description="Probe a network, torchvision's or one's own, into a file of responses.",
    )
    parser.add_argument(
        "--model",
        default="alexnet",
        metavar="NAME",
        help="as in torchvision.models, or FILE.py:function, which returns a torch.nn.Module"
        " (default: alexnet)",
    )
    parser.add_argument(
        "--weights",
        default="untrained",
        metavar="WEIGHTS",
        help="untrained, imagenet, or the file of a state dict (default: untrained)",
    )
    parser.add_argument(
        "--layers",
        nargs="+",
        metavar="LAYER",
        help="names of modules, or AREA=NAME; default: conv2 to conv5 of AlexNet, all Conv2d else",
    )
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="folder of photographs; default: dead leaves"
    )
    parser.add_argument(
        "--n-images", type=int, metavar="N", help="at most so many, spread evenly over the folder"
    )
    parser.add_argument(
        "--shifts",
        nargs="+",
        type=_fraction,
        default=[0, 1 / 8, 1 / 4],
        metavar="SHIFT",
        help="as shares of the receptive field, 0 among them (default: 0 1/8 1/4)",
    )
    parser.add_argument(
        "--crop", type=_fraction, default=3 / 4, help="side of the photograph, likewise (3/4)"
    )
    parser.add_argument(
        "--background", default="mean", metavar="VALUE", help="mean (default), black or a number"
    )
    parser.add_argument("--batch-size", type=int, metavar="N", help="canvases in one pass")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or mps")
    parser.add_argument("--seed", type=int, default=0, help="of untrained weights and dead leaves")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="ends in .nc or .zarr"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Probe, write the file, and print how many units each area has."""
    import artiphys_torch

    layers = None if args.layers is None else _layers(args.layers)
    images = artiphys_torch.as_photographs(args.images, n_images=args.n_images, seed=args.seed)
    model = artiphys_torch.load_network(args.model, args.weights, seed=args.seed)
    batch = {} if args.batch_size is None else {"batch_size": args.batch_size}
    responses = artiphys_torch.probe(
        model,
        images,
        layers,
        shifts=args.shifts,
        crop=args.crop,
        background=args.background,
        device=args.device,
        out=args.out,
        progress=args.progress,
        **batch,
    )
    frame = (
        responses["unit"]
        .to_dataframe(name="name")
        .groupby(["area", "layer", "rf_size"], sort=False)
        .size()
        .reset_index(name="units")
    )
    if (frame["area"] == frame["layer"]).all():  # the names of modules are long
        frame = frame.drop(columns="area")
    print_table(frame, quiet=args.quiet)
    say(f"{len(images)} images ({images.origin}) -> {args.out}", quiet=args.quiet)


def _layers(names: list[str]) -> dict[str, str]:
    """Return layers by area; a name without an area is its own."""
    pairs = [name.split("=", 1) if "=" in name else (name, name) for name in names]
    layers = {area: name for area, name in pairs}
    if len(layers) < len(pairs):
        msg = f"--layers must name each area once; got {' '.join(names)}"
        raise InputError(msg)
    return layers


def _fraction(text: str) -> float:
    """Return a number typed as 0.125 or 1/8."""
    above, _, below = text.partition("/")
    try:
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        msg = f"must be a number, as 0.125 or 1/8; got {text!r}"
        raise argparse.ArgumentTypeError(msg) from None
