"""Reads clicks with map coordinates, and finds the images that they lie on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from rasterio.crs import CRS

from pointsam.data.clicks.asked import Asked
from pointsam.data.clicks.gather import Click, gather, label_in
from pointsam.data.clicks.pictures import Affine, Picture
from pointsam.data.clicks.told import Told
from pointsam.data.rasters.georeference import move_points
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.frames import in_pixels, to_middles
from pointsam.prompts import POSITIVE

FAR_OFF = -1e9
"""Pixel of a place outside a raster's map, such as the other side of the earth."""

ROUNDING = 9
"""Decimals of a pixel that are read, so that a place on a border is in one image alone."""

_NO_PLACE: Affine = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""Transform of an image that is on no map."""


@dataclass(frozen=True, eq=False)
class MapPoints:
    """Clicks of one file, all in one coordinate system."""

    path: Path
    """Of the file, for messages."""
    places: Float[np.ndarray, "points 2"]
    crs: str | None
    """None where the file does not say; then each raster's own is used."""
    clicks: Sequence[Click]
    """The clicks, still without pixel; their image is the one that the file names, or empty."""
    notes: Sequence[str] = ()
    """For the user, one line each."""
    _moved: dict[str, Float[np.ndarray, "points 2"]] = field(default_factory=dict)

    def on(self, picture: Picture) -> Float[np.ndarray, "points 2"]:
        """Give ``(x, y)`` of all clicks in the image frame of a raster, also of those beside it.

        Raises:
            InputError: the image has no coordinate system, or none that the places convert to.
        """
        a, b, c, d, e, f = picture.transform
        inverse = np.linalg.inv(np.array([[a, b], [d, e]]))
        places = self._in(picture)
        placed = np.isfinite(places).all(axis=1, keepdims=True)
        known = np.where(placed, places, 0)
        if picture.crs is not None and CRS.from_wkt(picture.crs).is_geographic:
            known = _around(known, picture)
        pixels = to_middles((known - (c, f)) @ inverse.T)
        return np.where(placed, pixels, FAR_OFF)

    def _in(self, picture: Picture) -> Float[np.ndarray, "points 2"]:
        """Convert the places to the coordinate system of a raster, once for each system."""
        if self.crs is None:
            return self.places
        source = CRS.from_user_input(self.crs)
        if picture.crs is None:
            self._refuse_unplaced(source, picture.transform)
            return self.places
        if picture.crs not in self._moved:
            target = CRS.from_wkt(picture.crs)
            self._moved[picture.crs] = move_points(
                self.places, source, target, what=f"{self.path}: its points"
            )
        return self._moved[picture.crs]

    def _refuse_unplaced(self, source: CRS, transform: Affine) -> None:
        """Refuse places on earth for an image that has none.

        GeoJSON is in degrees whatever its numbers mean; numbers that no degree can be are pixels.
        """
        pixels = source.is_geographic and bool((np.abs(self.places) > (360, 90)).any())
        if transform == _NO_PLACE and len(self.places) and not pixels:
            x, y = self.places[0].tolist()
            raise InputError(
                f"{self.path}: its points, the first at ({x:.9g}, {y:.9g}), are places on earth, "
                "but the image has no coordinate system: give a georeferenced raster, or clicks "
                "in pixels (CSV or COCO)."
            )


def _around(degrees: Float[np.ndarray, "points 2"], picture: Picture) -> Float[np.ndarray, "_ 2"]:
    """Count longitudes as the raster does, which may go on beyond 180 degrees."""
    a, b, c, *_ = picture.transform
    height, width = picture.size
    middle = a * width / 2 + b * height / 2 + c
    turns = np.round((middle - degrees[:, 0]) / 360)
    return degrees + np.stack([360 * turns, np.zeros_like(turns)], axis=1)


