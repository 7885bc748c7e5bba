"""Recordings of the DANDI archive by their names, through its own client.

``dandi:001357`` is a dandiset, ``dandi:001357/sub-SP`` a folder of it, or a file, or a pattern;
``dandi:001357@0.240115.1234/...`` of one version. Another server than DANDI's is named by the
client's own variable, ``DANDI_INSTANCE``.
"""

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from artiphys.errors import InputError, to_install
from artiphys_nwb.errors import FileError

__all__ = ["Asset", "assets", "is_dandi"]

NAME = re.compile(r"dandi:(?P<dandiset>\d{6})(@(?P<version>[^/]+))?(/(?P<path>.*))?", re.IGNORECASE)
KINDS = (".nwb", ".nwb.zarr", ".zarr")
MAGIC = re.compile(r"[*?[]")


class Asset:
    """A recording of the archive; its address is asked for when it is opened."""

    def __init__(self, name: str, remote: Any) -> None:
        self.name, self._remote = name, remote

    @property
    def is_zarr(self) -> bool:
        """Whether it is a Zarr store, of which the address does not tell."""
        return self.name.endswith(".zarr")

    def address(self) -> str:
        """Return where its bytes are: in the archive's storage, without the way round its API.

        Raises
        ------
        FileError
            If the archive does not say.
        """
        with _told():
            found = self._remote.get_raw_metadata().get("contentUrl", [])
            own = str(self._remote.client.api_url)
            stored = [address for address in found if not address.startswith(own)]
            return str([*stored, *found, self._remote.download_url][0])


def is_dandi(source: str) -> bool:
    """Return whether a source is named as one of the archive."""
    return source.lower().startswith("dandi:")


def assets(source: str) -> list[Asset]:
    """Return the recordings that a name stands for, in the order of their paths.

    Raises
    ------
    InputError
        If it is no name of a dandiset or of what is in one.
    FileError
        If the archive has none of it, or cannot be reached.
    ImportError
        Without dandi.
    """
    parts = NAME.fullmatch(source)
    if parts is None:
        msg = f"{source}: not a name like dandi:001357, dandi:001357@draft/sub-SP/*.nwb; check it"
        raise InputError(msg)
    path = (parts["path"] or "").strip("/")
    with _told(f"{source}: "):
        dandiset = _client(source).get_dandiset(parts["dandiset"], parts["version"])
        version = dandiset.version_id
        listed = list(dandiset.get_assets_with_path_prefix(MAGIC.split(path)[0]))
    place = f"dandi:{parts['dandiset']}@{version}"
    found = {
        remote.path: remote
        for remote in listed
        if remote.path.endswith(KINDS) and _is_wanted(remote.path, path)
    }
    if not found:
        msg = f"{source}: {place} has no NWB file of this name; see `dandi ls` for those it has"
        raise FileError(msg)
    return [Asset(f"{place}/{at}", found[at]) for at in sorted(found)]


def _is_wanted(path: str, wanted: str) -> bool:
    """Return whether a path is one wanted, below it, or like it; all are where none is said."""
    below = not wanted or path == wanted or path.startswith(f"{wanted}/")
    return below or fnmatchcase(path, wanted)


def _client(source: str) -> Any:
    os.environ.setdefault("DANDI_NO_ET", "1")  # asking for news of the client tells of its use
    try:
        from dandi.dandiapi import DandiAPIClient
    except ImportError as error:
        msg = f"{source}: the archive is read by its client: {to_install('dandi')}"
        raise ImportError(msg, name="dandi") from error
    logging.getLogger("dandi").addHandler(logging.NullHandler())  # we say it, in one line
    return DandiAPIClient()


@contextlib.contextmanager
def _told(source: str = "") -> Iterator[None]:
    """Turn what the client raises into one line, which begins with what was asked for."""
    try:
        yield
    except (ImportError, InputError):
        raise
    except Exception as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        if type(error).__name__ in ("NotFoundError", "HTTP404Error"):
            msg = f"{source}the archive has no such dandiset or version ({why}); check it"
        else:
            msg = f"{source}the archive cannot be reached ({why}); try again"
        raise FileError(msg) from error
