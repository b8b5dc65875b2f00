"""How the rasters of a page become RGB, and what an adapter was trained to see."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pointsam.data.rasters.band_values import natural_bands
from pointsam.data.rasters.common_stretch import find_stretch
from pointsam.data.rasters.opening import open_raster
from pointsam.data.rasters.stretching import (
    Stretch,
    natural_stretch,
    other_kind,
    stretch_from,
)
from pointsam.errors import InputError
from pointsam.models.adapters.card import AdapterCard


@dataclass(frozen=True)
class Trained:
    """What the adapter in use was trained to see; nothing where there is none."""

    stretch: Stretch | None = None
    ground_size: float | None = None
    """Metres on the ground of one pixel of the model."""

    @classmethod
    def of(cls, card: AdapterCard | None) -> "Trained":
        """Read an adapter's card."""
        if card is None:
            return cls()
        stretch = None if card.stretch is None else stretch_from(card.stretch)
        return cls(stretch, card.ground_size)


def stretches_of_folder(
    paths: Sequence[Path], *, saved: Stretch | None, trained: Stretch | None
) -> dict[Path, Stretch | InputError]:
    """Give each raster of a folder its stretch, or what is wrong with it.

    Bytes stay as they are, in a folder with a stretch of its own (it says how they were made) and
    where the adapter's is of other values. One stretch is found for all rasters without one.

    Args:
        paths: of the rasters.
        saved: the folder's own.
        trained: of the adapter in use.
    """
    given = saved or trained
    found: dict[Path, Stretch | InputError] = {}
    without: list[Path] = []
    for path in paths:
        try:
            bytes_stay = given is None or (
                _holds_bytes(path) and (saved is not None or other_kind(given, {"bytes"}))
            )
        except InputError as error:
            found[path] = error
            continue
        if given is None or bytes_stay:
            without.append(path)
        else:
            found[path] = given
    return found | _together(without)


def _holds_bytes(path: Path) -> bool:
    with open_raster(path) as raster:
        return natural_stretch(raster, natural_bands(raster)) is not None


def _together(paths: list[Path]) -> dict[Path, Stretch | InputError]:
    """Find one stretch for some rasters; where they are not alike, each one's own."""
    if not paths:
        return {}
    try:
        return dict.fromkeys(paths, find_stretch(paths))
    except InputError:
        alone = {path: stretch_alone(path) for path in paths}
    sound = [path for path, own in alone.items() if isinstance(own, Stretch)]
    if not sound or len(sound) == len(paths):
        return alone
    return alone | _together(sound)


def stretch_alone(path: Path) -> Stretch | InputError:
    """Find the stretch of one raster, or what is wrong with it."""
    try:
        return find_stretch([path])
    except InputError as error:
        return error
