"""Reading over HTTP: range requests, as many as the bytes need and no more for more units."""

import contextlib
import gc
import http.server
import threading
import time
from urllib.parse import unquote

import numpy as np
import pytest

from artiphys_nwb import describe_nwb, errors, read_nwb
from environment import missing
from nwb_files import LAYOUT, edited, recording, replaced, write_nwb

try:
    import aiohttp  # noqa: F401
    import fsspec  # noqa: F401

    from zarr_files import write_zarr
except ImportError:
    missing("the extras 'stream' and 'zarr'", module=True)


class RangeServer(http.server.ThreadingHTTPServer):
    """Serves a folder on loopback; `requests` lists the method and range of each request."""

    daemon_threads = True

    def handle_error(self, *_):
        """A client that goes away is no news."""

    def __init__(self, folder, *, ranges=True):
        self.folder, self.ranges, self.requests = folder, ranges, []
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, name):
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        wanted = self.headers.get("Range")
        self.server.requests.append((self.command, wanted))
        path = self.server.folder / unquote(self.path).lstrip("/")
        if not path.is_file():
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = path.read_bytes()
        size = len(content)
        if wanted and self.server.ranges:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or size - 1), size - 1) + 1
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
            content = content[start:stop]
        else:
            self.send_response(200)
        if self.server.ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content)


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(**how):
        server = RangeServer(tmp_path, **how)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_url_reads_like_the_file(tmp_path, serve):
    path = write_nwb(tmp_path / "a.nwb", *recording())
    server = serve()
    np.testing.assert_array_equal(read_nwb(server.url("a.nwb"), LAYOUT), read_nwb(path, LAYOUT))
    assert all(wanted for method, wanted in server.requests if method == "GET")
    assert describe_nwb(server.url("a.nwb")).n_units == 3


def chunked(path, n_units, n_spikes=2_000_000):
    """The same number of spikes from few or from many units, in many small chunks."""
    trials, _ = recording()
    times = np.random.default_rng(0).uniform(0, 26, n_spikes)
    spikes = [np.sort(part) for part in np.array_split(times, n_units)]
    write_nwb(path, trials, spikes, units={"depth": np.arange(float(n_units))})
    return edited(path, replaced("units/spike_times", lambda times: times, chunks=(8192,)))


