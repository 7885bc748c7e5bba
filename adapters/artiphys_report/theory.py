"""The theory's fit: the rectified Gaussian, whose variance and correlation rise along one curve."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.rectification.model import RectificationModel
from artiphys.signatures.printed import number_text, p_words
from artiphys.signatures.unit_table import unit_table
from artiphys_report.cautions import sentence

__all__ = ["Fit", "fit_of", "rectified_table"]

LEAST_IMAGES = 20  # the fit's errors are those of many images
MOST_UNITS = 300  # that the model is fitted to: its time rises with them, its errors hardly fall
N_POINTS = 200  # of the curve that is drawn
RECTIFIED_FIRST = (
    "The theory is of what exceeds a threshold: responses below 0 were set to 0 first."
)


class Fit(NamedTuple):
    """The model fitted to the units of one group at one position, or why it was not."""

    why_not: str
    words: Sequence[str] = ()
    numbers: Sequence[tuple[str, str, str]] = ()  # name, estimate, interval
    remarks: Sequence[str] = ()  # what the model warns of
    as_measured: bool = True  # or rectified first, as the theory has it
    units: Any = None  # pandas.DataFrame, those it was fitted to
    dynamic_range: np.ndarray = np.empty(0)  # of the curve, in the square of the responses' units
    fisher_z: np.ndarray = np.empty(0)


def rectified_table(responses: xr.DataArray, *, by: str, reference: Any, shown: Any) -> Any:
    """Return the table of units that the model is of: of responses that are not negative.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position[, trial])
    by, reference
        As in :func:`artiphys.signature`.
    shown : pandas.DataFrame
        The table of the responses as they are.

    Returns
    -------
    pandas.DataFrame or None
        None for a recording with negative responses: to rectify them would rectify noise.
    """
    if not bool((responses < 0).any()):
        return shown
    if "trial" in responses.dims:
        return None
    with warnings.catch_warnings():  # of units that rectification leaves constant: counted in words
        warnings.simplefilter("ignore", ArtiphysWarning)
        table = unit_table(responses.clip(min=0, keep_attrs=True), by=by, reference=reference)
    return table.assign(group=shown["group"])


def fit_of(
    units: Any, *, as_measured: bool, n_images: int, trials: bool, seed: int, level: float
) -> Fit:
    """Return the model fitted to the units of one group at one position.

    Parameters
    ----------
    units : pandas.DataFrame or None
        From :func:`rectified_table`, of that group and position.
    as_measured : bool
        Whether these are the responses as they are, none of them being negative.
    n_images : int
    trials : bool
        Whether trial noise adds to what the images' number alone makes uncertain.
    seed, level
        As of :class:`artiphys.RectificationModel`.
    """
    if units is None:
        return Fit(
            "some responses are below zero, as after a baseline was subtracted; the theory is of "
            "rectified responses, and to rectify these would rectify their noise"
        )
    if n_images < LEAST_IMAGES:
        return Fit(
            f"{n_images} images were shown, and the fit takes {LEAST_IMAGES} at least: with fewer, "
            "variance and correlation scatter by more than its errors allow for"
        )
    values = units[["dynamic_range", "invariance"]].to_numpy(float)
    with np.errstate(invalid="ignore"):
        usable = units["used"].to_numpy(bool) & (values[:, 0] > 0) & (np.abs(values[:, 1]) < 1)
    drawn = usable.sum() > MOST_UNITS
    if drawn:
        rng = np.random.default_rng(seed)
        some = rng.choice(np.flatnonzero(usable), MOST_UNITS, replace=False)
        usable = np.isin(np.arange(len(units)), some)
    model = RectificationModel(
        n_images=None if trials else n_images, level=level, n_resamples=200, rng=seed
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(*values[usable].T)
        except InputError as error:
            return Fit(str(error))
    remarks = [str(each.message) for each in caught if issubclass(each.category, ArtiphysWarning)]
    on_curve = np.geomspace(values[usable, 0].min(), values[usable, 0].max(), N_POINTS)
    with np.errstate(divide="ignore"):
        z = np.arctanh(model.predict(on_curve))
    return Fit(
        "",
        _words(
            model,
            int(usable.sum()),
            len(units),
            drawn=bool(drawn),
            as_measured=as_measured,
            trials=trials,
        ),
        _numbers(model),
        [sentence(text) for text in remarks],
        as_measured,
        units[usable],
        on_curve,
        z,
    )


def _words(
    model: RectificationModel,
    n: int,
    n_all: int,
    *,
    drawn: bool,
    as_measured: bool,
    trials: bool,
) -> list[str]:
    fit = model.goodness_of_fit_
    of = f"{n} of {n_all} units" if n < n_all else f"{n} units"
    which = "drawn at random from those" if drawn else "those"
    words = [] if as_measured else [RECTIFIED_FIRST]
    words += [
        f"Fitted to {of}, {which} of positive dynamic range and a correlation within ±1.",
        f"At the measured dynamic range the curve explains {100 * max(fit.r_squared, 0):.0f} % of "
        "the variance of Fisher's z between units.",
    ]
    if trials:
        words.append(
            "Trial noise adds to what the number of images leaves uncertain, so that the errors "
            "are as large as the units' scatter about the curve, and the fit is not tested."
        )
    elif np.isfinite(fit.p_value):
        verb = "lie further from" if fit.p_value < 0.05 else "lie no further from"
        words.append(f"The units {verb} the curve than the model allows ({p_words(fit.p_value)}).")
    return words


def _numbers(model: RectificationModel) -> list[tuple[str, str, str]]:
    law = model.power_law_, model.power_law_error_
    bounds = {name: model.interval_[name].values for name in ("rho", "sigma")}
    return [
        ("ρ, correlation of the inputs", number_text(model.rho_), _span(bounds["rho"])),
        (
            "σ of the inputs, in units of the responses",
            f"{model.sigma_:.3g}",
            _span(bounds["sigma"]),
        ),
        ("b of the power law z = a vᵇ", number_text(law[0].b), f"± {law[1].b:.2f} (s.e.)"),
    ]


def _span(bounds: np.ndarray) -> str:
    return " to ".join("∞" if np.isinf(end) else f"{end:.3g}" for end in bounds)
