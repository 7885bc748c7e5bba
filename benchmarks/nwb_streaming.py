"""Reading a recording over HTTP: our blocks, by fsspec, against remfile.

The server is on this machine, and answers as one far away would: after a delay, and each connection
no faster than a given rate. All must give the same counts.

    python benchmarks/nwb_streaming.py
"""

import contextlib
import functools
import http.server
import importlib.util
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import nwb_counting
from artiphys_nwb import Layout, describe_nwb, read_nwb

LAYOUT = Layout(image="image", position="position", onset="start_time")
SIZES = {"short": (100, 200_000, 2000), "long": (200, 5_000_000, 6000)}  # units, spikes, rows
LINES = {"near": (0.03, 50e6), "far": (0.1, 10e6)}  # seconds to answer, bytes/s of a connection
PIECE = 2**16


def main(
    sizes: dict[str, tuple[int, int, int]] = SIZES,
    lines: dict[str, tuple[float, float]] = LINES,
    n_rounds: int = 3,
) -> dict[str, float]:
    """Print and return how long we take in units of what remfile takes, best against best."""
    ratios = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (n_units, n_spikes, n_rows) in sizes.items():
            path = Path(folder) / f"{name}.nwb"
            nwb_counting._write(path, n_units, n_spikes, n_rows)
            for line, (delay, rate) in lines.items():
                with _served(path, delay, rate) as (address, requests):
                    ratios |= {
                        f"{name}, {line}, {what}": ratio
                        for what, ratio in _compared(path, address, requests, n_rounds).items()
                    }
    for what, ratio in ratios.items():
        print(f"{what}: ours / remfile {ratio:.2f}")
    return ratios


def _compared(path: Path, address: str, requests: list, n_rounds: int) -> dict[str, float]:
    truth = read_nwb(path, LAYOUT, progress=False).values
    runs: dict[str, Callable[[], Any]] = {
        "read, ours": lambda: read_nwb(address, LAYOUT, progress=False),
        "describe, ours": lambda: describe_nwb(address),
    }
    if importlib.util.find_spec("remfile") is None:
        print("remfile is not installed: not compared (pip install remfile)")
    else:
        runs["read, remfile"] = lambda: _by_remfile(address, _counts)
        runs["describe, remfile"] = lambda: _by_remfile(address, describe_nwb)
    for what in runs:
        if what.startswith("read"):
            np.testing.assert_array_equal(runs[what](), truth)
    times: dict[str, list[float]] = {what: [] for what in runs}
    n_requests = {}
    for _ in range(n_rounds):
        for what, run in runs.items():
            requests.clear()
            start = time.perf_counter()
            run()
            times[what].append(time.perf_counter() - start)
            n_requests[what] = len(requests)
    for what, taken in times.items():
        print(f"  {path.stem}, {what}: {min(taken):.2f} s in {n_requests[what]} requests")
    return {
        what: min(times[f"{what}, ours"]) / min(times[f"{what}, remfile"])
        for what in ("read", "describe")
        if f"{what}, remfile" in times
    }


def _counts(file: h5py.File) -> Any:
    return read_nwb(file, LAYOUT, progress=False)


def _by_remfile(address: str, run: Callable[[h5py.File], Any]) -> Any:
    import remfile

    with h5py.File(remfile.File(address), "r") as file:
        return run(file)


@contextlib.contextmanager
def _served(path: Path, delay: float, rate: float) -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a file on this machine, and a list to which requests are added."""
    requests: list[str] = []
    handler = functools.partial(_Handler, path.read_bytes(), delay, rate, requests)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/{path.name}", requests
    finally:
        server.shutdown()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers requests for ranges of one file, slowly."""

    protocol_version = "HTTP/1.1"

    def __init__(
        self, content: bytes, delay: float, rate: float, requests: list[str], *args: Any
    ) -> None:
        self.content, self.delay, self.rate, self.requests = content, delay, rate, requests
        super().__init__(*args)

    def log_message(self, *_: Any) -> None:
        """Nothing is worth a line."""

    def do_HEAD(self) -> None:
        """Say how long the file is."""
        self._answer(body=False)

    def do_GET(self) -> None:
        """Send a range of the file."""
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.requests.append(self.command)
        time.sleep(self.delay)
        content, wanted = self.content, self.headers.get("Range")
        self.send_response(206 if wanted else 200)
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or len(content)), len(content) - 1) + 1
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
            content = content[start:stop]
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(content) if body else 0, PIECE):
                piece = content[at : at + PIECE]
                self.wfile.write(piece)
                time.sleep(len(piece) / self.rate)


if __name__ == "__main__":
    main()
