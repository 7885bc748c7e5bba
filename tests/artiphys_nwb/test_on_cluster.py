"""Files of a list as tasks of a client that is open."""

import datetime

import numpy as np
import xarray as xr

from artiphys import cores
from artiphys_nwb import read_nwb, write_nwb
from environment import missing

try:
    import distributed
except ImportError:
    missing("the extra 'distributed'", module=True)


def test_the_workers_read_the_files(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    image, position = (np.repeat(of, 6) for of in (np.tile(np.arange(8), 2), np.repeat([0, 1], 8)))
    start = 1 + 0.5 * np.arange(image.size)
    for day in (1, 2, 3):
        layout = write_nwb(
            tmp_path / f"{day}.nwb",
            [np.sort(rng.uniform(0, 60, 900)) for _ in range(5)],
            image=[f"im{i}" for i in image],
            position=position,
            start=start,
            stop=start + 0.3,
            subject="m",
            session_id=f"s{day}",
            session_start_time=datetime.datetime(2020, 1, day, tzinfo=datetime.UTC),
        )
    given = {"layout": layout, "window": (0.05, 0.25)}
    alone = read_nwb(tmp_path, **given)
    sent = []
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")  # more than one, as on a cluster's first machine

    def counting(work, items):
        sent.append(len(items))
        return on_cluster(work, items)

    on_cluster = cores.on_cluster
    monkeypatch.setattr("artiphys.processes.on_cluster", counting)
    how = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": 0}
    with distributed.LocalCluster(**how) as cluster, distributed.Client(cluster):
        xr.testing.assert_identical(read_nwb(tmp_path, **given), alone)
        assert sent == [3]
