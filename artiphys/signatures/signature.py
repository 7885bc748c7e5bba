"""The signature of an area: how its units' invariance goes with their dynamic range."""

from collections.abc import Hashable, Sequence
from typing import Any

import xarray as xr

from artiphys.estimators.measurement import Noise
from artiphys.progress import bars
from artiphys.signatures.averages import signature_of_averages
from artiphys.signatures.groups import q_values
from artiphys.signatures.request import request
from artiphys.signatures.trials import signature_of_trials

__all__ = ["signature"]


def signature(
    responses: xr.DataArray,
    *,
    by: str = "area",
    reference: Hashable | None = None,
    noise: Noise = "auto",
    resample: Sequence[str] | None = None,
    covariates: str | Sequence[str] = (),
    n_resamples: int = 10_000,
    level: float = 0.95,
    rng: Any = None,
    progress: bool | None = None,
) -> xr.Dataset:
    r"""Return Spearman's correlation between dynamic range and invariance, for each group of units.

    .. math:: r_s = \operatorname{corr}_u(\operatorname{rank} s_u^2, \operatorname{rank} r_{up})

    Parameters
    ----------
    responses : xarray.DataArray, (unit, image, position) or (unit, image, position, trial)
    by : str
        The coordinate along ``unit`` whose values are the groups.
    reference : str or number, optional
        Label of the reference position; ``attrs["reference"]`` by default. "best": each unit's own,
        chosen on trials that are then not used.
    noise : {"auto", None, "corrected", "split"}
        How the two quantities are estimated, as in :func:`artiphys.dynamic_range`. "auto" with
        trials: see the notes.
    resample : ("image", "unit"), ("unit",) or ("session", "unit"), optional
        What the answer is about and its uncertainty over. Images and units at large; units at
        large, on these very images; or sessions (the coordinate ``source``), and with trials images
        too. By default the first with trials, the second without. For images at large those of one
        ``image_group``, a coordinate along ``image``, count together: frames of a movie, say.
    covariates : str or sequence of str
        Held constant by partial rank correlation: names of numeric coordinates along ``unit``, or
        "mean_response", "signal_to_noise", "n_repeats". A unit without one of them is left out.
    n_resamples, level, rng
        As in :func:`artiphys.spearman`. With trials and "auto" nothing is drawn at random.
    progress : bool, optional
        Whether bars show how far it is; by default only on a terminal.

    Returns
    -------
    xarray.Dataset
        Over (`by`, position), the reference left out: ``spearman``, ``interval`` (lower and upper
        along ``ci_bound``), ``p_value`` (two-sided), ``q_value`` (the p-value's false discovery
        rate over all groups and positions, Benjamini and Hochberg) and ``n_units``, those with both
        quantities defined and all covariates. Groups are in the order in which they first appear.
        The units left out for want of a covariate are ``n_without_covariate``; the others, without
        trials or with another `noise`, ``n_undefined``. With trials and "auto" they are
        ``n_without_signal``, ``n_without_repeats`` (one repeat does not say how noisy it is),
        ``n_few_images`` (fewer than 6 images) and ``n_not_measured``; on these images
        ``n_too_noisy`` too. Where sessions are resampled, also ``n_sessions`` of the units. With
        trials also ``caution``, what is amiss with such data or such an estimate, empty if nothing,
        and, where noise is taken off, ``spearman_naive`` and ``p_value_naive``: what the responses
        as measured would have said, nothing held constant. With "auto" also
        ``reliability_dynamic_range`` and ``reliability_invariance``, the share of the variance of
        true ranks that the data know; for images at large ``n_effective``, how many well-measured
        units say as much, ``n_sharing_tuning`` and ``curvature``; on these images
        ``spearman_attenuated``.

    Raises
    ------
    InputError
        If a dim is empty, labels repeat, `by` is not a coordinate along ``unit`` or all of it is
        missing, or an argument is out of range or does not go with the others.

    Warns
    -----
    ArtiphysWarning
        Where units are left out, or do not belong to a group as `by` is NaN there, with the counts;
        where there are units, but too few that could be measured, or they do not measurably differ.

    Notes
    -----
    Without trials NaN for groups of fewer than 3 units. See :func:`artiphys.dynamic_range` and
    :func:`artiphys.invariance` for what makes a unit undefined.

    *Trials.* As measured, a noisy unit has too large a dynamic range or too little invariance, and
    the two go together where the signals do not. So does a sample of images, which is the same for
    both.

    *Images at large.* Each image is held out in turn. The others say each unit's rank X of dynamic
    range, and the image itself scores the unit's rank of invariance, linear in squares and products
    that are freed of noise; r_s is the slope of the one on the other, by instrumental variables, in
    units of the ranks' standard deviations. Nothing of noise or of the images is in both, and
    there is no ratio that noise could bias. Every unit counts by the precision with which it is
    known, and none is left out for its noise. Units of wide dynamic range are known best; where the
    relation is another among them than among the rest, a parabola in X takes the place of the line
    as far as the data show that it must, so that r_s is the trend over all units. ``curvature``
    says by how many standard errors the relation is bent. The error is over units and over images,
    and knows of units that share their tuning and of sessions that differ. r_s is within 0.05 of
    the truth where the reliability of invariance is above 0.3; below, the p-value holds but the
    size is less well known. The estimate can lie beyond ±1 by chance; the interval is cut there.
    NaN for fewer than 10 units or if they say too little; a p-value and no estimate where all units
    are alike in invariance, what is held constant explains most of a rank, or the standard error is
    above 1.

    *On these images.* Dynamic range and invariance are from halves of the trials, averaged over 32
    ways to halve them and divided by the reliability of each. A unit counts if noise gives its
    correlation a standard error of at most 0.5. NaN for fewer than 10 such units; where a
    reliability is below 0.1 there is a p-value but no estimate. With fewer than 4 repeats in the
    typical cell, or at one of two positions, the halves are of images. See the page *Calibration*
    for the measured error rates.

    References
    ----------
    Pospisil, D. A. & Bair, W. (2019). The natural tendency of feed forward neural networks to favor
    invariant units. Advances in Neural Information Processing Systems 32.

    Spearman, C. (1904). The proof and measurement of association between two things. Am. J.
    Psychol. 15(1), 72-101. https://doi.org/10.2307/1412159

    Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. J. R. Stat. Soc. B
    57(1), 289-300. https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    asked = request(
        responses,
        by=by,
        reference=reference,
        noise=noise,
        resample=resample,
        covariates=covariates,
        n_resamples=n_resamples,
        level=level,
        rng=rng,
    )
    of_trials = noise == "auto" and asked.measured.noise is not None
    with bars(progress):
        result = signature_of_trials(asked) if of_trials else signature_of_averages(asked)
    p_value = result["p_value"]
    return result.assign(q_value=(p_value.dims, q_values(p_value.values)))
