"""Figures look alike, and compute nothing."""

import ast

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from artiphys.plotting.style import few_labels, letter_panel, paper_style
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
