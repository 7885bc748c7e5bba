"""Scripts that lie in no package, as modules."""

import importlib.util

from environment import ROOT

__all__ = ["benchmark"]


def benchmark(name):
    """Return a benchmark, imported anew, so that what a test changes in it stays with that test."""
    path = ROOT / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
