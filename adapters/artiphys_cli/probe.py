"""``artiphys probe``: what a network's units answer to photographs, as a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from artiphys_cli.options import Count, Device, Folder, Fraction, Fractions, Overwrite, Quiet, Words

__all__ = ["probe"]


def probe(
    *,
    model: Annotated[str, Parameter(metavar="NAME")] = "alexnet",
    weights: Annotated[str, Parameter(metavar="WEIGHTS")] = "untrained",
    layers: Annotated[Words | None, Parameter(metavar="LAYER")] = None,
    images: Folder | None = None,
    n_images: Count | None = None,
    shifts: Annotated[Fractions, Parameter(metavar="SHIFT", show_default="0 1/8 1/4")] = (
        0,
        1 / 8,
        1 / 4,
    ),
    crop: Annotated[Fraction, Parameter(show_default="3/4")] = 3 / 4,
    background: Annotated[str, Parameter(metavar="VALUE")] = "mean",
    units: Literal["central", "all"] = "central",
    batch_size: Count | None = None,
    device: Device = "auto",
    dtype: Annotated[str | None, Parameter(metavar="NAME")] = None,
    seed: Count = 0,
    out: Annotated[Path, Parameter(metavar="FILE")],
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Measure how a network's units respond to shifted photographs.

    The network is one of torchvision's or your own; its responses go into a file.

    Parameters
    ----------
    model
        as in torchvision.models, or FILE.py:function, which returns a torch.nn.Module
    weights
        untrained, imagenet, or the file of a state dict
    layers
        names of modules, or AREA=NAME; by default conv2 to conv5 of AlexNet, all Conv2d else
    images
        folder of photographs; by default dead leaves
    n_images
        at most so many, spread evenly over the folder
    shifts
        as shares of the receptive field, 0 among them
    crop
        side of the photograph, likewise
    background
        mean, black or a number
    units
        one unit of each channel, or all that see the canvas
    batch_size
        canvases in one pass
    dtype
        to compute with: float16, bfloat16, float32 or float64; by default the network's own, or
        float32 for half precision
    seed
        of untrained weights and dead leaves
    out
        the file to write: .zarr or .nc; the same command goes on from a run that was killed

    Examples
    --------
    $ artiphys probe --layers conv2=features.3 --n-images 20 --out alexnet.nc
    $ artiphys probe --model nets.py:small --images photographs/ --out small.zarr
    """
    import artiphys_torch
    from artiphys_cli.outputs import check_new
    from artiphys_cli.terminal import print_table, say, say_written

    if not out.with_name(f"{out.name}.partial").is_dir():  # of a run that may go on
        check_new([out], overwrite=overwrite)
    areas = None if layers is None else _by_area(layers)
    photographs = artiphys_torch.as_photographs(images, n_images=n_images, seed=seed)
    network = artiphys_torch.load_network(model, weights, seed=seed)
    batch: dict[str, Any] = {} if batch_size is None else {"batch_size": batch_size}
    responses = artiphys_torch.probe(
        network,
        photographs,
        areas,
        shifts=list(shifts),
        crop=crop,
        background=background,
        device=device,
        dtype=dtype,
        units=units,
        out=out,
        overwrite=overwrite,
        progress=False if quiet else None,
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
    print_table(frame, quiet=quiet, names=("area", "layer"))
    say(f"{len(photographs)} images ({photographs.origin})", quiet=quiet)
    say_written(out, quiet=quiet)


def _by_area(names: Sequence[str]) -> dict[str, str]:
    """Return layers by area; a name without an area is its own."""
    from artiphys.errors import InputError

    pairs = [name.split("=", 1) if "=" in name else (name, name) for name in names]
    layers = {area: name for area, name in pairs}
    if len(layers) < len(pairs):
        msg = f"--layers must name each area once; got {' '.join(names)}"
        raise InputError(msg)
    return layers
