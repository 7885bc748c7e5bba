"""Photographs read once, for what goes over them several times."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from PIL import Image

from artiphys_torch.stimuli.photographs import Photographs

__all__ = ["HeldPhotographs", "held"]

BUDGET = 10**9  # bytes of pixels held in memory


class HeldPhotographs(Photographs):
    """Photographs of which each, once read, stays in memory while there is room."""


def held(photographs: Photographs, budget: int = BUDGET) -> Photographs:
    """Return the same photographs, kept in memory from when they are first read.

    Parameters
    ----------
    photographs : Photographs
        Returned as they are if they are held already.
    budget : int
        Bytes of pixels that are kept; photographs beyond are read anew each time.

    Returns
    -------
    Photographs
        Their pictures are shared by all who read them: not to be changed in place.
    """
    if isinstance(photographs, HeldPhotographs):
        return photographs
    room = _Room(budget)
    items = tuple(replace(item, read=_Held(item.read, room)) for item in photographs)
    return HeldPhotographs(items, photographs.origin, photographs.dropped)


class _Room:
    """What is left of a budget; photographs are read in several threads at once."""

    def __init__(self, budget: int) -> None:
        self.left = budget
        self.lock = Lock()

    def taken(self, n_bytes: int) -> bool:
        with self.lock:
            if n_bytes > self.left:
                return False
            self.left -= n_bytes
            return True


@dataclass
class _Held:
    read: Callable[[], Image.Image]
    room: _Room
    picture: Image.Image | None = None

    def __call__(self) -> Image.Image:
        if self.picture is not None:
            return self.picture
        picture = self.read()
        if self.room.taken(3 * picture.width * picture.height):
            self.picture = picture
        return picture
