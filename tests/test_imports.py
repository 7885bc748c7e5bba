"""Imports run one way, down a table; nothing goes round in a circle."""

import ast
import subprocess
import sys

import pytest

from environment import ROOT

# What each place may import beside itself, and nothing else of ours: the architecture, as a table.
GROUND = {
    "artiphys.errors",
    "artiphys.arguments",
    "artiphys.atomic_files",
    "artiphys.progress",
    "artiphys.cores",
    "artiphys.processes",
}
UNITS = GROUND | {"artiphys.responses", "artiphys.correlations", "artiphys.estimators"}
THEORY = GROUND | {"artiphys.rectification"}
CORE = {
    "artiphys.errors": set(),
    "artiphys.arguments": {"artiphys.errors"},
    "artiphys.atomic_files": {"artiphys.errors"},
    "artiphys.progress": set(),
    "artiphys.cores": set(),
    "artiphys.processes": {"artiphys.errors", "artiphys.progress", "artiphys.cores"},
    "artiphys.responses": GROUND,
    "artiphys.correlations": GROUND,
    "artiphys.estimators": GROUND | {"artiphys.responses", "artiphys.correlations"},
    "artiphys.rectification": GROUND,
    "artiphys.integration": THEORY | {"artiphys.correlations"},
    "artiphys.signatures": UNITS,
    "artiphys.simulation": UNITS | THEORY,
    "artiphys.comparison": UNITS | {"artiphys.signatures"},
    "artiphys.design": UNITS | {"artiphys.signatures", "artiphys.simulation"},
    "artiphys.tuning": UNITS,
    "artiphys.plotting": {"artiphys.plotting.measured"},  # results in, axes out
    "artiphys.plotting.measured": UNITS | {"artiphys.signatures", "artiphys.tuning"},
}
TORCH = GROUND | {"artiphys.responses"}
NWB = GROUND | {"artiphys.responses"}
ALLOWED = CORE | {
    # The root, from which nothing imports.
    "artiphys": set(CORE) - {"artiphys.plotting", "artiphys.plotting.measured"},
    "artiphys_torch.stimuli": TORCH,
    "artiphys_torch.networks": TORCH | {"artiphys_torch.stimuli"},
    "artiphys_torch.receptive_fields": TORCH | {"artiphys_torch.networks"},
    "artiphys_torch.probing": TORCH
    | {"artiphys_torch.stimuli", "artiphys_torch.networks", "artiphys_torch.receptive_fields"},
    "artiphys_nwb.errors": NWB,
    "artiphys_nwb.labels": NWB,
    "artiphys_nwb.files": NWB | {"artiphys_nwb.errors", "artiphys_nwb.labels"},
    "artiphys_nwb.layout": NWB | {"artiphys_nwb.errors"},
    "artiphys_nwb.sessions": NWB
    | {f"artiphys_nwb.{name}" for name in ("errors", "labels", "files", "layout")},
    "artiphys_nwb.same_sessions": NWB | {f"artiphys_nwb.{name}" for name in ("errors", "sessions")},
    "artiphys_nwb.pooling": NWB
    | {f"artiphys_nwb.{name}" for name in ("errors", "labels", "same_sessions", "sessions")},
    "artiphys_nwb.proposing": NWB
    | {f"artiphys_nwb.{name}" for name in ("errors", "labels", "files", "layout")},
    "artiphys_nwb.describing": NWB
    | {f"artiphys_nwb.{name}" for name in ("errors", "labels", "files", "layout", "sessions")}
    | {"artiphys_nwb.proposing"},
    "artiphys_nwb.reading": NWB
    | {f"artiphys_nwb.{name}" for name in ("errors", "files", "layout", "sessions")}
    | {"artiphys_nwb.same_sessions", "artiphys_nwb.pooling"},
    "artiphys_nwb.aligning": NWB
    | {f"artiphys_nwb.{name}" for name in ("errors", "labels", "files", "layout", "sessions")}
    | {"artiphys.tuning"},
    "artiphys_nwb.writing": NWB | {"artiphys_nwb.layout", "artiphys_nwb.files"},
    "artiphys_nwb.simulated": NWB | {"artiphys_nwb.writing"},
    "artiphys_nwb.annotating": NWB
    | {f"artiphys_nwb.{name}" for name in ("errors", "labels", "layout")},
    "artiphys_torch": {f"artiphys_torch.{n}" for n in ("stimuli", "networks", "receptive_fields")}
    | {"artiphys_torch.probing", "artiphys.errors"},
    "artiphys_nwb": {f"artiphys_nwb.{n}" for n in ("describing", "errors", "layout", "reading")}
    | {"artiphys_nwb.aligning", "artiphys_nwb.writing", "artiphys.errors"},
}
EXCHANGE = {
    f"artiphys_exchange.{name}"
    for name in ("brainscore_assemblies", "matlab_files", "pynapple_groups", "rsatoolbox_datasets")
}
ALLOWED |= dict.fromkeys(EXCHANGE, GROUND | {"artiphys.responses"})  # doors know not each other
ALLOWED["artiphys_exchange"] = EXCHANGE
# All that a report tells of: the core alone, whatever adapter the responses came by.
ALLOWED["artiphys_report"] = set(CORE)
ALLOWED["artiphys_cli"] = set(ALLOWED) - {"artiphys"}  # the only place that knows all the others
OURS = (
    *("artiphys", "artiphys_torch", "artiphys_nwb", "artiphys_exchange"),
    *("artiphys_report", "artiphys_cli"),
)
HEAVY = ("torch", "torchvision", "h5py", "pynwb", "matplotlib", "rsatoolbox", "pynapple")
# A face that loads its names lazily says where they are in a stub.
FILES = sorted(
    path
    for folder in ("artiphys", "adapters")
    for kind in ("py", "pyi")
    for path in (ROOT / folder).rglob(f"*.{kind}")
)


