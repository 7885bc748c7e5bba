"""The likelihood of a population's variances and invariances."""

import numpy as np
import pytest

from artiphys.rectification.likelihood import Observed, _curve, _squares, maximise
from rectification_recovery import SIGMA, measured


def test_nearest_places_would_run_away_where_the_likelihood_stays():
    """Why mu/sigma is integrated out: left to be fitted, units go where errors are large."""
    rng = np.random.default_rng(15)
    variance, invariance = measured(rng.normal(0, 1, 200), 0.7, 500, rng)
    observed = Observed(np.log(variance), np.arctanh(invariance), 500)
    estimate = maximise(observed)
    assert np.exp(estimate.log_sigma) == pytest.approx(SIGMA, rel=0.05)

    def nearest(log_sigma, fisher_rho):
        curve = _curve(observed, estimate._replace(fisher_rho=fisher_rho))
        return _squares(observed, log_sigma, curve).min(axis=1).sum()

    here = nearest(estimate.log_sigma, estimate.fisher_rho)
    away = min(nearest(estimate.log_sigma + 3, z) for z in np.linspace(0.9, 3, 40))
    assert away < 0.5 * here
