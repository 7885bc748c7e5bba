"""The scatter of units draws those that the estimate used, with their errors."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from artiphys.errors import InputError
from artiphys.plotting import plot_signature, signature_figure
from artiphys.plotting.measured import units_shown
from artiphys.plotting.signature import scatter_units
from artiphys.plotting.style import position_name
from artiphys.signatures.signature import signature
from artiphys.signatures.unit_table import unit_table
from artiphys.simulation import simulate_responses

GROUPS = ["IT", "V4"]
OF_TRIALS = [
    {},
    {"resample": ("unit",)},
    {"noise": "corrected", "n_resamples": 99},
    {"noise": None, "n_resamples": 99},
    {"reference": "best"},
]
pytestmark = pytest.mark.filterwarnings("ignore::artiphys.errors.ArtiphysWarning")


@pytest.fixture(scope="module")
def responses():
    made = simulate_responses(n_units=60, n_images=30, n_positions=3, rate=8.0, rng=3).responses
    made = made.assign_coords(area=("unit", np.repeat(GROUPS, 30)))
    return made.where(made["unit"] != made["unit"][4])  # one is not measured at all


@pytest.fixture(scope="module")
def result(responses):
    return signature(responses)


def drawn_points(ax):
    found = [c.get_offsets() for c in ax.collections if hasattr(c, "get_sizes")]
    return np.concatenate([np.ma.filled(each, np.nan) for each in found if len(each)])


@pytest.mark.parametrize("how", OF_TRIALS, ids=str)
def test_the_units_shown_are_those_of_the_estimate(responses, how):
    found = signature(responses, **how)
    shown = units_shown(responses, found)
    for area in GROUPS:
        for position in found["position"].values:
            cell = found.sel(area=area, position=position)
            here = shown[(shown["group"] == area) & (shown["position"] == position)]
            assert here["used"].sum() == int(cell["n_units"])


def test_averages_are_shown_as_they_are(responses):
    averages = responses.mean("trial", keep_attrs=True)
    found = signature(averages, n_resamples=99, rng=0)
    shown = units_shown(averages, found)
    assert shown["used"].sum() == int(found["n_units"].sum())
    ax = plot_signature(averages, found, group="V4", position=1)
    here = shown[shown["used"] & (shown["group"] == "V4") & (shown["position"] == 1)]
    np.testing.assert_array_equal(drawn_points(ax), here[["dynamic_range", "fisher_z"]])


def test_units_without_a_covariate_are_not_shown(responses):
    depth = np.arange(60.0)
    depth[40:43] = np.nan
    with_depth = responses.assign_coords(depth=("unit", depth))
    found = signature(with_depth, covariates="depth")
    shown = units_shown(with_depth, found)
    in_v4 = shown[(shown["group"] == "V4") & (shown["position"] == 1)]
    assert in_v4["used"].sum() == int(found["n_units"].sel(area="V4", position=1))
    assert not in_v4.loc[in_v4["depth"].isna(), "used"].any()


def test_groups_may_be_sessions(responses):
    found = signature(responses, by="source")
    assert units_shown(responses, found)["group"].unique().tolist() == ["simulated_0"]
    assert "simulated_0" in plot_signature(responses, found, position=1).get_title()


def test_the_error_of_fisher_z_is_that_of_many_experiments(make_responses):
    """The same signals, r = 0.7, measured 1500 times."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 1, 60, 1))
    signal = 3 * np.concatenate([one, 0.7 * one + np.sqrt(1 - 0.49) * other], axis=2)
    values = signal[..., None] + 2 * rng.normal(size=(1500, 60, 2, 6))
    responses = make_responses(values)
    table = unit_table(responses, noise="corrected")
    cell = xr.Dataset(
        {"spearman": (("area", "position"), [[0.0]])},
        coords={"area": ["V4"], "position": [1]},
        attrs={"noise": "corrected", "reference": 0},
    )
    shown = units_shown(responses, cell)
    np.testing.assert_array_equal(shown["fisher_z"], table["fisher_z"])
    told = np.sqrt((shown["fisher_z_error"] ** 2).mean())
    assert told == pytest.approx(shown["fisher_z"].std(), rel=0.1)


def test_points_and_bars_are_the_numbers_of_the_table(responses, result):
    _, (_, right) = plt.subplots(1, 2)
    assert plot_signature(responses, result, right, group="IT", position=2) is right
    shown = units_shown(responses, result)
    here = shown[shown["used"] & (shown["group"] == "IT") & (shown["position"] == 2)]
    here = here[(here["dynamic_range"] > 0) & np.isfinite(here["fisher_z"])]
    drawn = drawn_points(right)
    assert len(drawn) == len(here)
    order = np.lexsort(drawn.T), np.lexsort(here[["dynamic_range", "fisher_z"]].to_numpy().T)
    np.testing.assert_array_equal(
        drawn[order[0]], here[["dynamic_range", "fisher_z"]].to_numpy()[order[1]]
    )
    vertical = [c.lines[2][1].get_segments() for c in right.containers]
    lengths = np.sort([np.ptp(segment[:, 1]) for part in vertical for segment in part])
    np.testing.assert_allclose(lengths, np.sort(2 * here["fisher_z_error"]))
    noisy = int((here["noise_error"] > 0.25).sum())
    faint = [c for c in right.collections if hasattr(c, "get_sizes") and c.get_alpha() == 0.22]
    assert sum(len(c.get_offsets()) for c in faint) == noisy > 0
    assert right.get_xscale() == "log"
    assert "(spikes/s)²" in right.get_xlabel()


