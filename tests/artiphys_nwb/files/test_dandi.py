"""Recordings of the archive by name: a stub of its API on this machine, the client the real one."""

import http.server
import json
import threading
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys_nwb import describe_nwb, errors, read_nwb
from artiphys_nwb.files.opening import sources
from environment import missing
from nwb_files import LAYOUT, recording, write_nwb

try:
    import dandi.dandiapi
    import fsspec  # noqa: F401

    from zarr_files import write_zarr
except ImportError:
    missing("the extras 'dandi' and 'zarr'", module=True)

PATHS = (
    "sub-A/sub-A_ses-1.nwb",
    "sub-A/sub-A_ses-2.nwb",
    "sub-AB/sub-AB_ses-1.nwb",
    "sub-B/sub-B_ses-1.nwb",
    "sub-B/movie.mp4",
    "sub-C/sub-C_ses-1.nwb.zarr",
)
BLOBS = ("0.nwb", "1.nwb", "2.nwb", "3.nwb", "", "store/")
VERSIONS = ("draft", "0.240115.1234")


class Archive(http.server.ThreadingHTTPServer):
    """As much of the archive as is asked of it; `asked` lists the paths of the requests."""

    daemon_threads = True

    def __init__(self, folder):
        self.folder, self.asked = folder, []
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        asked = urlsplit(self.path)
        self.server.asked.append(asked.path)
        if asked.path.startswith("/blobs/"):
            return self.send_file(asked.path.removeprefix("/blobs/"))
        answer = self.answer(asked.path.rstrip("/"), parse_qs(asked.query))
        body = json.dumps(answer or {"detail": "Not found."}).encode()
        return self.send_body(200 if answer else 404, body, {"Content-Type": "application/json"})

    def answer(self, path, query):
        address = self.server.address
        match path.removeprefix("/api").strip("/").split("/"):
            case ["info"] | ["server-info"]:
                services = {"api": {"url": f"{address}/api"}}
                return {
                    "version": "1.0.0", "services": services, "schema_version": "0.7.0",
                    "cli-minimal-version": "0.60.0", "cli-bad-versions": [],
                }  # fmt: skip
            case ["dandisets", "001357"]:
                return {
                    "identifier": "001357", "created": "2026-01-02T00:00:00Z",
                    "modified": "2026-01-02T00:00:00Z", "contact_person": "nobody",
                    "embargo_status": "OPEN", "draft_version": version("draft"),
                    "most_recent_published_version": version(VERSIONS[1]),
                }  # fmt: skip
            case ["dandisets", "001357", "versions", name, "assets"] if name in VERSIONS:
                prefix = query.get("path", [""])[0]
                results = [asset(n) for n, at in enumerate(PATHS) if at.startswith(prefix)]
                return {"count": len(results), "next": None, "previous": None, "results": results}
            case ["dandisets", "001357", "versions", name, "assets", which] if name in VERSIONS:
                blob = f"{address}/blobs/{BLOBS[int(which[-2:])]}"
                return {"contentUrl": [f"{address}/api/assets/{which}/download/", blob]}
        return None

    def send_file(self, name):
        if not (self.server.folder / name).is_file():
            return self.send_body(404, b"", {})
        content = (self.server.folder / name).read_bytes()
        wanted, size = self.headers.get("Range"), len(content)
        headers = {"Accept-Ranges": "bytes"}
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or size - 1), size - 1) + 1
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
            content = content[start:stop]
        return self.send_body(206 if wanted else 200, content, headers)

    def send_body(self, status, body, headers):
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def version(name):
    return {
        "version": name, "name": "made", "asset_count": len(PATHS), "size": 1,
        "created": "2026-01-02T00:00:00Z", "modified": "2026-01-02T00:00:00Z", "status": "Valid",
    }  # fmt: skip


def asset(number):
    return {
        "asset_id": f"00000000-0000-0000-0000-0000000000{number:02}", "path": PATHS[number],
        "size": 1, "blob": f"00000000-0000-0000-0000-0000000001{number:02}", "zarr": None,
        "created": "2026-01-02T00:00:00Z", "modified": "2026-01-02T00:00:00Z",
    }  # fmt: skip


