"""The paper's figures 1 to 4, of what was measured."""

import warnings
from collections.abc import Mapping
from fractions import Fraction

import xarray as xr
from matplotlib.figure import Figure

from artiphys.correlations.spearman import fisher_z
from artiphys.errors import ArtiphysWarning
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.plotting.explained import plot_explained
from artiphys.plotting.integration import plot_integration, plot_transfer
from artiphys.plotting.rectification import plot_rectification
from artiphys.plotting.stimuli import Panels, plot_stimuli, plot_stimuli_and_layer
from artiphys.rectification.curve import rectified_quadrants, single_input_relation
from artiphys_cli.pospisil_bair_2019.integration import Integration
from artiphys_cli.pospisil_bair_2019.reproduction import DISTANCES, Reproduction, by_distance
from artiphys_torch.stimuli.canvas import canvas_pictures
from artiphys_torch.stimuli.photographs import Photographs

__all__ = ["few_images_note", "figures"]

FEW_IMAGES = 60
PAPER_LAYER = "conv3"  # of their figure 1


def figures(
    done: Mapping[str, Reproduction],
    images: Photographs,
    integrated: Integration,
    *,
    background: str,
) -> dict[str, Figure]:
    """Return the figures, by name, of networks by the names of their weights, and of the theory.

    Warns
    -----
    ArtiphysWarning
        Of what few images do to r_s.
    """
    note = few_images_note(len(images))
    if note:
        warnings.warn(note, ArtiphysWarning, stacklevel=2)
    drawn = {
        **_stimuli_and_relations(done, images, background, note),
        "figure2": plot_rectification(
            rectified_quadrants(0.0, 0.6), single_input_relation([0.3, 0.5, 0.7, 0.9])
        ),
        "figure3": plot_integration(integrated.geometry, integrated.relation, integrated.simulated),
        "figure3-transfer": plot_transfer(integrated.geometry, integrated.transfer),
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


def few_images_note(n_images: int) -> str:
    """Return one line on what few images do to r_s; nothing where there are more than 60.

    The numbers are those of docs/conventions.md, under the estimators.
    """
    if n_images > FEW_IMAGES:
        return ""
    return (
        f"{n_images} images are few, and make r_s too near 0: in untrained AlexNet's conv2 (Close)"
        " 30 photographs give 0.64 on average and 60 give 0.75 where 500 give 0.87; take r_s for a"
        " lower bound"
    )


def _stimuli_and_relations(
    done: Mapping[str, Reproduction], images: Photographs, background: str, note: str
) -> dict[str, Figure]:
    """Return figure 1, of all layers, and as the paper has it."""
    panels = {}
    for name, result in done.items():
        z = by_distance(fisher_z(invariance(result.responses)))
        panels[name] = Panels(dynamic_range(result.responses), z, result.table, len(images))
    rf_size = int(next(iter(done.values())).responses["rf_size"].max())
    stimuli = canvas_pictures(
        images.items[:1], rf_size, shifts=(0, *DISTANCES.values()), background=background
    )[0]
    shifts = {
        name: f"{Fraction(shift).limit_denominator(99)} RF" for name, shift in DISTANCES.items()
    }
    conditions = ["reference", *(f"{n.capitalize()}: shift {s}" for n, s in shifts.items())]
    titled = {f"AlexNet, {name}": each for name, each in panels.items()}
    trained_first = sorted(panels, key=lambda name: name == "untrained")
    return {
        "figure1": plot_stimuli(stimuli, conditions, titled, note=note),
        f"figure1-{PAPER_LAYER}": plot_stimuli_and_layer(
            stimuli,
            conditions,
            {f"AlexNet, {_trained(name)}": panels[name] for name in trained_first},
            PAPER_LAYER,
            distances={name: f"{name.capitalize()}, {shift}" for name, shift in shifts.items()},
            note=note,
        ),
    }


def _trained(name: str) -> str:
    return name if name == "untrained" else f"trained ({name})"