def test_position_estimate_interval_and_units_are_told(responses, result, assert_legible):
    ax = plot_signature(responses, result, group="V4", position=1)
    assert_legible(ax.figure)
    cell = result.sel(area="V4", position=1)
    first, second = ax.get_title().splitlines()
    assert first == "V4, position 1, reference 0"
    assert second.endswith(f"{int(cell['n_units'])} units")
    lower, upper = (f"{float(x):.2f}".replace("-", "−") for x in cell["interval"].values)
    assert f"[{lower}, {upper}]" in second
    legend = plot_signature(responses, result, plt.figure().gca()).get_legend()
    names = [text.get_text().split(":")[0] for text in legend.get_texts()]
    assert names == ["IT, 1", "IT, 2", "V4, 1", "V4, 2", "noisy"]


def test_a_table_is_drawn_as_it_is(responses, result):
    table = unit_table(responses)
    ax = plot_signature(table, result, group="IT", position=1)
    here = table[table["used"] & (table["area"] == "IT") & (table["position"] == 1)]
    here = here[(here["dynamic_range"] > 0) & np.isfinite(here["fisher_z"])]
    assert sorted(drawn_points(ax)[:, 0]) == sorted(here["dynamic_range"])


def test_a_correlation_beyond_1_is_a_bound(responses, result):
    beyond = result.copy(deep=True)
    beyond["spearman"][:] = 1.27
    beyond["interval"][:] = [0.4, 1.9]
    title = plot_signature(responses, beyond, group="IT", position=1).get_title()
    assert "$r_s$ > 1 [0.40, 1.00]" in title
    for bounds, title in (([0.4, 1.9], "open [0.40, 1.00], "), (np.nan, "no estimate, ")):
        beyond["spearman"][:], beyond["interval"][:] = np.nan, bounds
        ax = plot_signature(responses, beyond, plt.figure().gca(), group="IT", position=1)
        assert title in ax.get_title()


@pytest.mark.parametrize(
    ("chosen", "match"),
    [
        ({"group": "V1"}, "area 'V1' is not in the result; there are IT, V4"),
        ({"position": 0}, "position 0 is not in the result; there are 1, 2"),
    ],
)
def test_what_is_not_in_the_result_is_refused(responses, result, chosen, match):
    with pytest.raises(InputError, match=match):
        plot_signature(responses, result, **chosen)


def test_a_table_without_the_groups_is_refused(responses, result):
    with pytest.raises(InputError, match="units must be responses.*it lacks area"):
        plot_signature(unit_table(responses).drop(columns="area"), result)


def test_a_figure_has_a_panel_a_group_and_position(responses, result, assert_legible):
    figure = signature_figure(responses, result)
    assert_legible(figure)
    heads = [ax.get_title().splitlines()[0] for ax in figure.axes]
    assert heads == [f"{g}, position {p}, reference 0" for g in GROUPS for p in (1, 2)]
    assert "standard error from trial noise" in figure._supxlabel.get_text()


def test_many_cells_have_a_panel_a_group(make_responses, assert_legible):
    values = np.random.default_rng(0).normal(size=(21, 12, 6))
    responses = make_responses(values, area=[f"conv{i % 7}" for i in range(21)])
    figure = signature_figure(responses, signature(responses, n_resamples=9))
    assert_legible(figure)
    assert len(figure.axes) == 7
    assert len(figure.axes[0].get_legend().get_texts()) == 5


@pytest.mark.parametrize(
    ("n_areas", "n_positions", "grid"),
    [(1, 1, (1, 1)), (2, 2, (2, 2)), (4, 1, (2, 2)), (5, 1, (2, 3)), (3, 3, (3, 3))],
)
def test_a_row_is_a_group_where_its_positions_fit(
    make_responses, assert_legible, n_areas, n_positions, grid
):
    values = np.random.default_rng(0).normal(size=(5 * n_areas, 12, n_positions + 1, 3))
    responses = make_responses(values, area=[f"V{i % n_areas}" for i in range(5 * n_areas)])
    figure = signature_figure(responses, signature(responses, noise=None, n_resamples=9))
    assert_legible(figure)  # with the note on errors below
    geometry = figure.axes[0].get_subplotspec().get_gridspec()
    assert (geometry.nrows, geometry.ncols) == grid


@pytest.fixture
def measured():
    rng = np.random.default_rng(0)
    coords = {"unit": np.arange(12), "area": ("unit", np.repeat(GROUPS, 6))}
    dynamic_range = xr.DataArray(
        rng.gamma(2, size=12), dims="unit", coords=coords, attrs={"units": "(spikes/s)²"}
    )
    z = xr.DataArray(rng.normal(size=12), dims="unit", coords=coords)
    cell = xr.Dataset(
        {
            "spearman": ("area", [0.5, 0.3]),
            "interval": (("area", "ci_bound"), np.tile([0.1, 0.8], (2, 1))),
        },
        coords={"area": GROUPS},
    )
    return dynamic_range, z, cell


def test_units_without_a_place_on_the_scales_are_left_out_and_counted(measured):
    dynamic_range, z, cell = measured
    dynamic_range[0], z[1], z[2] = 0.0, np.inf, np.nan
    _, (left, _) = plt.subplots(1, 2)
    ax = scatter_units(dynamic_range, z, cell, left)
    assert ax is left
    assert len(ax.collections[0].get_offsets()) == 3
    assert "1 at ±∞" in ax.get_legend().get_texts()[0].get_text()
    assert "±∞" not in ax.get_legend().get_texts()[1].get_text()


@pytest.mark.parametrize(("position", "name"), [(0.125, "0.125"), (2.0, "2"), ("far", "far")])
def test_positions_are_named_by_their_labels(position, name):
    assert position_name(position) == name
