"""Images that EXIF turns: their place on the map is that of pixels as stored, not as shown."""

from pathlib import Path

from pointsam.data.rasters.images import orientation
from pointsam.errors import InputError


def refuse_turned(path: Path) -> None:
    """Refuse places on the map of an image that is shown turned or mirrored.

    Raises:
        InputError: EXIF turns it.
    """
    turn = orientation(path)
    if turn > 1:
        raise InputError(
            f"{path} has a place on a map and is shown turned (EXIF orientation {turn}), so a "
            "place on its map is another pixel than the one that is shown: write it as stored, "
            "without the turn, or give clicks in pixels."
        )
