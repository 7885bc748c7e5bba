"""The paper's figures 1 to 4, of what was measured."""

from collections.abc import Mapping
from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from artiphys.correlations.spearman import fisher_z
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.integration.geometry import integration_geometry, simulate_integration
from artiphys.plotting.explained import plot_explained
from artiphys.plotting.integration import plot_integration
from artiphys.plotting.rectification import plot_rectification
from artiphys.plotting.stimuli import Panels, plot_stimuli
from artiphys.rectification.curve import rectified_quadrants, single_input_relation
from artiphys_cli.pospisil_bair_2019.reproduction import DISTANCES, Reproduction, by_distance
from artiphys_torch.stimuli.canvas import canvas_pictures
from artiphys_torch.stimuli.photographs import Photographs

__all__ = ["figures"]


def figures(
    done: Mapping[str, Reproduction], images: Photographs, *, background: str, rng: Any
) -> dict[str, Figure]:
    """Return the figures, by name, of networks by the names of their weights."""
    drawn = {
        "figure1": _stimuli_and_relations(done, images, background),
        "figure2": plot_rectification(
            rectified_quadrants(0.0, 0.6), single_input_relation([0.3, 0.5, 0.7, 0.9])
        ),
        "figure3": plot_integration(integration_geometry(), simulate_integration(rng=rng)),
    }
    for name, result in done.items():
        measured = xr.Dataset(
            {
                "variance": dynamic_range(result.responses),
                "invariance": by_distance(invariance(result.responses)),
            }
        )
        drawn[f"figure4-{name}"] = plot_explained(result.predictions, measured, result.agreement)
    return drawn


def _stimuli_and_relations(
    done: Mapping[str, Reproduction], images: Photographs, background: str
) -> Figure:
    panels = {}
    for name, result in done.items():
        z = by_distance(fisher_z(invariance(result.responses)))
        panels[f"AlexNet, {name}"] = Panels(dynamic_range(result.responses), z, result.table)
    rf_size = int(next(iter(done.values())).responses["rf_size"].max())
    stimuli = canvas_pictures(
        images.items[:1], rf_size, shifts=(0, *DISTANCES.values()), background=background
    )[0]
    names = ["reference", *(f"{n.capitalize()}: shift {s:g} RF" for n, s in DISTANCES.items())]
    return plot_stimuli(stimuli, names, panels)
