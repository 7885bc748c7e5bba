r"""The paper's model fitted to a population of units: one curve, from rectification, for all.

Each unit's input is normal with its own mean and a common standard deviation; its values for an
image and the shifted image have the correlation rho, the same for all units. After rectification
variance and invariance lie on one curve, with mu/sigma along it: its end identifies rho and sigma,
its slope rho too.
"""

import inspect
import sys
import warnings
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy import stats

from artiphys.errors import ArtiphysWarning, InputError
from artiphys.rectification.curve import curve_correlation, curve_mu_over_sigma, exact_curve
from artiphys.rectification.goodness_of_fit import GoodnessOfFit, bootstrap_p_value, distances
from artiphys.rectification.identifiability import (
    require_bounds,
    require_relation,
    require_variances,
    usable_units,
    warn_of_no_units_near_end,
    warn_of_one_mu_over_sigma,
)
from artiphys.rectification.likelihood import (
    Estimate,
    Observed,
    estimate_at,
    maximise,
    posterior,
    profile_bounds,
)
from artiphys.rectification.power_law import PowerLaw, power_law

__all__ = ["RectificationModel", "StandardErrors"]


class StandardErrors(NamedTuple):
    """Standard errors of the parameters that all units share."""

    rho: float
    sigma: float


class RectificationModel:
    r"""One input correlation and one scale for all units, a mu/sigma for each.

    .. math:: S_u \sim N\left(\mu_u [1, 1], \sigma^2
              \begin{bmatrix} 1 & \rho \\ \rho & 1 \end{bmatrix}\right), \quad
              \text{dynamic range}_u = \mathrm{Var}\,\max(0, S_u), \quad
              \text{invariance}_u = \mathrm{Corr}\,\max(0, S_u)

    Parameters
    ----------
    n_images : int, optional
        Images behind each variance and correlation. They say how large sampling errors are, so that
        misfit can be told from chance and small-sample bias be removed. Without them the errors are
        as large as the units' scatter about the curve, and there is no p-value.
    level : float
        Of the intervals.
    n_resamples : int
        Simulated populations behind the p-value; 0 for none.
    rng : int, numpy.random.Generator, ...
        Anything :func:`numpy.random.default_rng` takes.

    Attributes
    ----------
    rho_, sigma_ : float
        Correlation of the inputs, and their standard deviation in the responses' units.
    interval_ : xarray.Dataset, (ci_bound)
        ``rho`` and ``sigma``, lower and upper; 0 or infinite where the data do not bound them.
    standard_errors_ : StandardErrors
        Of a normal distribution whose intervals are as wide.
    mu_over_sigma_ : xarray.DataArray, (unit)
        Mean of each unit's mu/sigma given its data and the population; NaN for units left out.
    mu_over_sigma_error_ : xarray.DataArray, (unit)
        Its standard deviation.
    population_ : xarray.Dataset, (component)
        ``weight``, ``mean`` and ``spread`` of the mixture of normals that mu/sigma comes from.
    power_law_, power_law_error_ : PowerLaw
        ``a, b`` of the paper's approximation ``z = a v^b``, fitted beside the model, and their
        standard errors.
    residuals_ : xarray.Dataset, (unit)
        ``fisher_z``: measured less predicted at the measured variance; ``distance``: from the
        nearest place on the curve in standard errors, positive above the curve.
    goodness_of_fit_ : GoodnessOfFit
    rho_scatter_ : float
        Standard deviation between units of Fisher's z of rho; 0 where the data ask for none.
    n_images_effective_ : float
        Images that would give the units' scatter about the curve (by its median), `n_images` at
        most. Far fewer say that units differ in more than mu/sigma.
    n_units_, n_left_out_ : int
        Units that could be used, and those that could not.

    Notes
    -----
    Maximum likelihood with each unit's mu/sigma integrated out over a population that is fitted
    too (see :mod:`artiphys.rectification.likelihood`); intervals by the likelihood ratio, over any
    population. A few units identify rho. sigma is identified only where the curve ends, by units
    above a mu/sigma of 1.5 or so: others leave it nearly open. A population with a sharp upper edge
    short of that, and many units at the edge, looks like one that reaches the end, and sigma comes
    out too low (by 15 % with the edge at 1) without a warning. Units may differ in rho; if they
    differ in sigma, the largest are taken for the curve's end, and the estimate is too high for the
    rest. Units are taken as independent: errors they share, as when few images drive all of them,
    are not in the intervals.

    Data that lie on the curve but for rounding, theory in place of measurements, are solved for rho
    and sigma by least squares (see :func:`artiphys.rectification.curve.exact_curve`), without a
    correction for sampling errors.

    References
    ----------
    Pospisil & Bair (2019), NeurIPS 32. Kiefer & Wolfowitz (1956), Ann. Math. Stat. 27:887,
    doi:10.1214/aoms/1177728066. Murphy & van der Vaart (2000), JASA 95:449,
    doi:10.1080/01621459.2000.10474219.

    Examples
    --------
    >>> from artiphys.rectification.moments import rectified_moments
    >>> m = np.linspace(-1.5, 2.5, 40)
    >>> truth = rectified_moments(3 * m, 3 * m, 3, 3, 0.6)
    >>> model = RectificationModel().fit(truth.var1, truth.corr)
    >>> round(model.rho_, 4), round(model.sigma_, 3)
    (0.6, 3.0)
    >>> model.predict([0.3408 * 9]).round(2)
    array([0.53])
    """

    rho_: float
    sigma_: float

    def __init__(
        self,
        *,
        n_images: int | None = None,
        level: float = 0.95,
        n_resamples: int = 200,
        rng: Any = None,
    ) -> None:
        self.n_images = n_images
        self.level = level
        self.n_resamples = n_resamples
        self.rng = rng

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({arguments})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "rho_")

    def __sklearn_tags__(self) -> Any:
        # Called by scikit-learn alone, which is loaded then; the core does not depend on it.
        utils: Any = sys.modules["sklearn.utils"]
        return utils.Tags(
            estimator_type=None,
            target_tags=utils.TargetTags(required=True),
            input_tags=utils.InputTags(one_d_array=True, two_d_array=False, allow_nan=True),
        )

    def fit(self, dynamic_range: Any, invariance: Any) -> "RectificationModel":
        """Fit the model.

        Parameters
        ----------
        dynamic_range : xarray.DataArray or array_like, (unit)
            Variance across images, at least 0; NaN for units without one.
        invariance : xarray.DataArray or array_like, (unit)
            Correlation across images with one shifted position.

        Returns
        -------
        RectificationModel
            Itself.

        Raises
        ------
        InputError
            If the data cannot identify the model, saying why: fewer than 3 units that differ, a
            constant, invariance that does not rise with dynamic range, negative variances, or a
            likelihood without a maximum.

        Warns
        -----
        ArtiphysWarning
            If units are left out, their correlation being ±1 or beyond; if invariance does not rise
            with dynamic range beyond chance, or units do not differ in mu/sigma; if sigma's
            interval is wide, or fewer than 2 % of the units are likely above a mu/sigma of 1.5; if
            units scatter more than half of `n_images` would explain.
        """
        self._reset()
        self._check_parameters()
        variance, correlation, coords = _along_unit(dynamic_range, invariance)
        used = usable_units(variance, correlation)
        require_relation(variance[used], correlation[used])
        observed = Observed(np.log(variance[used]), np.arctanh(correlation[used]), self.n_images)
        exact = exact_curve(observed.log_variance, observed.fisher_z)
        if exact:
            estimate = estimate_at(observed, exact.log_sigma, exact.fisher_rho)
            bounds = exact.bounds(self.level)
        else:
            estimate = maximise(observed)
            bounds = profile_bounds(observed, estimate, level=self.level)
            require_bounds(bounds, self.level)
            warn_of_one_mu_over_sigma(estimate)
            warn_of_no_units_near_end(estimate)
        self._set_parameters(estimate, bounds)
        self._set_units(observed, estimate, used, coords, exact=bool(exact))
        self.rho_scatter_ = estimate.scatter
        self.n_units_, self.n_left_out_ = int(used.sum()), int((~used).sum())
        law = power_law(variance[used], correlation[used])
        self.power_law_ = PowerLaw(law.a, law.b)
        self.power_law_error_ = PowerLaw(law.error_a, law.error_b)
        self._set_goodness_of_fit(observed, estimate)
        self._warn_of_scatter()
        return self

    def _warn_of_scatter(self) -> None:
        if self.n_images is None or self.n_images_effective_ >= self.n_images / 2:
            return
        msg = (
            f"units scatter about the curve as if there were {self.n_images_effective_:.0f} images,"
            f" not {self.n_images}: they differ in rho or sigma, or answer to so few images that"
            " neither estimates nor intervals can be trusted"
        )
        warnings.warn(msg, ArtiphysWarning, stacklevel=3)

    def predict(self, dynamic_range: Any) -> Any:
        """Return the invariance the curve has at given variances.

        Parameters
        ----------
        dynamic_range : xarray.DataArray or array_like, (unit)
            At and beyond sigma², where the curve ends, the prediction is rho.

        Returns
        -------
        xarray.DataArray or numpy.ndarray, (unit)
            Labelled where `dynamic_range` is.

        Raises
        ------
        InputError
            If the model is not fitted or a variance is negative.
        """
        if not hasattr(self, "rho_"):
            msg = "the model is not fitted yet: call fit(dynamic_range, invariance) before predict"
            raise InputError(msg)
        variance = np.asarray(dynamic_range, dtype=float)
        require_variances(variance)
        values = curve_correlation(variance / self.sigma_**2, self.rho_)
        if isinstance(dynamic_range, xr.DataArray):
            return dynamic_range.copy(data=values).rename("invariance").drop_attrs(deep=False)
        return values

    def summary(self) -> xr.Dataset:
        """Return the fit's scalars as one Dataset, for tables.

        Returns
        -------
        xarray.Dataset
            ``rho``, ``sigma``, their standard errors and intervals, the power law, goodness of fit
            and the numbers of units and images.
        """
        if not hasattr(self, "rho_"):
            msg = "the model is not fitted yet: call fit(dynamic_range, invariance) before summary"
            raise InputError(msg)
        scalars = {
            "rho": self.rho_,
            "rho_error": self.standard_errors_.rho,
            "sigma": self.sigma_,
            "sigma_error": self.standard_errors_.sigma,
            "a": self.power_law_.a,
            "a_error": self.power_law_error_.a,
            "b": self.power_law_.b,
            "b_error": self.power_law_error_.b,
            **self.goodness_of_fit_._asdict(),
            "n_images_effective": self.n_images_effective_,
            "n_units": self.n_units_,
            "n_left_out": self.n_left_out_,
        }
        intervals = {f"{name}_interval": values for name, values in self.interval_.items()}
        return xr.Dataset(scalars).assign(intervals)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments, as scikit-learn's tools ask for them."""
        names = [name for name in inspect.signature(type(self).__init__).parameters][1:]
        return {name: getattr(self, name) for name in names}

    def set_params(self, **parameters: Any) -> "RectificationModel":
        """Set constructor's arguments and return the model."""
        valid = self.get_params()
        for name, value in parameters.items():
            if name not in valid:
                msg = f"{name!r} is no parameter of RectificationModel; they are {list(valid)}"
                raise InputError(msg)
            setattr(self, name, value)
        return self

    def _reset(self) -> None:
        """Delete the results of an earlier fit, lest they pass for those of one that is refused."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)

    def _check_parameters(self) -> None:
        if self.n_images is not None and not self.n_images >= 4:
            msg = f"n_images must be at least 4, or None where unknown; got {self.n_images}"
            raise InputError(msg)
        if not 0 < self.level < 1:
            msg = f"level must lie in (0, 1); got {self.level}"
            raise InputError(msg)
        if self.n_resamples < 0:
            msg = f"n_resamples must be at least 0; got {self.n_resamples}"
            raise InputError(msg)

    def _set_parameters(self, estimate: Estimate, bounds: np.ndarray) -> None:
        self.rho_ = float(np.tanh(estimate.fisher_rho))
        self.sigma_ = float(np.exp(estimate.log_sigma))
        log_error, z_error = np.ptp(bounds, axis=1) / (2 * stats.norm.ppf((1 + self.level) / 2))
        self.standard_errors_ = StandardErrors(
            float(z_error * (1 - self.rho_**2)), float(log_error * self.sigma_)
        )
        sigma, rho = np.exp(bounds[0]), np.tanh(bounds[1])
        self.interval_ = xr.Dataset(
            {"rho": ("ci_bound", rho), "sigma": ("ci_bound", sigma)},
            coords={"ci_bound": ["lower", "upper"]},
            attrs={"level": self.level},
        )
        self.population_ = xr.Dataset(
            {name: ("component", values) for name, values in estimate.population._asdict().items()}
        )

    def _set_units(
        self,
        observed: Observed,
        estimate: Estimate,
        used: np.ndarray,
        coords: dict[str, Any],
        *,
        exact: bool,
    ) -> None:
        variance = np.exp(observed.log_variance) / self.sigma_**2
        if exact:
            mean, deviation = curve_mu_over_sigma(variance), np.zeros(variance.size)
        else:
            grid, probability = posterior(observed, estimate)
            mean = probability @ grid
            deviation = np.sqrt(np.maximum(probability @ grid**2 - mean**2, 0))
        residual = observed.fisher_z - np.arctanh(curve_correlation(variance, self.rho_))
        distance = np.copysign(distances(observed, estimate), residual)
        self.mu_over_sigma_ = _unit_array(mean, used, coords, "mu_over_sigma")
        self.mu_over_sigma_error_ = _unit_array(deviation, used, coords, "mu_over_sigma_error")
        self.residuals_ = xr.Dataset(
            {
                "fisher_z": _unit_array(residual, used, coords, "fisher_z"),
                "distance": _unit_array(distance, used, coords, "distance"),
            }
        )

    def _set_goodness_of_fit(self, observed: Observed, estimate: Estimate) -> None:
        chi_square = float((self.residuals_["distance"] ** 2).sum())
        residual = float((self.residuals_["fisher_z"] ** 2).sum())
        total = float(((observed.fisher_z - observed.fisher_z.mean()) ** 2).sum())
        p_value = np.nan
        if self.n_images is not None and self.n_resamples > 0:
            p_value = bootstrap_p_value(
                observed, estimate, n_resamples=self.n_resamples, rng=self.rng
            )
        dof = observed.fisher_z.size - 2
        median = float((self.residuals_["distance"] ** 2).median() / stats.chi2.median(1))
        self.n_images_effective_ = estimate.n_images / max(median, 1)
        self.goodness_of_fit_ = GoodnessOfFit(chi_square, dof, p_value, 1 - residual / total)


def _along_unit(
    dynamic_range: Any, invariance: Any
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return both as vectors of the same units, and the coordinates along unit of either."""
    coords: dict[str, Any] = {}
    vectors = []
    for name, values in (("dynamic_range", dynamic_range), ("invariance", invariance)):
        if isinstance(values, xr.DataArray):
            values = values.squeeze()
            if values.dims != ("unit",):
                msg = f"{name} must have the dim 'unit' alone; got {values.dims}; select a position"
                raise InputError(msg)
            coords |= {str(key): c for key, c in values.coords.items() if c.dims == ("unit",)}
        elif np.ndim(values) != 1:
            msg = f"{name} must be one value a unit, (unit); got shape {np.shape(values)}"
            raise InputError(msg)
        vectors.append(values)
    first, second = vectors
    both = isinstance(first, xr.DataArray) and isinstance(second, xr.DataArray)
    if both and "unit" in first.coords and "unit" in second.coords:
        if not np.array_equal(first["unit"].values, second["unit"].values):
            msg = (
                "dynamic_range and invariance must be of the same units in one order; use xr.align"
            )
            raise InputError(msg)
    elif len(first) != len(second):
        msg = f"dynamic_range and invariance must be as long; got {len(first)} and {len(second)}"
        raise InputError(msg)
    return np.asarray(first, dtype=float), np.asarray(second, dtype=float), coords


def _unit_array(
    values: np.ndarray, used: np.ndarray, coords: dict[str, Any], name: str
) -> xr.DataArray:
    full = np.full(used.size, np.nan)
    full[used] = values
    return xr.DataArray(full, coords=coords, dims=("unit",), name=name)
