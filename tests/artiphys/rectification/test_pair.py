"""What all rectified moments are made of: two inputs above threshold."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from artiphys.rectification.pair import marginal, probability_both_above, standardised


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.4, 0.99])
def test_the_probability_of_both_is_scipys(rho):
    m = np.array([-2.0, 0.0, 1.3])
    peer = multivariate_normal(mean=[0, 0], cov=[[1, rho], [rho, 1]])
    np.testing.assert_allclose(
        probability_both_above(m, rho), [peer.cdf([x, x]) for x in m], atol=1e-9
    )


def test_a_marginal_is_one_function_on_both_sides_of_its_change_of_scale():
    h = np.array([-6.0 - 1e-9, -6.0])
    below, above = (np.array([values[i] for values in marginal(h)]) for i in (0, 1))
    scale = np.exp(-9.0)
    np.testing.assert_allclose(below * [1, scale, scale, scale, 1], above, rtol=1e-7)


def test_mu_over_sigma_has_its_limits_where_sigma_is_0():
    h = standardised(np.array([1.0, 0.0, -1.0]), np.zeros(3))
    assert h[0] > 1e60
    assert h[1] == 0
    assert h[2] < -1e60
