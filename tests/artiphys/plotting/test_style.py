"""Figures look alike, and compute nothing."""

import ast

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_rgb

from artiphys.plotting.style import COLOURS, few_labels, letter_panel, paper_style
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
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        ]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert 1.05 / (luminance + 0.05) >= 4.5, colour


def test_a_log_scale_has_true_minus_signs():
    _, ax = plt.subplots()
    ax.set(yscale="log", ylim=(1e-7, 1e-5))
    few_labels(ax.yaxis)
    ax.figure.draw_without_rendering()
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert "1e−06" in labels
    assert not any("-" in label for label in labels)
