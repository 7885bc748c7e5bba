"""Cautions: what calibration found amiss on data of the same kind, with its figures.

The page *Calibration* has the experiments.
"""

import numpy as np

from artiphys.signatures.relation import Relation
from artiphys.signatures.shortfalls import MIN_SESSIONS

__all__ = ["CAUTIONS", "cautions_at_large", "cautions_on_these_images", "images_share"]

CAUTIONS = {  # of estimates from trials that are not the default's
    None: "noise adds to dynamic range and takes from invariance, which makes a relation by "
    "itself; to test for one take the default of noise",
    "corrected": "both quantities are from the same trials, so that their errors go together; to "
    "test for a relation take the default of noise",
    "split": "one way of many to halve the trials, and r_s too near 0 by noise; the default of "
    "noise averages many and makes up for it",
}

# Units times the images' share in what they differ by: below it the false-positive rate for images
# at large was 3 to 6 %, from it on 8 to 27 %.
MANY_UNITS = 8
FEW_UNITS = 16
FEW_SESSIONS = 12
LOW_RELIABILITY = 0.25  # of invariance on these images
FEW_IMAGES = 12
BENT = 2.6  # standard errors of the curvature: 1 in 100 by chance
LEAST_WORTH = 1 / 3  # of the units, where none share their tuning; 0.45 to 0.6 is usual
LOWEST_KNOWN = 0.15  # reliability of invariance for images at large
MANY_LEFT_OUT = 0.25


def cautions_at_large(relation: Relation, *, n_images: int, n_sessions: int = 0) -> str:
    """Return what may be amiss with an estimate for images at large; empty if nothing is.

    Parameters
    ----------
    relation : Relation
    n_images : int
    n_sessions : int
        In which the units were recorded; 0 where sessions are resampled or not known.
    """
    if not np.isfinite(relation.p_value):
        return ""
    found = []
    curvature = relation.curvature or 0.0
    if abs(curvature) > BENT:
        ends, middle = ("higher", "lower") if curvature > 0 else ("lower", "higher")
        found.append(
            f"bent (invariance is {ends} at both ends of dynamic range than a line says, and "
            f"{middle} between, by {abs(curvature):.1f} standard errors): r_s is the trend over "
            "all units, and not the whole relation; look at the figure"
        )
    if n_images < FEW_IMAGES:
        found.append(
            f"few images ({n_images}): the p-value and the interval hold, but r_s came out 0.15 "
            "too low with 6 images, 0.05 to 0.09 with 8 and 0.04 with 10"
        )
    if relation.n_effective is not None and relation.n_effective < FEW_UNITS:
        found.append(
            f"few units (what {relation.n_units} say is worth {relation.n_effective:.0f} that were "
            "measured well): the interval is wide, and one unit may move the estimate"
        )
    elif _hardly_respond(relation):
        found.append(
            f"of {relation.n_units} units few tell much (all are worth {relation.n_effective:.0f} "
            "that were measured well): r_s over all takes the relation to go on among those that "
            "hardly respond"
        )
    reliability = max(relation.reliability_invariance or 0.0, 0.0)
    if reliability < LOWEST_KNOWN:
        found.append(
            f"noisy (the reliability of invariance is {reliability:.2f}): the p-value and the "
            "interval hold, but the size of r_s rests on how invariance is distributed over units, "
            "which such data hardly tell"
        )
    if relation.n_sharing_tuning:
        found.append(
            f"of {relation.n_units} units {relation.n_sharing_tuning} share their tuning with "
            "another (signal correlation above 0.7), as one cell that was sorted twice does; the "
            "interval allows for it"
        )
    if MIN_SESSIONS <= n_sessions < FEW_SESSIONS:
        lower, upper = relation.lower_over_sessions, relation.upper_over_sessions
        if lower is not None and upper is not None and np.isfinite(lower):
            found.append(
                f"few sessions ({n_sessions}) to tell whether the units of one are alike: "
                f"if they are, the interval is that over sessions at large, {lower:.2f} to "
                f"{upper:.2f}"
            )
    return "; ".join(found)


def _hardly_respond(relation: Relation) -> bool:
    worth = relation.n_effective
    alone = not relation.n_sharing_tuning
    return alone and worth is not None and worth < LEAST_WORTH * relation.n_units


def cautions_on_these_images(relation: Relation, *, share: float, n_image: int) -> str:
    """Return what may be amiss with an estimate on these images; empty if nothing is.

    Parameters
    ----------
    relation : Relation
    share : float
        From :func:`images_share`.
    n_image : int
    """
    if not np.isfinite(relation.p_value):
        return ""
    found = []
    n_unit, reliability = relation.n_units, max(relation.reliability_invariance or 0.0, 0.0)
    if n_unit * share > MANY_UNITS:
        found.append(
            f"few images ({n_image}) for what {n_unit} units differ in dynamic range, of which the "
            f"choice of images makes {100 * share:.0f} %: without a relation among images at large "
            "8 to 27 % of such experiments had p < 0.05; resample=('image', 'unit') asks about "
            "images at large"
        )
    if n_unit < FEW_UNITS:
        found.append(
            f"few units ({n_unit}): without a relation 5 to 6 % of such experiments had p < 0.05"
        )
    if reliability < LOW_RELIABILITY:
        found.append(
            f"noisy (the reliability of invariance is {reliability:.2f}): the p-value holds, but "
            "where there was a relation in such data r_s came out a quarter too large, or not at "
            "all"
        )
    unseen = (relation.n_too_noisy or 0) + (relation.n_without_signal or 0)
    if unseen > MANY_LEFT_OUT * (n_unit + unseen):
        found.append(
            f"of {n_unit + unseen} units {unseen} answer too little or too noisily to be ranked; "
            "if what hides them goes with invariance, r_s over those that are seen is another than "
            "over all: where noise or gain went with invariance 13 to 16 % of experiments without "
            "a relation over all units had p < 0.05"
        )
    return "; ".join(found)


def images_share(means: np.ndarray) -> float:
    r"""Return the share that the choice of images has in how units differ in log dynamic range.

    .. math:: \frac{\overline{(m_4 / m_2^2 - 1) / n}}{\mathrm{Var} \log m_2}

    with the moments of a unit's responses about their mean over n images: the numerator is the
    sampling variance of the log of a variance. It comes out a quarter too small where tuning is
    skewed, whose tail few images show.

    Parameters
    ----------
    means : numpy.ndarray, (unit, image)
        NaN where not measured.

    Returns
    -------
    float
        0 for fewer than 2 units that vary.
    """
    known = np.isfinite(means)
    n = known.sum(1)
    filled = np.where(known, means, 0.0)
    deviation = np.where(known, filled - (filled.sum(1) / np.maximum(n, 1))[:, None], 0.0)
    squared = deviation**2
    m2, m4 = (of.sum(1) / np.maximum(n, 1) for of in (squared, squared**2))
    vary = m2 > 0
    if vary.sum() < 2:
        return 0.0
    by_images = ((m4[vary] / m2[vary] ** 2 - 1) / n[vary]).mean()
    among_units = np.log(m2[vary]).var(ddof=1)
    return float(min(by_images / among_units, 1.0)) if among_units > 0 else 1.0