def module_of(path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part not in ("adapters", "__init__"))


def place_of(module: str) -> str | None:
    """Return the row of the table that a module lies in: the longest that it begins with."""
    rows = [row for row in ALLOWED if module == row or module.startswith(f"{row}.")]
    return max(rows, key=len, default=None)


def imported(path) -> set[str]:
    """Return every module that a file names in an import, wherever in the file."""
    names = set()
    stub = path.suffix == ".pyi"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == int(stub), f"{path} imports relatively"
            if stub:
                names.add(f"{module_of(path)}.{node.module}")
                continue
            names.add(str(node.module))
            names |= {  # "from package import module"
                f"{node.module}.{alias.name}"
                for alias in node.names
                if f"{node.module}.{alias.name}" in MODULES
            }
    return names


MODULES = {module_of(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_arrows_go_down_the_table(path):
    here = place_of(module_of(path))
    assert here is not None, f"{module_of(path)} is in no row of the table"
    ours = {name for name in imported(path) if name.split(".")[0] in OURS} - set(PACKAGES)
    against = {name for name in ours if place_of(name) not in ALLOWED[here] | {here}}
    assert not against, f"{module_of(path)} may not import {sorted(against)}"


PACKAGES = {module_of(path) for path in FILES if path.name == "__init__.py"} - {
    "artiphys.plotting",  # whose roots are faces that users, and the command, see
    "artiphys_torch",
    "artiphys_nwb",
    "artiphys_exchange",
    "artiphys_report",
    "artiphys",
}


def test_the_table_has_no_arrow_against_itself():
    """What may import may not be imported back, so that rows can be read from the ground up."""

    def below(row, trail):
        assert row not in trail, " -> ".join([*trail, row])
        for name in ALLOWED[row]:
            below(name, [*trail, row])

    for row in ALLOWED:
        below(row, [])


def test_no_import_goes_round_in_a_circle():
    graph = {module_of(p): imported(p) & MODULES - {module_of(p)} for p in FILES}
    done = set()

    def visit(module, trail):
        assert module not in trail, " -> ".join([*trail, module])
        if module in done:
            return
        for needed in graph[module] - PACKAGES:
            visit(needed, [*trail, module])
        done.add(module)

    for module in graph:
        visit(module, [])


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_nothing_imports_from_the_package_root(path):
    assert "artiphys" not in imported(path)


@pytest.mark.parametrize(
    "path", [p for p in FILES if module_of(p).startswith("artiphys.")], ids=module_of
)
def test_the_core_loads_nothing_heavy(path):
    allowed = {"matplotlib"} if ".plotting" in module_of(path) else set()
    assert not {name.split(".")[0] for name in imported(path)} & set(HEAVY) - allowed


def test_a_sub_package_is_a_docstring():
    """Importing one module of a sub-package then loads no other."""
    for path in FILES:
        if path.name == "__init__.py" and path.parent.name not in (*OURS, "plotting"):
            (node,) = ast.parse(path.read_text()).body
            assert isinstance(node, ast.Expr), path


def loaded_after(code: str, modules) -> list[str]:
    code = f"import sys; {code}; print(*[m for m in {modules!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_artiphys_loads_nothing_of_weight():
    heavy = (*HEAVY, "numpy", "scipy", "pandas", "xarray", "dask", "zarr", "PIL", "statsmodels")
    assert loaded_after("import artiphys, artiphys_exchange", heavy) == []
    assert loaded_after("import artiphys; artiphys.validate", ("xarray", "pandas")) != []


def test_using_artiphys_loads_nothing_that_is_not_asked_for():
    """Every public name, all at once: what is left is used inside functions alone."""
    heavy = (*HEAVY, "dask", "zarr", "PIL", "statsmodels", "cyclopts")
    code = "import artiphys; [getattr(artiphys, name) for name in artiphys.__all__]"
    assert loaded_after(code, heavy) == []


def test_version_and_help_load_no_numpy():
    heavy = ("numpy", "scipy", "pandas", "xarray", "matplotlib", "artiphys_torch", "artiphys_nwb")
    for option in ("--version", "--help"):
        code = f"from artiphys_cli.main import main; assert main([{option!r}]) == 0"
        assert not set(loaded_after(code, heavy)) & set(heavy)
