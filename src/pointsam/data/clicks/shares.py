"""Places that are shares of an image's sides, where pixels are expected."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from pointsam.errors import InputError

_SMALLEST = 2
"""Sides up to this have clicks between 0 and 1 alone."""

_SOME = 3
"""Clicks that do not all lie in the first pixel of their images by chance."""


def shares_told(
    places: Float[np.ndarray, "clicks 2"], sizes: Iterable[tuple[int, int]], what: str
) -> list[str]:
    """Refuse places that are shares of the image's sides, and not pixels; note a few that may be.

    Args:
        places: of all clicks of a file.
        sizes: height and width of their images.
        what: the file, for messages.

    Raises:
        InputError: all places lie between 0 and 1, and they are no whole numbers.
    """
    if not len(places) or (places < 0).any() or (places > 1).any() or (places % 1 == 0).all():
        return []
    if all(min(size) <= _SMALLEST for size in sizes):
        return []
    x, y = places[0].tolist()
    line = f"{what}: all places lie between 0 and 1, the first at ({x:g}, {y:g}), "
    if len(places) < _SOME:
        return [f"{line}and are read as pixels: if they are shares of an image's sides, multiply"]
    raise InputError(
        f"{line}as shares of an image's sides do, expected pixels: multiply x by the width, and y "
        "by the height."
    )
