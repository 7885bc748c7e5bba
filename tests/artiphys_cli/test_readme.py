"""The README's example of neurons, run as it stands; what it is said to print is printed."""

import re
import subprocess
import sys

from environment import ROOT, missing

try:
    import pynwb  # noqa: F401
except ImportError:
    missing("the extra 'nwb'", module=True)


def test_the_example_of_neurons_runs_and_prints_what_the_readme_says(tmp_path):
    section = (ROOT / "README.md").read_text().split("\n## Neurons\n")[1].split("\n## ")[0]
    (console,) = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", section, re.DOTALL)
    lines = [line.removeprefix("$ ") for line in console.splitlines()]
    assert [line.split()[1] for line in lines] == [
        *("simulate", "describe", "describe", "ingest", "signature"),
    ]
    script = "\n".join([f'artiphys() {{ {sys.executable} -m artiphys_cli "$@"; }}', *lines])
    done = subprocess.run(
        ["bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout
