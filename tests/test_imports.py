"""Imports run one way: kernel, labelled function, adapter, plot, command."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "artiphys").glob("*.py"))
HEAVY = ("torch", "torchvision", "h5py", "pynwb", "matplotlib")


def imported(path: Path) -> set[str]:
    """Return every module that a file names in an import, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def below(names: set[str], *packages: str) -> list[str]:
    return sorted(n for n in names if n.split(".")[0] in packages or n.startswith(packages))


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.stem)
def test_the_core_knows_nothing_above_it(path):
    names = imported(path)
    above = ("artiphys.command", "artiphys.plotting", "artiphys_torch", "artiphys_nwb")
    assert below(names, *above, *HEAVY) == []


@pytest.mark.parametrize("path", sorted((ROOT / "artiphys" / "plotting").glob("*.py")), ids=str)
def test_plots_know_no_adapter_and_no_command(path):
    assert below(imported(path), "artiphys.command", "artiphys_torch", "artiphys_nwb") == []


@pytest.mark.parametrize("path", sorted((ROOT / "adapters").rglob("*.py")), ids=str)
def test_adapters_know_no_plot_no_command_and_not_each_other(path):
    other = {"artiphys_torch": "artiphys_nwb", "artiphys_nwb": "artiphys_torch"}[path.parent.name]
    assert below(imported(path), "artiphys.command", "artiphys.plotting", other) == []


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "artiphys").rglob("*.py")), *sorted((ROOT / "adapters").rglob("*.py"))],
    ids=str,
)
def test_nothing_imports_from_the_package_root(path):
    assert "artiphys" not in imported(path)


def test_no_import_goes_round_in_a_circle():
    graph = {f"artiphys.{path.stem}": imported(path) for path in CORE if path.stem != "__init__"}

    def visit(module, trail):
        assert module not in trail, " -> ".join([*trail, module])
        for needed in graph.get(module, set()) & set(graph):
            visit(needed, [*trail, module])

    for module in graph:
        visit(module, [])


def test_importing_artiphys_loads_nothing_heavy():
    code = (
        "import sys, artiphys; "
        f"print([m for m in {HEAVY!r} + ('dask', 'zarr', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
