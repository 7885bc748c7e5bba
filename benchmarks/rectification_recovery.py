"""Recovery of the rectified-Gaussian model's parameters, and coverage of their intervals.

Populations of units are simulated image by image, measured, and fitted. Prints one Markdown row a
setting: the errors of rho and sigma, how often their 95 % intervals hold the truth, how often the
goodness of fit rejects a true model at 5 %, and how often the fit warns that sigma or the curve is
poorly identified. "told" is whether the fit knows the number of images; by default it does not.
Run: python benchmarks/rectification_recovery.py
"""

import argparse
import sys
import time
import warnings

import numpy as np

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.rectification.model import RectificationModel

POPULATIONS = {
    "normal(0, 1)": lambda rng, n: rng.normal(0, 1, n),
    "normal(1, 0.5)": lambda rng, n: rng.normal(1, 0.5, n),
    "normal(-1, 0.5)": lambda rng, n: rng.normal(-1, 0.5, n),
    "normal(-2, 0.3)": lambda rng, n: rng.normal(-2, 0.3, n),
    "uniform(-2, 2)": lambda rng, n: rng.uniform(-2, 2, n),
    "two groups": lambda rng, n: np.where(
        rng.random(n) < 0.5, rng.normal(-1.5, 0.2, n), rng.normal(2, 0.3, n)
    ),
    "-1.5 + exponential": lambda rng, n: -1.5 + rng.exponential(1, n),
    "1 - exponential": lambda rng, n: 1 - rng.exponential(1, n),
    "-2 + 3 beta(2, 2)": lambda rng, n: -2 + 3 * rng.beta(2, 2, n),
    "uniform(-1.5, 0)": lambda rng, n: rng.uniform(-1.5, 0, n),
    "all at 0.5": lambda rng, n: np.full(n, 0.5),
}
SETTINGS = [
    ("normal(0, 1)", 0.5, 200, 500),
    ("normal(0, 1)", 0.9, 200, 500),
    ("normal(1, 0.5)", 0.7, 200, 500),
    ("normal(-1, 0.5)", 0.7, 200, 500),
    ("uniform(-2, 2)", 0.7, 200, 500),
    ("two groups", 0.7, 200, 500),
    ("-1.5 + exponential", 0.7, 200, 500),
    ("normal(-2, 0.3)", 0.7, 200, 500),
    ("normal(0, 1)", 0.7, 80, 60),
    ("normal(0, 1)", 0.7, 40, 500),
    ("1 - exponential", 0.7, 200, 500),
    ("-2 + 3 beta(2, 2)", 0.7, 200, 500),
    ("normal(0, 1)", 0.7, 100, 500, "no"),
    ("normal(1, 0.5)", 0.7, 100, 500, "no"),
    ("uniform(-2, 2)", 0.7, 100, 500, "no"),
    ("two groups", 0.7, 100, 500, "no"),
    ("normal(0, 1)", 0.7, 80, 60, "no"),
    ("1 - exponential", 0.7, 100, 500, "no"),
    ("-2 + 3 beta(2, 2)", 0.7, 100, 500, "no"),
    ("all at 0.5", 0.7, 100, 500, "no"),
    ("normal(-1, 0.5)", 0.7, 100, 500, "no"),
    ("uniform(-1.5, 0)", 0.7, 100, 500, "no"),
    ("-1.5 + exponential", 0.7, 100, 500, "no"),
    ("normal(-2, 0.3)", 0.7, 100, 500, "no"),
    ("normal(0, 1)", 0.7, 100, 500, "yes", 0.1),
    ("normal(0, 1)", 0.7, 100, 5000, "yes", 0.1),
    ("normal(0, 1)", 0.7, 100, 500, "no", 0.1),
]
SIGMA = 1.3


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--p-values", type=int, default=0, help="replicates that get a p-value too")
    parser.add_argument("--resamples", type=int, default=39, help="behind each p-value")
    parser.add_argument("--settings", type=int, nargs="*", help="rows to run; default all")
    options = parser.parse_args(arguments)
    print(
        "| mu/sigma | rho | units | images | told | rho: median, 95 % error "
        "| sigma: median, 95 % error | intervals hold rho, sigma | rejected at 5 % | warned "
        "| refused | s a fit |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for row in options.settings or range(len(SETTINGS)):
        print(recovery(*SETTINGS[row], options=options), flush=True)


def recovery(population, rho, n_units, n_images, told="yes", spread=0.0, *, options) -> str:
    rng = np.random.default_rng([n_units, n_images, int(100 * rho)])
    errors, within, rejected, refused, warned = [], [], [], 0, 0
    start = time.perf_counter()
    for replicate in range(options.replicates):
        m = POPULATIONS[population](rng, n_units)
        rho_of_units = np.clip(rng.normal(rho, spread, n_units), 0, 0.95) if spread else rho
        variance, invariance = measured(m, rho_of_units, n_images, rng)
        n_resamples = options.resamples if told == "yes" and replicate < options.p_values else 0
        model = RectificationModel(
            n_images=n_images if told == "yes" else None, n_resamples=n_resamples, rng=rng
        )
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", ArtiphysWarning)
                model.fit(variance, invariance)
        except InputError:
            refused += 1
            continue
        warned += any("left out" not in str(each.message) for each in caught)
        errors.append([model.rho_ / rho - 1, model.sigma_ / SIGMA - 1])
        bounds = model.interval_
        within.append(
            [
                bounds["rho"][0] <= rho <= bounds["rho"][1],
                bounds["sigma"][0] <= SIGMA <= bounds["sigma"][1],
            ]
        )
        if n_resamples:
            rejected.append(model.goodness_of_fit_.p_value <= 0.05)
    seconds = (time.perf_counter() - start) / options.replicates
    size = np.abs(errors)
    median, most = 100 * np.median(size, axis=0), 100 * np.quantile(size, 0.95, axis=0)
    covered = 100 * np.mean(within, axis=0)
    share = f"{100 * np.mean(rejected):.0f} %" if rejected else "-"
    rho_of_units = f"{rho} ± {spread}" if spread else rho
    return (
        f"| {population} | {rho_of_units} | {n_units} | {n_images} | {told} "
        f"| {median[0]:.2f}, {most[0]:.2f} % "
        f"| {median[1]:.1f}, {most[1]:.1f} % | {covered[0]:.0f}, {covered[1]:.0f} % | {share} "
        f"| {100 * warned / max(len(errors), 1):.0f} % "
        f"| {refused} of {options.replicates} | {seconds:.2f} |"
    )


def measured(mu_over_sigma, rho, n_images, rng):
    """Return sample variance and correlation of rectified inputs to images and shifted images."""
    shape = (mu_over_sigma.size, n_images)
    rho = np.broadcast_to(rho, mu_over_sigma.shape)[:, np.newaxis]
    reference = rng.normal(size=shape)
    shifted = rho * reference + np.sqrt(1 - rho**2) * rng.normal(size=shape)
    reference, shifted = (
        SIGMA * np.maximum(values + mu_over_sigma[:, np.newaxis], 0)
        for values in (reference, shifted)
    )
    variance = reference.var(axis=1, ddof=1)
    centred = [v - v.mean(axis=1, keepdims=True) for v in (reference, shifted)]
    root = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    with np.errstate(invalid="ignore"):
        return variance, (centred[0] * centred[1]).sum(axis=1) / root


if __name__ == "__main__":
    main(sys.argv[1:])
