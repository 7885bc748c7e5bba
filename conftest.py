"""Leave out, at home, what needs an extra that is not installed; in CI nothing may be missing."""

import importlib.util
import os

NEEDS = {
    "torch": [
        *("adapters/artiphys_torch/*", "tests/artiphys_torch/*"),
        *("adapters/*/pospisil_bair_2019/*", "tests/*/pospisil_bair_2019/*"),
    ],
    "pynwb": ["adapters/artiphys_nwb/*", "tests/artiphys_nwb/*"],
    "jinja2": ["adapters/artiphys_report/*", "tests/artiphys_report/*"],
    "rsatoolbox": ["*/artiphys_exchange/*rsatoolbox_datasets.py"],
    "pynapple": ["*/artiphys_exchange/*pynapple_groups.py"],
    "pymatreader": ["*/artiphys_exchange/*matlab_files.py", "*/support/matlab_files.py"],
}
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}

collect_ignore_glob = [
    pattern
    for module, patterns in NEEDS.items()
    if not IN_CI and importlib.util.find_spec(module) is None
    for pattern in patterns
]
