"""Memory of a probing that is written as it goes, against the number of photographs.

All 123 008 units of a convolution of 32 channels answer to dead leaves of 64 pixels at three
places: 1.5 MB for each photograph. Each probing has a process of its own, of which the greatest
resident size is taken. Written to a Zarr store it must not grow with the number of photographs by a
tenth of what they add to the responses; in memory, which shows that it is measured, it must by half
of that.

    python benchmarks/probing_memory.py [--n-images 100 1000]
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

CHILD = """
import resource, sys
import torch
torch.set_num_threads(1)
from artiphys_torch import as_photographs, probe
how = dict(layers="0", units="all", frame=64, progress=False)
network = torch.nn.Sequential(torch.nn.Conv2d(3, 32, 3))
photographs = as_photographs(n_images=int(sys.argv[1]))
found = probe(network, photographs, out=sys.argv[2] or None, **how)
print(found.nbytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def main(n_images: Sequence[int] = (100, 1000)) -> dict[str, list[float]]:
    """Print and return the peaks in MB, by way, one for each number of photographs."""
    peaks: dict[str, list[float]] = {"out=x.zarr": [], "in memory": []}
    sizes = []
    for number in n_images:
        for way in peaks:
            with tempfile.TemporaryDirectory() as folder:
                out = str(Path(folder) / "x.zarr") if way == "out=x.zarr" else ""
                done = subprocess.run(
                    [sys.executable, "-W", "ignore", "-c", CHILD, str(number), out],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                stored = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
            n_bytes, peak = (int(word) / 1e6 for word in done.stdout.split())
            peaks[way].append(peak)
            told = f", {stored / 1e6:.0f} MB on disk" if stored else ""
            print(f"{number:6} photographs, {way:10}: peak {peak:6.0f} MB{told}", flush=True)
        sizes.append(n_bytes)
        print(f"{'':6} their responses take {n_bytes:.0f} MB")
    more = sizes[-1] - sizes[0]
    grown = {way: values[-1] - values[0] for way, values in peaks.items()}
    print(
        f"growth for {more:.0f} MB of responses more: "
        + ", ".join(f"{way} {value:.0f} MB" for way, value in grown.items())
    )
    if more > 200:  # the noise of a process is some tens of MB
        assert grown["out=x.zarr"] < more / 10, "memory grows with the number of photographs"
        assert grown["in memory"] > more / 2, "nothing was measured"
    return peaks


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-images", type=int, nargs="+", default=[100, 1000])
    main(parser.parse_args().n_images)
