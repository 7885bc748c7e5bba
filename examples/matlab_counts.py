"""An adapter for a lab's own format: counts in a MATLAB file, into the response array.

The file holds ``counts`` (units × trials), ``image`` and ``position`` (a number for each trial,
positions in degrees from the fovea) and ``window`` (start and stop in seconds). An adapter ends
where all of them end, in `artiphys.from_presentations`, which says what is wrong if something is.

    python examples/matlab_counts.py [FILE.mat]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import scipy.io
import xarray as xr

import artiphys
from artiphys.responses.provenance import digest_file, provenance


def read_matlab_counts(path: str | Path, *, area: str = "V4") -> xr.DataArray:
    """Return the responses in a MATLAB v5 file, in spikes/s, with the repeats along ``trial``."""
    file = scipy.io.loadmat(path, squeeze_me=True)
    counts, window = np.atleast_2d(file["counts"]), file["window"]
    positions = np.unique(file["position"])
    reference = float(positions[np.argmin(np.abs(positions))])
    session = Path(path).stem
    return artiphys.from_presentations(
        counts / (window[1] - window[0]),
        unit=[f"{session}/{i}" for i in range(len(counts))],
        image=file["image"].tolist(),
        position=file["position"].tolist(),
        reference=reference,
        x={position: position - reference for position in positions.tolist()},
        y=dict.fromkeys(positions.tolist(), 0.0),
        units="spikes/s",
        area=area,
        source=session,
        provenance=provenance(
            "read_matlab_counts",
            arguments={"area": area},
            inputs=[{"name": str(path), "sha256": digest_file(path)}],
        ),
    )


def write_made_up_file(path: str | Path, *, n_units: int = 8, seed: int = 0) -> None:
    """Write a file of Poisson counts to read: 25 images at 3 positions, 4 or 5 times each."""
    rng = np.random.default_rng(seed)
    cells = np.array([(i, p) for i in range(25) for p in (-1.0, 0.0, 1.0) for _ in range(5)])
    cells = rng.permutation(cells)[:-40]
    rates = rng.gamma(1.0, 10.0, (n_units, 25)) * 0.2
    scipy.io.savemat(
        path,
        {
            "counts": rng.poisson(rates[:, cells[:, 0].astype(int)]),
            "image": cells[:, 0],
            "position": cells[:, 1],
            "window": [0.05, 0.25],
        },
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(read_matlab_counts(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            made_up = Path(folder) / "session.mat"
            write_made_up_file(made_up)
            responses = read_matlab_counts(made_up)
        print(artiphys.dynamic_range(responses).to_pandas().round(1))
