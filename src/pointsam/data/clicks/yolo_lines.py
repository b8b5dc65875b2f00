"""Tells the boxes of YOLO's lines from polygons and poses, which have as many numbers."""

from pathlib import Path

import numpy as np
import yaml
from jaxtyping import Float

from pointsam.errors import InputError
from pointsam.texts import read_text, read_yaml

BOX_FIELDS, CORNERS_FIELDS = (5, 6, 7), (9, 10, 11)
"""Numbers of a line: class and box or four corners, then a score, the number of a track, or both.

Source: Results.save_txt of Ultralytics.
"""

POSES = "kpt_shape"
"""Key of a data set's YAML file that says that its lines hold key points."""

ROUNDED = 1.0
"""Pixels by which a corner, or a side of a box, may be off for rounding."""

MOST = 1e9
"""Values from here on are no places."""

EXACT = 1e-3
"""The same for corners that were computed, in shares of the image's sides."""


def says_poses(path: Path) -> bool:
    """Say whether the file that names the classes says that the lines are poses."""
    if path.suffix.lower() not in (".yaml", ".yml"):
        return False
    try:
        content = read_yaml(read_text(path))
    except yaml.YAMLError:
        return False
    return isinstance(content, dict) and POSES in content


def middle_of(
    values: list[str], place: str, size: tuple[int, int], poses: Path | None
) -> tuple[float, float]:
    """Give the middle of a box, in shares of the image's sides.

    Args:
        values: of a line, all numbers; the first is the class.
        place: for messages.
        size: height and width of the image in pixels.
        poses: the file that says that lines hold key points; None where none does.

    Raises:
        InputError: no box.
    """
    numbers = [float(value) for value in values]
    by_corners = len(numbers) in CORNERS_FIELDS
    if not (by_corners or len(numbers) in BOX_FIELDS):
        raise _no_box(values, place)
    corners = np.reshape(numbers[1:9], (4, 2)) if by_corners else np.array([numbers[1:3]])
    if not (np.abs(corners) < MOST).all():  # of no image, or not finite
        raise _no_box(values, place)
    x, y = corners.mean(axis=0).tolist()
    if max(x, y) > 1:
        raise InputError(
            f"{place} has values above 1, expected shares of the image's sides: divide pixels by "
            "width and height; DOTA's lines need a name as class, not a number."
        )
    if not numbers[0].is_integer() or numbers[0] < 0:
        raise _no_box(values, place)
    _refuse_poses(values, corners, place, size, poses)
    if len(values) in (BOX_FIELDS[-1], CORNERS_FIELDS[-1]) and not _ends_in_track(values):
        raise _no_box(values, place)
    return x, y


def reaches_off(values: list[str], size: tuple[int, int]) -> bool:
    """Say whether an upright box reaches off its image, which those that tools write do not.

    Args:
        values: of a line that `middle_of` took.
        size: height and width of the image in pixels.
    """
    if len(values) not in BOX_FIELDS:
        return False
    x, y, width, height = (float(value) for value in values[1:5])
    over_x = max(width / 2 - x, x + width / 2 - 1) * size[1]
    over_y = max(height / 2 - y, y + height / 2 - 1) * size[0]
    return max(over_x, over_y) > ROUNDED


def _no_box(values: list[str], place: str) -> InputError:
    return InputError(
        f"{place} has {len(values)} values, expected a box: class, x, y, width, height (or the x, "
        "y of four corners), then at most a score and the number of a track."
    )


def _refuse_poses(
    values: list[str],
    corners: Float[np.ndarray, "corners 2"],
    place: str,
    size: tuple[int, int],
    poses: Path | None,
) -> None:
    """Refuse a box with key points after it.

    Raises:
        InputError: the data set says that it holds key points, or the corners are those of no box.
    """
    if len(values) > BOX_FIELDS[0] and poses is not None:
        raise InputError(
            f"{place} is a pose, since {poses} has {POSES}: give boxes alone, or the key "
            "points as COCO."
        )
    if len(corners) == 4 and not _is_convex(corners * size[::-1]):
        raise InputError(
            f"{place} has four corners that cross or bend inwards, expected those of a box in "
            "turn: is it a box with two key points? Give the key points as COCO."
        )


def _is_convex(corners: Float[np.ndarray, "corners 2"]) -> bool:
    """Say whether all turns go one way; those within `ROUNDED` pixels of straight go either."""
    before, after = np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0)
    across = after - before
    inwards = corners - before
    turns = across[:, 0] * inwards[:, 1] - across[:, 1] * inwards[:, 0]
    lengths = np.hypot(across[:, 0], across[:, 1])
    depths = np.divide(turns, lengths, out=np.zeros(4), where=lengths > 0)
    return bool((depths > -ROUNDED).all() or (depths < ROUNDED).all())


def _ends_in_track(values: list[str]) -> bool:
    """Say whether score and track end a line, which a polygon of three or five corners has not.

    A track is a whole number from 1; what is before it is a box on the image, or a rectangle.
    """
    score, track = values[-2:]
    if not (track.isdigit() and int(track) > 0 and 0 <= float(score) <= 1):
        return False
    if len(values) in BOX_FIELDS:
        middle, sides = np.reshape([float(value) for value in values[1:5]], (2, 2))
        return bool((middle - sides / 2 > -EXACT).all() and (middle + sides / 2 < 1 + EXACT).all())
    first, second, third, fourth = np.reshape([float(value) for value in values[1:9]], (4, 2))
    return bool(np.abs(first + third - second - fourth).max() < EXACT)