def read_map_points(points: MapPoints, asked: Asked) -> Dataset:
    """Put clicks on every image that they lie on.

    The border of two images belongs to one of them. An object on several images becomes one
    object on each; the first keeps its number. Clicks on no image are counted.

    A click that the file says is of one of the images is on that one alone.

    Raises:
        InputError: no image is on a map, or none has an object on it.
    """
    pictures = asked.pictures.on_map()
    images, notes = _named(points, asked)
    if asked.pictures.placed is not None:
        [picture] = pictures
        clicks = _placed(points, picture, points.on(picture), _may_be_on(picture, images))
        return gather(
            clicks, {picture.name: picture.size}, negative=asked.negative, beside=True,
            one_naming=True, notes=notes,
        )  # fmt: skip
    found: list[Click] = []
    sizes = {}
    used = np.zeros(len(points.places), dtype=bool)
    for picture in pictures:
        pixels = points.on(picture).round(ROUNDING)
        inside = np.asarray(in_pixels(pixels[:, 0], pixels[:, 1], picture.size))
        inside &= _may_be_on(picture, images)
        clicks = _whole(_placed(points, picture, pixels, inside), asked.negative)
        if any(label_in(click, asked.negative) == POSITIVE for click in clicks):
            found += clicks
            sizes[picture.name] = picture.size
        used |= inside
    if not found:
        raise _nowhere(points, asked, len(pictures))
    lost = int((~used).sum())
    lines = [f"{points.path}: {lost} of {len(used)} clicks, which are on no image"] if lost else []
    lines += _never_on(points, asked.negative)
    return gather(
        found, sizes, negative=asked.negative, dropped=lines, notes=notes, one_naming=True
    )


def _named(points: MapPoints, asked: Asked) -> tuple[list[str | None], list[str]]:
    """Give the image that each click is named to be on, None where its place alone says it.

    Names of which none is there, such as those of photos, are noted and do not count.
    """
    told = {click.image: Told.of_path(click.image) for click in points.clicks if click.image}
    names = asked.pictures.named_here(told.values())
    notes = list(points.notes)
    if names is None:
        first = next(iter(told))
        notes.append(f"{points.path}: no image is called {first}: the field image is not read")
        return [None] * len(points.clicks), notes
    known = {image: names.get(one.link, "") for image, one in told.items()}
    return [known.get(click.image) for click in points.clicks], notes


def _may_be_on(picture: Picture, images: Sequence[str | None]) -> Bool[np.ndarray, " points"]:
    """Say which clicks are not named to be on another image."""
    return np.array([image in (None, picture.name) for image in images], dtype=bool)


def _placed(
    points: MapPoints,
    picture: Picture,
    pixels: Float[np.ndarray, "points 2"],
    chosen: Bool[np.ndarray, " points"],
) -> list[Click]:
    return [
        replace(points.clicks[index], image=picture.name, x=x, y=y)
        for index, (x, y) in zip(
            np.flatnonzero(chosen).tolist(), pixels[chosen].tolist(), strict=True
        )
    ]


def _whole(clicks: list[Click], negative: str) -> list[Click]:
    """Drop objects without a positive click here; they belong to another image."""
    on = {c.instance for c in clicks if c.instance and label_in(c, negative) == POSITIVE}
    return [click for click in clicks if click.instance is None or click.instance in on]


def _never_on(points: MapPoints, negative: str) -> list[str]:
    """Name the objects that have no positive click on any image."""
    named = dict.fromkeys(click.instance for click in points.clicks if click.instance)
    on = {c.instance for c in points.clicks if label_in(c, negative) == POSITIVE}
    off = (key for key in named if key not in on)
    return [f"{points.path}: instance {key} has no positive point" for key in off]


def _nowhere(points: MapPoints, asked: Asked, placed: int) -> InputError:
    where = asked.pictures.folder or asked.pictures.only
    found = f"{placed} georeferenced images" if placed else "no georeferenced image"
    return InputError(f"{points.path}: {where} holds {found}, and none has clicks on it.")