def test_requests_do_not_grow_with_the_number_of_units(tmp_path, serve):
    server, n_requests = serve(), {}
    for n_units in (4, 400):
        path = chunked(tmp_path / f"{n_units}.nwb", n_units)
        server.requests.clear()
        read_nwb(server.url(path.name), LAYOUT)
        n_requests[n_units] = len(server.requests)
        n_blocks = -(-path.stat().st_size // (4 * 2**20))
        assert n_blocks <= n_requests[n_units] <= n_blocks + 3, "each block once, and the opening"
    assert n_requests[400] <= n_requests[4] + 1


def test_blocks_in_a_row_are_fetched_side_by_side_and_each_once(tmp_path, serve, monkeypatch):
    path = chunked(tmp_path / "a.nwb", 4, n_spikes=300_000)
    server, answer, at_once, lock = serve(), Handler.answer, [0, 0], threading.Lock()

    def slowly(self, **how):
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        time.sleep(0.02)
        answer(self, **how)
        with lock:
            at_once[0] -= 1

    monkeypatch.setattr(Handler, "answer", slowly)
    monkeypatch.setattr("artiphys_nwb.files.streaming.BLOCK_SIZE", 2**16)
    monkeypatch.setattr("artiphys_nwb.files.streaming.BLOCKS_KEPT", 20)
    responses = read_nwb(server.url("a.nwb"), LAYOUT)
    np.testing.assert_array_equal(responses, read_nwb(path, LAYOUT))
    assert at_once[1] >= 4
    ranges = [wanted for method, wanted in server.requests if method == "GET"]
    assert len(set(ranges)) >= len(ranges) - 4, "but for what memory had no room for"


def test_a_store_in_zarr_reads_like_the_file(tmp_path, serve):
    path = write_nwb(tmp_path / "a.nwb", *recording())
    write_zarr(path, tmp_path / "a.nwb.zarr")
    address = serve().url("a.nwb.zarr")
    np.testing.assert_array_equal(read_nwb(address, LAYOUT), read_nwb(path, LAYOUT))
    with pytest.raises(errors.FileError, match="gone.zarr: .* without .zmetadata cannot be listed"):
        read_nwb(address.replace("a.nwb", "gone"), LAYOUT)


def test_no_garbage_is_collected_while_h5py_waits_for_bytes(tmp_path, serve, monkeypatch):
    """Else the fetching thread may wait for h5py's lock, to free an object, and h5py for it."""
    from fsspec.implementations.http import HTTPFileSystem

    fetch, enabled = HTTPFileSystem._cat_file, []

    async def watched(self, *args, **how):
        enabled.append(gc.isenabled())
        return await fetch(self, *args, **how)

    monkeypatch.setattr(HTTPFileSystem, "_cat_file", watched)
    write_nwb(tmp_path / "a.nwb", *recording())
    assert gc.isenabled()
    read_nwb(serve().url("a.nwb"), LAYOUT)
    assert enabled
    assert not any(enabled)
    assert gc.isenabled()


def test_many_urls_pool_and_the_missing_one_is_told(tmp_path, serve):
    write_nwb(tmp_path / "a.nwb", *recording())
    write_nwb(tmp_path / "b.nwb", *recording(seed=1), identifier="2", session_id="s2")
    server = serve()
    urls = [server.url(name) for name in ("a.nwb", "gone.nwb", "b.nwb")]
    with pytest.warns(errors.FilesLeftOut, match="gone.nwb: cannot be fetched.*check the address"):
        assert read_nwb(urls, LAYOUT).sizes["unit"] == 6


def test_no_such_address(serve):
    with pytest.raises(errors.FileError, match="gone.nwb: cannot be fetched .*; check the address"):
        read_nwb(serve().url("gone.nwb"), LAYOUT)


def test_no_server():
    with pytest.raises(errors.FileError, match="127.0.0.1:9/a.nwb: cannot be fetched"):
        read_nwb("http://127.0.0.1:9/a.nwb", LAYOUT)


def test_a_server_without_ranges(tmp_path, serve, monkeypatch):
    path = write_nwb(tmp_path / "a.nwb", *recording())
    url = serve(ranges=False).url("a.nwb")
    # What fits into one request needs no ranges.
    np.testing.assert_array_equal(read_nwb(url, LAYOUT), read_nwb(path, LAYOUT))
    monkeypatch.setattr("artiphys_nwb.files.streaming.BLOCK_SIZE", 1024)
    with pytest.raises(errors.FileError, match="does not serve ranges; download the file first"):
        read_nwb(url, LAYOUT)


def test_a_server_that_gives_up(tmp_path, serve, monkeypatch):
    write_nwb(tmp_path / "a.nwb", *recording())
    server = serve()
    monkeypatch.setattr("artiphys_nwb.files.streaming.BLOCK_SIZE", 1024)
    answer = Handler.answer

    def fail_after_a_while(self, **how):
        if len(self.server.requests) > 8:
            self.send_error(503)
        else:
            answer(self, **how)

    monkeypatch.setattr(Handler, "answer", fail_after_a_while)
    with pytest.raises(errors.FileError, match="the connection failed .*; try again, or download"):
        read_nwb(server.url("a.nwb"), LAYOUT)


def test_a_page_in_the_place_of_a_file(tmp_path, serve):
    (tmp_path / "a.nwb").write_text("<html>please log in</html>")
    with pytest.raises(errors.FileError, match="a web page"):
        read_nwb(serve().url("a.nwb"), LAYOUT)


def test_a_file_cut_short_on_the_server(tmp_path, serve):
    path = write_nwb(tmp_path / "a.nwb", *recording())
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(errors.FileError, match="cut short"):
        read_nwb(serve().url("a.nwb"), LAYOUT)


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(ImportError, match=r"pip install 'artiphys\[stream\]'"):
        read_nwb("https://example.org/a.nwb", LAYOUT)
