"""Dead leaves: images of occluding discs that have the statistics of photographs.

Discs fall on one another until nothing of the ground is seen. With radii r distributed as r^-3 the
picture looks the same at every scale, and its power spectrum falls as 1/f², as that of photographs
does. Each image has a random stream of its own, so that image 7 is the same whether 10 or 500 are
asked for.
"""

import numpy as np

from artiphys.arguments import whole_number

__all__ = ["dead_leaves"]

VERSION = 1  # part of the digest of an image: raise it when the pixels of a seed change
MIN_RADIUS = 1 / 128  # of the image's side
MAX_RADIUS = 1 / 2
COVERAGE = 6.0  # leaves over a point on the average: e^-6 of the points show the ground
# Luminance is broad and a little dark, as in photographs; the channels share most of it.
LUMINANCE = (1.1, 1.3)
CHROMA = 0.08


def dead_leaves(n_images: int, *, size: int = 256, seed: int = 0) -> np.ndarray:
    """Return images of occluding discs.

    Parameters
    ----------
    n_images : int
    size : int
        Side of an image in pixels, at least 8.
    seed : int
        Image i depends on (`seed`, i, `size`) and on nothing else.

    Returns
    -------
    numpy.ndarray of uint8, (image, row, column, channel)

    Raises
    ------
    InputError
        If `n_images` is less than 1, `size` less than 8, or `seed` negative.

    References
    ----------
    Matheron (1968), Modèle séquentiel de partition aléatoire. Lee, Mumford & Huang (2001),
    Occlusion models for natural images, Int. J. Comput. Vis. 41:35, doi:10.1023/A:1011109015675.

    Examples
    --------
    >>> dead_leaves(2, size=64).shape
    (2, 64, 64, 3)
    """
    n_images = whole_number(n_images, "n_images", 1)
    size, seed = whole_number(size, "size", 8), whole_number(seed, "seed", 0)
    return np.stack([leaves(index, size, seed) for index in range(n_images)])


def leaves(index: int, size: int, seed: int) -> np.ndarray:
    """Return image `index` of a seed, (row, column, channel) of uint8."""
    rng = np.random.default_rng([VERSION, seed, index])
    radius = _radii(size, rng)
    centre = rng.uniform(-radius, size + radius, (2, len(radius)))
    luminance = rng.beta(*LUMINANCE, len(radius) + 1)
    colour = luminance[:, np.newaxis] + CHROMA * rng.standard_normal((len(radius) + 1, 3))
    palette = np.rint(255 * np.clip(colour, 0, 1)).astype(np.uint8)
    return palette[_topmost(radius, centre, size)]


def _radii(size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the radii of the leaves that touch the image, the lowest leaf first.

    A leaf touches the image if its centre lies in a square of side size + 2 r, so that large leaves
    are met more often than r^-3 says.
    """
    radius = np.geomspace(MIN_RADIUS * size, MAX_RADIUS * size, 512)
    met = radius**-3 * (size + 2 * radius) ** 2
    cumulative = np.concatenate([[0], np.cumsum((met[1:] + met[:-1]) / 2 * np.diff(radius))])
    seen = np.pi * radius**2 / (size + 2 * radius) ** 2  # share of the image under one leaf
    mean_seen = np.trapezoid(seen * met, radius) / cumulative[-1]
    n_leaves = rng.poisson(COVERAGE / mean_seen)
    return np.interp(rng.uniform(0, cumulative[-1], n_leaves), cumulative, radius)


def _topmost(radius: np.ndarray, centre: np.ndarray, size: int) -> np.ndarray:
    """Return for each pixel the leaf on top of it, counted from 1 upward; 0 is the ground."""
    row_centre, column_centre = centre
    first = np.clip(np.ceil(row_centre - radius), 0, size).astype(np.int64)
    last = np.clip(np.floor(row_centre + radius), -1, size - 1).astype(np.int64)
    leaf, row = _ranges(first, last - first + 1)
    half = np.sqrt(np.maximum(radius[leaf] ** 2 - (row - row_centre[leaf]) ** 2, 0))
    left = np.clip(np.ceil(column_centre[leaf] - half), 0, size).astype(np.int64)
    right = np.clip(np.floor(column_centre[leaf] + half), -1, size - 1).astype(np.int64)
    span, pixel = _ranges(row * size + left, right - left + 1)
    top = np.zeros(size * size, dtype=np.int64)
    top[pixel] = (
        leaf[span] + 1
    )  # of several assignments to a pixel the last one, the top leaf's, stays
    return top.reshape(size, size)


def _ranges(start: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which range each value comes from, and the values start, start + 1, ... of all."""
    length = np.maximum(length, 0)
    which = np.repeat(np.arange(len(start)), length)
    end = np.cumsum(length)
    return which, np.arange(len(which)) + (start - end + length)[which]
