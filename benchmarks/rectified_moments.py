"""Rate of rectified_moments against scipy's bivariate normal probability, called pair by pair.

Each rectified covariance needs at least one such probability, so that calling it is the floor of
any other way. Equality comes first: covariances are rebuilt from scipy's probabilities by the
textbook formula. Rounds are interleaved, and ratios taken within a round: by the clock, with every
core that is free, and by the processor's time, which other work on the machine leaves as it is.

python benchmarks/rectified_moments.py
"""

import os
import time

import numpy as np
from scipy.stats import multivariate_normal, norm

from artiphys.rectification.covariance import rectified_covariance
from artiphys.rectification.moments import rectified_moments


def main(
    n_evaluations: int = 10_000_000, n_pairs: int = 2000, n_rounds: int = 5, n_units: int = 2000
) -> dict[str, float]:
    rng = np.random.default_rng(0)
    h, k = rng.uniform(-6, 8, (2, n_evaluations))
    rho = rng.uniform(-1, 1, n_evaluations)
    sigma1, sigma2 = rng.uniform(0.5, 2, (2, n_evaluations))
    check_equality(h[:n_pairs], k[:n_pairs], rho[:n_pairs])
    cases = {
        "one unit at image and shift, one rho": (h, h, 1.0, 1.0, 0.7),
        "any pair, one rho": (h, k, 1.0, 1.0, 0.7),
        "everything different": (h * sigma1, k * sigma2, sigma1, sigma2, rho),
    }
    ratios: dict[str, list[np.ndarray]] = {name: [] for name in cases}
    for _ in range(n_rounds):
        for name, arguments in cases.items():
            ours = seconds(lambda a=arguments: rectified_moments(*a)) / n_evaluations
            peer = seconds(lambda: pairwise(h[:n_pairs], k[:n_pairs], rho[:n_pairs])) / n_pairs
            ratios[name].append(peer / ours)
    print(f"{n_evaluations:,} evaluations, {os.cpu_count()} cores, median of {n_rounds} rounds")
    result = {}
    for name, values in ratios.items():
        by_clock, by_processor = np.median(values, axis=0)
        print(
            f"{name}: {by_clock:.0f} times the rate of multivariate_normal.cdf, "
            f"{by_processor:.0f} times by the processor's time"
        )
        result[name] = float(by_clock)
    root = rng.normal(size=(n_units, n_units))
    mean, cov = rng.normal(size=n_units), root @ root.T / n_units
    elapsed, _ = seconds(lambda: rectified_covariance(mean, cov))
    product, _ = seconds(lambda: cov @ cov)
    print(f"rectified_covariance, n = {n_units}: {elapsed:.2f} s, {elapsed / product:.1f} products")
    return result


def check_equality(h, k, rho):
    """Assert that the covariance is the one that scipy's probabilities give."""
    moments = rectified_moments(h, k, 1, 1, rho)
    root = np.sqrt(1 - rho**2)
    power = (h * h - 2 * rho * h * k + k * k) / (2 * root**2)
    product = (h * k + rho) * pairwise(h, k, rho) + root * np.exp(-power) / (2 * np.pi)
    product += k * norm.pdf(h) * norm.cdf((k - rho * h) / root)
    product += h * norm.pdf(k) * norm.cdf((h - rho * k) / root)
    # To the digits that are left of scipy's once the means' product is taken off.
    digits = 1e-12 * (1 + np.abs(h * k))
    np.testing.assert_array_less(
        np.abs(moments.cov - (product - moments.mean1 * moments.mean2)), digits
    )


def pairwise(h, k, rho):
    return np.array(
        [
            multivariate_normal.cdf([a, b], mean=[0, 0], cov=[[1, r], [r, 1]])
            for a, b, r in zip(h, k, rho, strict=True)
        ]
    )


def seconds(call):
    """Return what a call takes by the clock and, on all cores together, by the processor."""
    start = np.array([time.perf_counter(), time.process_time()])
    call()
    return np.array([time.perf_counter(), time.process_time()]) - start


if __name__ == "__main__":
    main()
