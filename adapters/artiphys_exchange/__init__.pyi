from .brainscore_assemblies import from_assembly, to_assembly
from .matlab_files import read_mat
from .pynapple_groups import from_pynapple, to_pynapple
from .rsatoolbox_datasets import from_rsatoolbox, to_rsatoolbox

__all__ = [
    "from_assembly",
    "from_pynapple",
    "from_rsatoolbox",
    "read_mat",
    "to_assembly",
    "to_pynapple",
    "to_rsatoolbox",
]
