"""The page on probing at scale: what it shows runs, on a cluster too, with a worker lost."""

import re
import subprocess
import sys
import time

import pytest
import xarray as xr
from PIL import Image

from artiphys.responses.storage import open_responses
from environment import ROOT, missing

try:
    import distributed
    import torch  # noqa: F401

    from artiphys_torch import dead_leaves, load_network, probe
except ImportError as error:
    missing(str(error), module=True)

PAGE = (ROOT / "docs" / "probing.md").read_text()
WANTED = {"squeezenet1_1": ["features.3.squeeze"], "resnet18": ["layer1.0.conv1"]}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photographs").mkdir()
    for number, pixels in enumerate(dead_leaves(6, size=64)):
        Image.fromarray(pixels).save(tmp_path / "photographs" / f"{number}.png")
    return tmp_path


def expected(name, folder):
    return probe(load_network(name), folder / "photographs", WANTED[name], progress=False)


@pytest.mark.slow
def test_networks_as_tasks_of_a_cluster_as_the_page_has_it(folder):
    (script,) = (b for b in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "Client" in b)
    (folder / "tasks.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "tasks.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['squeezenet1_1.zarr', 'resnet18.zarr']"
    for name in WANTED:
        found = open_responses(folder / f"{name}.zarr")
        xr.testing.assert_allclose(found, expected(name, folder), rtol=1e-5, atol=1e-5)
        assert not (folder / f"{name}.zarr.partial").exists()


def probed_slowly(name, layers, folder):
    """Probe one photograph after the other, waiting at each until somebody allows the next."""
    from artiphys_torch import Photograph, as_photographs, load_network, probe
    from artiphys_torch.probing import extent

    extent.CHUNK = 1

    def read(item):
        (folder / f"read-{item.name}-{time.time_ns()}").touch()
        if item.name == "4.png":
            while not (folder / "go").exists():
                time.sleep(0.05)
        return item.read()

    items = [
        Photograph(i.name, lambda i=i: read(i), i.digest)
        for i in as_photographs(folder / "photographs")
    ]
    out = folder / f"{name}.zarr"
    probe(load_network(name), items, layers, out=out, progress=False, batch_size=3)
    return out


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_a_lost_worker_had_finished_is_not_done_again(folder):
    name = "squeezenet1_1"
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as c,
        distributed.Client(c) as client,
    ):
        task = client.submit(probed_slowly, name, WANTED[name], folder)
        deadline = time.monotonic() + 120
        while not list(folder.glob("read-4.png-*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        finished = list((folder / f"{name}.zarr.partial" / "group.zarr" / "response").glob("0.*"))
        for nanny in c.workers.values():
            nanny.process.process.kill()
        (folder / "go").touch()
        out = task.result(timeout=180)
    assert finished
    reads = {n: len(list(folder.glob(f"read-{n}.png-*"))) for n in range(6)}
    assert reads[0] == 1, reads
    assert reads[4] == 2, reads
    found = open_responses(out)
    xr.testing.assert_allclose(found, expected(name, folder), rtol=1e-5, atol=1e-5)
