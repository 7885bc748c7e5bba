"""One number a unit for its invariance over many positions."""

from typing import Literal

import numpy as np
import xarray as xr

from artiphys.errors import InputError
from artiphys.estimators.measurement import resolved_noise, without_dims
from artiphys.estimators.signal_moments import Cells, cells_of, signal_moments
from artiphys.responses.schema import require

__all__ = ["translation_invariance"]


def translation_invariance(
    responses: xr.DataArray, *, noise: Literal["auto", "corrected"] | None = "auto"
) -> xr.DataArray:
    r"""Return the translation-invariance index of each unit, over all pairs of positions.

    .. math:: \mathrm{TI}_u = \frac{\sum_{p \ne q} \operatorname{cov}_i(y_{uip}, y_{uiq})}
              {\sum_{p \ne q} s_{up} s_{uq}}

    The mean correlation between positions, each pair weighted by its standard deviations, so that
    positions at the rim of the receptive field count little.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        In any units of response; NaN means not measured.
    noise : {"auto", None, "corrected"}
        As in :func:`artiphys.invariance`; "auto" is "corrected" with trials, None without.

    Returns
    -------
    xarray.DataArray, (unit)
        Dimensionless, at most 1 without noise. attrs count the undefined, those beyond ±1, and the
        positions (of all units) left out because no signal was found there.

    Raises
    ------
    InputError
        If dims are missing, there is one position, or no cell has the 2 trials that say how noisy
        it is.

    Notes
    -----
    Each pair is measured over the images seen at both. A position whose signal variance is not
    positive is left out. NaN for units with fewer than 2 positions left.

    References
    ----------
    Pospisil, D. A., Pasupathy, A. & Bair, W. (2018). 'Artiphysiology' reveals V4-like shape tuning
    in a deep network trained for image classification. eLife 7, e38242.
    https://doi.org/10.7554/eLife.38242

    Examples
    --------
    >>> import xarray as xr
    >>> responses = xr.DataArray([[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]],
    ...                          dims=("unit", "image", "position"))
    >>> float(translation_invariance(responses)[0].round(9))
    1.0
    """
    if noise not in ("auto", "corrected", None):
        msg = f"noise must be None, 'auto' or 'corrected'; got {noise!r}"
        raise InputError(msg)
    responses = require(responses).compute()
    corrects = resolved_noise(responses, noise) is not None
    if responses.sizes["position"] < 2:
        msg = "'position' must have at least 2 values to measure invariance; got 1"
        raise InputError(msg)
    index, n_left_out = _index(_cells(responses, corrects))
    result = without_dims(responses, "image", "position", "trial").copy(data=index)
    result.name = "translation_invariance"
    result.attrs = {
        "units": "1",
        "noise": "corrected" if corrects else "as measured",
        "formula": "summed covariance of pairs of positions over their summed products of SDs",
        "n_undefined": int(np.isnan(index).sum()),
        "n_out_of_range": int((np.abs(index) > 1 + 1e-9).sum()),
        "n_positions_left_out": n_left_out,
    }
    return result


def _cells(responses: xr.DataArray, corrects: bool) -> Cells:
    values = responses.values.astype(float)
    cells = cells_of(values if "trial" in responses.dims else values[..., None])
    return cells if corrects else cells._replace(noise=np.zeros(cells.noise.shape))


def _index(cells: Cells) -> tuple[np.ndarray, int]:
    n_unit, _, n_position = cells.n.shape
    positions = range(n_position)
    variance = np.stack([signal_moments(cells, at).variance[:, at] for at in positions], axis=-1)
    has_signal = variance > 0
    covariances, products = np.zeros(n_unit), np.zeros(n_unit)
    n_pair = np.zeros(n_unit, dtype=int)
    for at in positions:
        moments = signal_moments(cells, at)
        both = np.where(
            (moments.variance > 0) & (moments.variance_reference > 0),
            moments.variance * moments.variance_reference,
            np.nan,
        )
        used = has_signal & has_signal[:, [at]] & np.isfinite(both)
        used[:, at] = False
        covariances += np.where(used, moments.covariance, 0.0).sum(1)
        products += np.where(used, np.sqrt(both), 0.0).sum(1)
        n_pair += used.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = np.where(n_pair > 0, covariances / products, np.nan)
    return index, int((variance <= 0).sum())
