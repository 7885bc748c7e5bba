"""Controls and designs in words."""

import numpy as np
import xarray as xr

from artiphys.design.rejections import rate_text
from artiphys.errors import InputError, counted
from artiphys.signatures.printed import number_text

__all__ = ["control_paragraphs", "power_paragraphs"]


def control_paragraphs(result: xr.Dataset) -> list[str]:
    """Return what a control found, a paragraph for each group and position.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`artiphys.control`.

    Raises
    ------
    InputError
        If it is from elsewhere.
    """
    _require(result, "rejection_rate", "artiphys.control")
    by = result["rejection_rate"].dims[0]
    return [
        _of_cell(result.sel({by: group, "position": position}), f"{group}, position {position}")
        for group in result[by].values.tolist()
        for position in result["position"].values.tolist()
    ]


def power_paragraphs(result: xr.Dataset) -> list[str]:
    """Return what a design finds, and which other design would find most.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`artiphys.power`.

    Raises
    ------
    InputError
        If it is from elsewhere.
    """
    _require(result, "detectable", "artiphys.power")
    planned = result.isel(design=0)
    share = f"{100 * result.attrs['target']:g} %"
    sizes = ", ".join(
        counted(int(planned[f"n_{what}s"]), what) for what in ("unit", "image", "repeat")
    )
    found = f"With {sizes} {_reached(planned)} is found in {share} of experiments"
    texts = [f"{found} (p < {result.attrs['alpha']:g}).{_without_relation(planned)}"]
    if result.sizes["design"] > 1:
        texts.append(_best_buy(result.isel(design=slice(1, None)), share))
    return texts


def _require(result: xr.Dataset, name: str, maker: str) -> None:
    if name not in result:
        msg = f"result must come from {maker}; it lacks {name!r}"
        raise InputError(msg)


def _of_cell(cell: xr.Dataset, where: str) -> str:
    alpha, relation = cell.attrs["alpha"], cell.attrs["relation"]
    n, n_all = int(cell["n_answered"]), cell.sizes["experiment"]
    kind = f"with a true r_s of {number_text(relation)}" if relation else "without a relation"
    if n == 0:
        return f"{where}: no answer in {counted(n_all, 'recording')} like this one {kind}."
    rate, (lower, upper) = float(cell["rejection_rate"]), cell["interval"].values
    what = "power" if relation else "false-positive rate"
    words = [rate_text(each, n) for each in (rate, lower, upper)]
    lines = [
        f"{where}: p < {alpha:g} in {round(rate * n)} of {counted(n, 'recording')} like this one "
        f"{kind}: a {what} of {words[0]}, 95 % interval {words[1]} to {words[2]}."
    ]
    if n < n_all:
        lines.append(f"{n_all - n} more gave no answer.")
    lines.append(_estimates(cell))
    if not relation and lower > alpha:
        lines.append(f"Caution: that is more than {alpha:g}; a p-value says less than it seems to.")
    return "\n".join(line for line in lines if line)


def _estimates(cell: xr.Dataset) -> str:
    found = cell["spearman"].values
    found = found[np.isfinite(found)]
    if found.size == 0:
        return ""
    low, high = (number_text(each) for each in np.quantile(found, [0.025, 0.975]))
    text = f"Their r_s was {number_text(found.mean())} on average, {low} to {high} in 95 % of them"
    own = float(cell["spearman_recorded"])
    return (
        f"{text}; that of the recording is {number_text(own)}." if np.isfinite(own) else f"{text}."
    )


def _reached(cell: xr.Dataset) -> str:
    lower, upper = (_bound(end, cell) for end in cell["detectable_interval"].values)
    if np.isinf(float(cell["detectable"])):
        return f"no relation up to r_s = {number_text(float(cell['relation'].max()))}"
    return f"an r_s of {number_text(float(cell['detectable']))} ({lower} to {upper})"


def _best_buy(others: xr.Dataset, share: str) -> str:
    """Return which other design finds the weakest relation."""
    best = others.isel(design=int(np.argmin(others["detectable"].values)))
    if np.isinf(float(best["detectable"])):
        return "None of the other designs finds one so often."
    found = number_text(float(best["detectable"]))
    return f"Of the other designs {best['changed'].item()} find most: {found} in {share}."


def _bound(value: float, cell: xr.Dataset) -> str:
    if np.isinf(value):
        return f"> {number_text(float(cell['relation'].max()))}"
    return number_text(value)


def _without_relation(cell: xr.Dataset) -> str:
    if float(cell["relation"][0]) != 0:
        return ""
    none = cell.isel(relation=0)
    lower, upper = none["interval"].values
    share = f"{float(none['power']):.2f}, {lower:.2f} to {upper:.2f}"
    return f" Without a relation one is found in a share of {share}."
