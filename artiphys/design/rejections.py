"""How often a test says yes, with the interval of that rate."""

import numpy as np

__all__ = ["rate_text", "rejections"]


def rejections(
    p_value: np.ndarray, alpha: float, *, no_answer_counts: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many experiments count, the share of p-values below alpha, and its interval.

    Parameters
    ----------
    p_value : numpy.ndarray, (..., experiment)
        NaN where there is none.
    alpha : float
    no_answer_counts : bool
        Whether an experiment without a p-value counts, as one that found nothing.

    Returns
    -------
    n_answered : numpy.ndarray, (...)
        With a p-value.
    rate : numpy.ndarray, (...)
    interval : numpy.ndarray, (..., 2)
        Wilson's, 95 %; NaN without experiments.
    """
    from statsmodels.stats.proportion import proportion_confint  # slow to load

    n_answered = np.isfinite(p_value).sum(-1)
    n = np.full(n_answered.shape, p_value.shape[-1]) if no_answer_counts else n_answered
    count = (p_value < alpha).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(n > 0, count / np.maximum(n, 1), np.nan)
        bounds = proportion_confint(count, np.maximum(n, 1), method="wilson")
    interval = np.where((n > 0)[..., None], np.stack(bounds, axis=-1), np.nan)
    return n_answered, rate, interval


def rate_text(rate: float, n: int) -> str:
    """Return a share of `n` experiments with no more digits than so many experiments can tell."""
    return f"{rate:.{2 if n <= 100 else 3}f}"