@pytest.fixture
def archive(tmp_path, monkeypatch):
    for number in range(4):
        trials, spikes = recording(seed=number)
        write_nwb(
            tmp_path / f"{number}.nwb", trials, spikes, identifier=str(number),
            session_id=f"s{number}",
        )  # fmt: skip
    server = Archive(tmp_path)
    monkeypatch.setenv("DANDI_INSTANCE", f"{server.address}/api")
    monkeypatch.setattr(dandi.dandiapi, "REQUEST_RETRIES", 1)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


KEPT = [path for path in PATHS if not path.endswith(".mp4")]


def listed(source):
    return [found.name.partition("/")[2] for found in sources(source)]


def test_a_dandiset_is_listed_and_its_version_said(archive):
    assert listed("dandi:001357") == KEPT
    assert listed("DANDI:001357") == KEPT
    assert sources("dandi:001357")[0].name == f"dandi:001357@{VERSIONS[1]}/{PATHS[0]}"
    assert sources("dandi:001357@draft")[0].name == f"dandi:001357@draft/{PATHS[0]}"
    assert not any("/blobs/" in path for path in archive.asked), "nothing is fetched to list it"


@pytest.mark.parametrize(
    ("path", "which"),
    [
        ("sub-A", [0, 1]),
        ("sub-A/", [0, 1]),
        ("sub-A/sub-A_ses-2.nwb", [1]),
        ("sub-*/*ses-1.nwb", [0, 2, 3]),
        ("*ses-1*", [0, 2, 3, 5]),
        ("sub-C", [5]),
        ("sub-[AB]/*", [0, 1, 3]),
    ],
)
def test_a_path_or_a_pattern_filters(archive, path, which):
    assert listed(f"dandi:001357/{path}") == [PATHS[n] for n in which]


def test_an_asset_is_streamed(archive, tmp_path):
    name = f"dandi:001357/{PATHS[1]}"
    responses = read_nwb(name, LAYOUT)
    np.testing.assert_array_equal(responses, read_nwb(tmp_path / "1.nwb", LAYOUT))
    assert describe_nwb(name).n_units == 3
    inputs = json.loads(responses.attrs["provenance"])["inputs"]
    assert inputs[0]["name"] == f"dandi:001357@{VERSIONS[1]}/{PATHS[1]}"
    assert not any(path.endswith("/download/") for path in archive.asked), "no way round the API"


def test_an_asset_in_zarr(archive, tmp_path):
    write_zarr(tmp_path / "2.nwb", tmp_path / "store")
    responses = read_nwb("dandi:001357/sub-C", LAYOUT)
    np.testing.assert_array_equal(responses, read_nwb(tmp_path / "2.nwb", LAYOUT))


def test_many_are_pooled(archive, tmp_path):
    pooled = read_nwb(["dandi:001357/sub-A", "dandi:001357@draft/sub-B"], LAYOUT)
    files = [tmp_path / f"{n}.nwb" for n in (0, 1, 3)]
    np.testing.assert_array_equal(pooled, read_nwb(files, LAYOUT))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("dandi:001357/sub-D", r"dandi:001357@0.240115.1234 has no NWB file of this name"),
        ("dandi:001357/sub-B/movie.mp4", "has no NWB file of this name"),
        ("dandi:001357@0.1.2", "dandi:001357@0.1.2: the archive has no such dandiset or version"),
        ("dandi:999999", "dandi:999999: the archive has no such dandiset or version"),
    ],
)
def test_what_is_not_there(archive, name, fault):
    with pytest.raises(errors.FileError, match=fault):
        read_nwb(name, LAYOUT)


@pytest.mark.parametrize("name", ["dandi:", "dandi:1357", "dandi:v4", "dandi:001357sub"])
def test_what_is_no_name(name):
    with pytest.raises(InputError, match="not a name like dandi:001357"):
        read_nwb(name, LAYOUT)


def test_an_archive_that_cannot_be_reached(monkeypatch, capsys):
    monkeypatch.setenv("DANDI_INSTANCE", "http://127.0.0.1:9/api")
    monkeypatch.setattr(dandi.dandiapi, "REQUEST_RETRIES", 1)
    with pytest.raises(errors.FileError, match="dandi:001357: the archive cannot be reached"):
        read_nwb("dandi:001357", LAYOUT)
    assert capsys.readouterr().err == ""


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dandi.dandiapi", None)
    with pytest.raises(ImportError, match=r"dandi:001357: .*pip install 'artiphys\[dandi\]'"):
        read_nwb("dandi:001357", LAYOUT)
