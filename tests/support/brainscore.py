"""The assemblies of Brain-Score itself, without what it pins.

brainscore-core asks for NumPy below 2 and an xarray of 2022, and cannot be installed beside
artiphys. Its module of assemblies needs neither, so that it is taken from the released wheel.
"""

import functools
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType

from environment import missing

__all__ = ["brainscore_assemblies"]

MODULE = "brainscore_core/supported_data_standards/brainio/assemblies.py"


@functools.cache
def brainscore_assemblies() -> ModuleType:
    """Return ``brainscore_core``'s module of assemblies."""
    with tempfile.TemporaryDirectory() as folder:
        fetch = (
            "-m pip download --quiet --no-deps --only-binary=:all: --dest",
            folder,
            "brainscore-core>=2.5",
        )
        done = subprocess.run(
            [sys.executable, *fetch[0].split(), *fetch[1:]],
            capture_output=True,
            text=True,
            check=False,
        )
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            missing("the wheel of brainscore-core (pip download)")
        zipfile.ZipFile(wheels[0]).extract(MODULE, folder)
        spec = importlib.util.spec_from_file_location("brainscore_assemblies", f"{folder}/{MODULE}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module
