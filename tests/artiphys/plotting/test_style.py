"""Figures look alike, and compute nothing."""

import ast

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from artiphys.plotting.style import (
    COLOURS,
    correlation_text,
    few_labels,
    letter_panel,
    luminance,
    make_room_for_legend,
    panel,
    paper_style,
)
from environment import ROOT

MODULES = sorted((ROOT / "artiphys" / "plotting").glob("*.py"))
STATISTICS = {"corrcoef", "cov", "median", "nanmean", "percentile", "polyfit", "quantile", "std"}
STATISTICS |= {"var", "rankdata", "spearmanr", "pearsonr"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_plots_compute_no_statistics(path):
    tree = ast.parse(path.read_text())
    imports = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imports |= {str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not {name.split(".")[0] for name in imports} & {"scipy", "statsmodels", "pandas"}
    called = {n.func.attr for n in ast.walk(tree) if _is_method_call(n)}
    assert not called & STATISTICS


def _is_method_call(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


def test_the_style_ends_with_its_block():
    before = mpl.rcParams["font.size"]
    with paper_style():
        assert mpl.rcParams["font.size"] == 8
    assert mpl.rcParams["font.size"] == before


@pytest.mark.parametrize(("high", "n"), [(3.0, (2, 5)), (30.0, (2, 6)), (1e7, (2, 6))])
def test_a_log_scale_has_few_labels(high, n):
    _, ax = plt.subplots()
    ax.set(yscale="log", ylim=(1.0, high))
    few_labels(ax.yaxis)
    labelled = [tick for tick in ax.yaxis.get_majorticklocs() if 1.0 <= tick <= high]
    assert n[0] <= len(labelled) <= n[1]


def test_a_letter_stands_left_of_the_title():
    _, ax = plt.subplots()
    letter_panel(ax, "B")
    assert ax.get_title(loc="left") == "B"
    assert ax.get_title() == ""


def test_what_text_is_written_in_stands_out_from_white():
    for colour in COLOURS[:4]:
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5, colour


@pytest.mark.parametrize(
    ("colour", "expected"), [("black", 0), ("white", 1), ("0.5", 0.214), ("#0072B2", 0.153)]
)
def test_luminance_is_that_of_the_web_guidelines(colour, expected):
    assert luminance(colour) == pytest.approx(expected, abs=0.002)


def test_panels_look_alike_whatever_style_their_axes_were_made_in():
    with mpl.rc_context({"font.size": 20, "axes.spines.top": True}):
        _, ax = plt.subplots()
    with panel(ax) as drawn:
        assert drawn is ax
    assert ax.xaxis.label.get_fontsize() == 7
    assert not ax.spines["top"].get_visible()
    plt.close("all")
    with panel(None) as ax:
        assert ax.figure.get_figwidth() == pytest.approx(3.4)
    with panel(None) as again:
        assert again is ax


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda ax: ax.set_xticks([0.5, 0.52], ["0.0003", "0.001"]), "0.0003"),
        (lambda ax: ax.set_title("grey", color="0.6"), "grey"),
        (lambda ax: ax.set_title("small", fontsize=4), "small"),
        (lambda ax: ax.set_xlabel("too long " * 30), "too long"),
        (lambda ax: ax.set_title("r = -0.3"), "-0.3"),
    ],
)
def test_the_check_of_figures_sees_what_cannot_be_read(spoil, match, assert_legible):
    with panel(None) as ax:
        ax.set_xlabel("all is well")
        assert_legible(ax.figure)
        spoil(ax)
        with pytest.raises(AssertionError, match=match):
            assert_legible(ax.figure)


@pytest.mark.parametrize(
    ("r", "text"), [(0.614, "= 0.61"), (-0.001, "= 0.00"), (1.2, "> 1"), (-1.2, "< −1")]
)
def test_correlations_beyond_1_are_bounds(r, text):
    assert correlation_text(r) == f"$r_s$ {text}"


def test_a_log_scale_has_true_minus_signs():
    _, ax = plt.subplots()
    ax.set(yscale="log", ylim=(1e-7, 1e-5))
    few_labels(ax.yaxis)
    ax.figure.draw_without_rendering()
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert "1e−06" in labels
    assert not any("-" in label for label in labels)


def test_axes_that_share_their_y_make_room_once():
    _, (left, right, alone) = plt.subplots(1, 3)
    right.sharey(left)
    for ax in (left, right, alone):
        ax.plot([0, 1], label="of one line")
        ax.legend(title="position" if ax is right else None)
    for ax in (left, right):
        make_room_for_legend(ax)
    alone.legend(title="position")
    make_room_for_legend(alone)
    assert left.get_ylim() == right.get_ylim() == pytest.approx(alone.get_ylim())
    assert alone.get_ylim()[1] > 1.2
