"""Options for the bands and values of a raster that the model sees."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from pointsam.data.rasters.common_stretch import find_stretch
from pointsam.data.rasters.stretching import Stretch

AS_TRAINED = "the ground that the adapter was trained to see, or the side of the model's input"
"""Default window of commands that take an adapter."""


def add_window_argument(scene: "argparse._ArgumentGroup", *, unless_given: str) -> None:
    """Add the option for the side of a window.

    Args:
        scene: the arguments of scenes.
        unless_given: what the model sees where no side is given.
    """
    scene.add_argument(
        "--window",
        type=int,
        metavar="PX",
        help=f"scene pixels the model sees at once; if not given, {unless_given}",
    )


def add_display_arguments(parser: "argparse._ArgumentGroup", *, unless_given: str) -> None:
    """Describe how the values of a scene become the RGB bytes that a model, or a reader, sees.

    Args:
        parser: group that is added to.
        unless_given: end of the help, about values without ``--stretch``.
    """
    parser.add_argument(
        "--bands",
        type=band_numbers,
        metavar="R,G,B",
        help="bands shown as red, green, blue, from 1; one alone is grey",
    )
    parser.add_argument(
        "--stretch",
        type=value_range,
        metavar="LOW,HIGH",
        help=f"values shown as black and white; {unless_given}",
    )


def band_numbers(text: str) -> tuple[int, int, int]:
    """Read three band numbers, or one that is shown as grey."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts) or len(parts) not in (1, 3):
        raise argparse.ArgumentTypeError(f"{text!r}: give three band numbers, as 4,3,2, or one")
    numbers = [int(part) for part in parts] * (3 // len(parts))
    return numbers[0], numbers[1], numbers[2]


def value_range(text: str) -> tuple[float, float]:
    """Read two values, the lower first."""
    low, _, high = text.partition(",")
    try:
        values = float(low), float(high)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: give two values, as 0,3000") from error
    if not -math.inf < values[0] < values[1] < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: the first value must be the lower one")
    return values


def found_stretch(
    paths: Sequence[Path],
    *,
    bands: tuple[int, int, int] | None,
    values: tuple[float, float] | None,
    percent: tuple[float, float] | None = None,
) -> Stretch:
    """Find the stretch of some rasters, or use the given values.

    Raises:
        InputError: a band that a raster does not have, or rasters of several kinds.
    """
    return find_stretch(paths, bands=bands, percent=percent, values=values)


def described(stretch: Stretch) -> str:
    """Describe the bands that are shown, and their values for black and white."""
    rows = zip(stretch.bands, stretch.low, stretch.high, strict=True)
    return ", ".join(f"band {band} from {low:g} to {high:g}" for band, low, high in rows)
