"""A signature in words."""

import numpy as np
import xarray as xr

from artiphys.errors import InputError

__all__ = ["verdict"]

ALPHA = 0.05


def verdict(result: xr.Dataset) -> str:
    """Return what a signature found, one paragraph for each group and position.

    Each says whether invariance goes with dynamic range, in how many units, with what interval,
    what the naive test would have said, and how many units were left out and why. A relation is
    said to be found where the false discovery rate over all groups and positions is below 0.05.

    Parameters
    ----------
    result : xarray.Dataset
        From :func:`artiphys.signature`.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If `result` is no signature.

    Examples
    --------
    >>> from artiphys.signatures import signature
    >>> from artiphys.simulation import simulate_responses
    >>> responses, truth = simulate_responses(relation="none", n_units=40, rng=0)
    >>> print(verdict(signature(responses)).splitlines()[0])
    simulated, position 1: no relation was found (p = 0.23).
    """
    missing = {"spearman", "interval", "p_value", "q_value", "n_units"} - set(result)
    if missing:
        msg = f"result must come from artiphys.signature; it lacks {sorted(missing)}"
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
    return lines


def _attenuated(cell: xr.Dataset) -> float:
    return float(cell["spearman_attenuated"]) if "spearman_attenuated" in cell else np.nan


def _units(n: int) -> str:
    return "1 unit" if n == 1 else f"{n} units"
