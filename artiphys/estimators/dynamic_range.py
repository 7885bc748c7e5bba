"""Dynamic range: the variance of a unit's responses across images."""

from collections.abc import Hashable

import numpy as np
import xarray as xr

from artiphys.estimators.measurement import Measurement, Noise, measurement, without_dims
from artiphys.estimators.moments import moments_across_images
from artiphys.estimators.signal_moments import Cells, signal_moments

__all__ = ["dynamic_range", "dynamic_range_of"]

FORMULAS = {
    None: "variance across images, ddof 1",
    "corrected": "variance across images, ddof 1, less the mean noise variance of the cells' means",
    "split": "as corrected, in the first of two halves of the trials",
}


def dynamic_range(
    responses: xr.DataArray, *, reference: Hashable | None = None, noise: Noise = "auto"
) -> xr.DataArray:
    r"""Return each unit's dynamic range: the variance of its responses across images.

    .. math:: s_u^2 = \frac{1}{n - 1} \sum_i (\bar y_{ui} - \bar y_u)^2
              - \frac{1}{n} \sum_i \frac{\hat\sigma_{ui}^2}{m_{ui}}

    with the mean responses to n images at the reference position, each over m trials whose variance
    is sigma². The second term, the noise, is left out with ``noise=None``.

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
        In any units of response; NaN means not measured.
    reference : str or number, optional
        Label of the reference position; ``attrs["reference"]`` by default. "best": each unit's own,
        where it answers most in a third of its trials, which the estimate then does not use.
    noise : {"auto", None, "corrected", "split"}
        None takes the mean responses as they are. "corrected" takes the noise off, by the variance
        between the trials of each cell. "split" does so within one half of the trials, those that
        the invariance does not use. "auto" is None without a ``trial`` dim, else "split".

    Returns
    -------
    xarray.DataArray, (unit)
        In the square of the responses' units. attrs say the formula and count the undefined and
        the negative.

    Raises
    ------
    InputError
        If dims are missing, labels repeat, the reference is not among the positions, or no cell has
        the 2 trials that say how noisy it is.

    Notes
    -----
    As measured, the variance is too large by the noise. Corrected, it is unbiased for any numbers
    of repeats from 2, and negative by chance where there is little signal: such values are kept. A
    cell of one trial takes the noise variance of the unit's other cells at that position. NaN for
    units with fewer than 2 images.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2019). The natural tendency of feed forward neural networks to favor
    invariant units. Advances in Neural Information Processing Systems 32.

    Pospisil, D. A. & Bair, W. (2021). Accounting for biases in the estimation of neuronal signal
    correlation. J. Neurosci. 41. https://doi.org/10.1523/JNEUROSCI.2775-20.2021

    Examples
    --------
    >>> import xarray as xr
    >>> responses = xr.DataArray([[[1.0], [2.0], [3.0]]], dims=("unit", "image", "position"),
    ...                          coords={"position": [0]}, attrs={"reference": 0})
    >>> float(dynamic_range(responses)[0])
    1.0

    Two trials of each, one above and one below: their variance 2, halved, comes off.

    >>> trials = xr.concat([responses + 1, responses - 1], "trial", combine_attrs="override")
    >>> float(dynamic_range(trials, noise="corrected")[0])
    0.0
    """
    return dynamic_range_of(measurement(responses, reference=reference, noise=noise))


def dynamic_range_of(measured: Measurement) -> xr.DataArray:
    """Return :func:`dynamic_range` of what was checked already."""
    variance = np.full(measured.own.size, np.nan)
    for at, members in measured.by_reference():
        variance[members] = _variance(measured, at, members)
    result = without_dims(measured.responses, "image", "position", "trial").copy(data=variance)
    result.name = "dynamic_range"
    result.attrs = {
        "units": f"({measured.responses.attrs.get('units', 'a.u.')})²",
        "reference": measured.reference,
        "noise": measured.noise or "as measured",
        "formula": FORMULAS[measured.noise],
        "n_undefined": int(np.isnan(variance).sum()),
        "n_negative": int((variance < 0).sum()),
    }
    return result


def _variance(measured: Measurement, at: int, members: np.ndarray) -> np.ndarray:
    if measured.noise is None and not measured.is_best:
        return measured.moments.variance[:, at]
    if measured.noise is None:
        return moments_across_images(measured.values[members][:, :, [at]], 0).variance[:, 0]
    corrected = measured.noise == "corrected"
    cells = Cells(*(of[members] for of in (measured.cells if corrected else measured.halved.first)))
    return signal_moments(cells, at).variance[:, at]
