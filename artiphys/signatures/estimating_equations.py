r"""The equations that the slope of invariance on dynamic range solves, in ranks.

An image held out gives each unit a score y of its rank of invariance times a scale, and a score s
of that scale. The coefficients b solve

.. math:: \sum_{u, i} \frac{w_{ui}}{T_{ui}} \, d_{ui} \bigl( y_{ui} - s_{ui} \, d_{ui}^\top b
          \bigr) = 0, \qquad d_{ui} = (1, X_{ui} - \bar X, Q_{ui}, Z_u),

with X the rank of dynamic range and Q the square of its distance from the middle, both expected in
proportion to the scale, T the scale and w a weight by precision, all from the other images, and Z
what is held constant: instrumental variables, whose errors have nothing in common with those of y
and s.
"""

from typing import NamedTuple

import numpy as np

from artiphys.signatures.held_out_scores import MIDDLE, Scores

__all__ = ["Equations", "estimating_equations"]


class Equations(NamedTuple):
    """Estimating equations at their solution; the slope is the second of the coefficients."""

    design: np.ndarray  # (coefficient, unit, image)
    instrument: np.ndarray  # (coefficient, unit, image)
    coefficients: np.ndarray  # (coefficient): middle, slope, curvature if asked for, what is held
    influence: np.ndarray  # (coefficient, unit, image), on each
    by_rank: np.ndarray  # (unit), by how much the slope falls if a unit's rank rises
    leverage: np.ndarray  # (unit), on all the coefficients
    leverage_on_slope: np.ndarray  # (unit), their sum 1


def estimating_equations(scores: Scores, fixed: np.ndarray, *, bent: bool) -> Equations:
    """Return the equations, solved.

    Parameters
    ----------
    scores : Scores
    fixed : numpy.ndarray, (unit, covariate)
        What is held constant.
    bent : bool
        Whether the relation may be a parabola. In ranks it leaves the trend to the slope, as the
        square of a rank's distance from the middle is orthogonal to the rank.
    """
    middle = (scores.precision * scores.rank_by_scale).sum() / scores.precision.sum()
    x = scores.rank_by_scale - middle
    columns = [np.ones_like(x), x, *([scores.rank_squared] if bent else [])]
    columns += [np.broadcast_to(z[:, None], x.shape) for z in fixed.T]
    design = np.stack(columns)
    instrument = scores.precision / scores.scale * design
    inverse = np.linalg.pinv(np.einsum("aui,ui,bui->ab", instrument, scores.s, design))
    coefficients = inverse @ np.einsum("aui,ui->a", instrument, scores.y)
    residual = scores.y - scores.s * np.einsum("a,aui->ui", coefficients, design)
    on_slope = np.einsum("a,aui,ui->ui", inverse[1], instrument, scores.s)
    steepness = coefficients[1]
    if bent:
        steepness = steepness + 2 * coefficients[2] * (scores.rank_by_scale - MIDDLE)
    return Equations(
        design,
        instrument,
        coefficients,
        influence=np.einsum("ab,bui->aui", inverse, instrument) * residual,
        by_rank=(on_slope * steepness).sum(1),
        leverage=np.einsum("aui,ab,bui,ui->u", design, inverse, instrument, scores.s),
        leverage_on_slope=(on_slope * x).sum(1),
    )
