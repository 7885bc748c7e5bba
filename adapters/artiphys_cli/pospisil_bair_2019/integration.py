"""What the paper's figure 3 shows, as numbers: two inputs and weights, and many under a sweep."""

from typing import Any, NamedTuple

import pandas as pd
import xarray as xr

from artiphys.integration.geometry import integration_geometry, simulate_integration
from artiphys.integration.relation import integrated_relation, simulate_integrated_relation

__all__ = ["Integration", "integration", "integration_table"]

ORDER = ["kind", "input_correlation", "width", "mean"]
NUMBERS = ["variance", "variance_error", "fisher_z", "fisher_z_error"]


class Integration(NamedTuple):
    """Figure 3's numbers, and those of the further figure on what comes through of rho."""

    geometry: xr.Dataset
    """Two inputs, by the direction of weights on them."""
    relation: xr.Dataset
    """Exact, over (input_correlation, width, mean)."""
    simulated: xr.Dataset
    """Of inputs simulated image by image, likewise, with standard errors."""
    transfer: xr.Dataset
    """Output by input correlation, over (mean, spread, rho)."""


def integration(rng: Any = None) -> Integration:
    """Return the numbers of figure 3; `rng` is anything :func:`numpy.random.default_rng` takes."""
    return Integration(
        integration_geometry(),
        integrated_relation(),
        simulate_integrated_relation(rng=rng),
        simulate_integration(rng=rng),
    )


def integration_table(result: Integration) -> pd.DataFrame:
    """Return figure 3B as a table, a row for each point: one input, exact, and simulated."""
    relation = result.relation
    single = xr.Dataset(
        {name: relation[f"input_{name}"] for name in ("variance", "fisher_z")}
    ).to_dataframe()
    exact = relation[["variance", "fisher_z"]].to_dataframe()
    frames = {
        "one input": single,
        "exact": exact,
        "simulated": result.simulated[NUMBERS].to_dataframe(),
    }
    table = pd.concat(
        [frame.reset_index().assign(kind=kind) for kind, frame in frames.items()],
        ignore_index=True,
    )
    table = table[[*ORDER, *NUMBERS]]
    return table.assign(rho=relation.attrs["rho"], n_inputs=relation.attrs["n_inputs"])
