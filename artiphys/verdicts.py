"""A signature in words."""

import numpy as np
import xarray as xr

from artiphys.errors import InputError

__all__ = ["verdict"]

ALPHA = 0.05


def verdict(result: xr.Dataset) -> str:
    """Return what a signature or a comparison found, a paragraph for each group and position.

    Of a signature each says whether invariance goes with dynamic range, in how many units, with
    what interval, what the naive test would have said, and how many units were left out and why. A
    relation is said to be found where the false discovery rate over all groups and positions is
    below 0.05. Of a comparison each says whether layer and area differ, by how much, and what they
    would have seemed to do as measured.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`artiphys.signature` or :func:`artiphys.compare`.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If `result` is neither.

    Examples
    --------
    >>> from artiphys.signatures import signature
    >>> from artiphys.simulation import simulate_responses
    >>> responses, truth = simulate_responses(relation="none", n_units=40, rng=0)
    >>> print(verdict(signature(responses)).splitlines()[0])
    simulated, position 1: no relation was found (p = 0.23).
    """
    if "difference" in result:
        return _of_comparison(result)
    missing = {"spearman", "interval", "p_value", "q_value", "n_units"} - set(result)
    if missing:
        msg = (
            "result must come from artiphys.signature or artiphys.compare; it lacks "
            f"{sorted(missing)}"
        )
        raise InputError(msg)
    by = next(str(dim) for dim in result["spearman"].dims if dim != "position")
    return "\n\n".join(
        _paragraph(result.sel({by: group, "position": position}), f"{group}, position {position}")
        for group in result[by].values.tolist()
        for position in result["position"].values.tolist()
    )


def _paragraph(cell: xr.Dataset, where: str) -> str:
    n = int(cell["n_units"])
    p, q, r = (float(cell[name]) for name in ("p_value", "q_value", "spearman"))
    lower, upper = cell["interval"].values
    level = f"{100 * cell.attrs.get('level', 0.95):g} %"
    if np.isnan(p):
        found = f"{where}: nothing can be said; {_units(n)} could be measured, which is too few."
    elif q < ALPHA:
        sign = "more" if (r if np.isfinite(r) else _attenuated(cell)) > 0 else "less"
        found = f"{where}: units of wider dynamic range are {sign} invariant (p = {p:.2g})."
    else:
        found = f"{where}: no relation was found (p = {p:.2g})."
    lines = [found]
    if np.isfinite(r):
        lines.append(
            f"Spearman's r_s is {r:.2f}, {level} interval {lower:.2f} to {upper:.2f}, "
            f"in {_units(n)}."
        )
    elif np.isfinite(p):
        lines.append(f"The {_units(n)} do not measurably differ, so that r_s has no estimate.")
    lines += _of_trials(cell)
    return "\n".join(lines)


def _of_trials(cell: xr.Dataset) -> list[str]:
    if "spearman_naive" not in cell:
        return []
    naive, p_naive = float(cell["spearman_naive"]), float(cell["p_value_naive"])
    lines = []
    if np.isfinite(naive):
        lines.append(f"The responses as measured would have said {naive:.2f} (p = {p_naive:.2g}).")
    reasons = {
        "n_too_noisy": "too noisy",
        "n_without_signal": "without signal",
        "n_not_measured": "not measured",
    }
    left_out = [f"{int(cell[name])} {why}" for name, why in reasons.items() if int(cell[name])]
    if left_out:
        lines.append(f"Left out: {', '.join(left_out)}.")
    if "caution" in cell and cell["caution"].item():
        lines.append(f"Caution: {cell['caution'].item()}.")
    return lines


def _of_comparison(result: xr.Dataset) -> str:
    return "\n\n".join(
        _pair(result.sel(layer=layer, area=area, position=position), layer, area, position)
        for layer in result["layer"].values.tolist()
        for area in result["area"].values.tolist()
        for position in result["position"].values.tolist()
    )


def _pair(cell: xr.Dataset, layer: object, area: object, position: object) -> str:
    where = f"{layer} and {area}, position {position}"
    p, q, d = (float(cell[name]) for name in ("p_value", "q_value", "difference"))
    n_model, n_brain = (_units(int(cell[f"n_units_{side}"])) for side in ("model", "brain"))
    if np.isnan(p):
        lines = [f"{where}: nothing can be said; {n_model} and {n_brain} were measured well enough"]
        lines[0] += ", or they do not measurably differ."
    else:
        lower, upper = cell["interval"].values
        sides = [float(cell[f"spearman_{side}"]) for side in ("model", "brain")]
        verb = "differ" if q < ALPHA else "do not measurably differ"
        lines = [
            f"{where}: they {verb} (p = {p:.2g}, false discovery rate {q:.2g}).",
            f"Spearman's r_s is {sides[0]:.2f} in {n_model} of {layer} and {sides[1]:.2f} in "
            f"{n_brain} of {area}: a difference of {d:.2f}, "
            f"{100 * cell.attrs.get('level', 0.95):g} % interval {lower:.2f} to {upper:.2f}.",
        ]
    if "difference_naive" in cell and np.isfinite(cell["difference_naive"]):
        naive, p_naive = float(cell["difference_naive"]), float(cell["p_value_naive"])
        lines.append(f"As measured the difference would have been {naive:.2f} (p = {p_naive:.2g}).")
    return "\n".join(lines)


def _attenuated(cell: xr.Dataset) -> float:
    return float(cell["spearman_attenuated"]) if "spearman_attenuated" in cell else np.nan


def _units(n: int) -> str:
    return "1 unit" if n == 1 else f"{n} units"
