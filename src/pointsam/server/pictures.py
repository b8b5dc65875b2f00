"""The images of a page, by number: whole, in windows, and as tiles of the viewer."""

import io
import math
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from pointsam.data.rasters.georeference import Georeference, pixel_metres, read_georeference
from pointsam.data.rasters.images import ENDINGS, image_size, list_images, read_image
from pointsam.data.rasters.scene import is_picture, open_scene
from pointsam.data.rasters.stretching import FILE_NAME, NO_DATA, Stretch, read_stretch
from pointsam.data.rasters.windows import WINDOW_MULTIPLE, Grid, Window, place, shrink_of
from pointsam.data.records import Point
from pointsam.data.scene_dataset import fitting_window
from pointsam.errors import InputError
from pointsam.files import size_and_time
from pointsam.frames import to_edges
from pointsam.server.overviews import overview_shrink, read_overview
from pointsam.server.shown import stretch_alone, stretches_of_folder

TILE = 256
"""Side of a viewer's tile, in pixels."""
MAX_WHOLE = 40_000_000
"""Pixels of an image that is kept in memory whole; larger ones are read in windows."""
_KEPT = 6
"""Whole images and overviews in memory."""


@dataclass(frozen=True)
class Picture:
    """One image of the page."""

    number: int
    """Number from 1, by which a request names the image."""
    path: Path
    size: tuple[int, int]
    """Height and width in pixels."""
    georeference: Georeference | None
    stretch: Stretch | None
    """How values of a raster become 8 bits; None for a picture that is read whole."""
    fault: str | None = None
    """Why it cannot be shown; it has no size then."""
    stamp: str = ""
    """Size and time of change of the file when it was found."""

    @property
    def name(self) -> str:
        """File name."""
        return self.path.name

    @property
    def levels(self) -> int:
        """The viewer's highest level, at the image's full resolution."""
        return max(0, (max(self.size) - 1).bit_length())

    @cached_property
    def ground_size(self) -> float | None:
        """Side of the middle pixel in metres on the ground; None where that is not known."""
        place = self.georeference
        return None if place is None else pixel_metres(place.transform, place.size, place.crs)

    def window_side(self, *, side: int, trained: float | None) -> int:
        """Give the side of the image's windows, in its pixels.

        Args:
            side: of the model's input.
            trained: metres on the ground of a pixel of the model, in the adapter's training.
        """
        return fitting_window(trained, self.ground_size, side=side)

    def metres_shown(self, *, side: int, trained: float | None) -> float | None:
        """Give the metres on the ground of a pixel of the model; None where that is not known.

        An image that fits in a window is shown as large as the smallest window around it.
        """
        own = self.ground_size
        longest = -(-max(self.size) // WINDOW_MULTIPLE) * WINDOW_MULTIPLE
        shown = min(longest, self.window_side(side=side, trained=trained))
        return None if own is None else own * shown / side

    def window(
        self, points: tuple[Point, ...], *, side: int, trained: float | None = None
    ) -> Window:
        """Choose the window of the image that the model sees for an object.

        Args:
            points: of the object.
            side: of the model's input.
            trained: as in `window_side`.
        """
        height, width = self.size
        whole = self.window_side(side=side, trained=trained)
        if max(self.size) <= (whole if self.stretch is not None else 2 * side):
            return Window(0, 0, width, height)
        grid = self._grid()
        positive = np.array([(x, y) for x, y, label in points if label == 1])
        found = place(to_edges(positive) + np.array([grid.x, grid.y]), grid, side=whole)
        return Window(found.x - grid.x, found.y - grid.y, found.width, found.height)

    def _grid(self) -> Grid:
        height, width = self.size
        if self.georeference is None:
            return Grid(0, 0, width, height)
        return Grid.of(self.georeference.transform, self.size)


def find_pictures(path: Path, *, trained: Stretch | None = None) -> list[Picture]:
    """List the images of a folder, or one image or scene.

    Args:
        path: of folder or file.
        trained: stretch of the images that the adapter in use was trained on.

    Raises:
        FileNotFoundError: nothing is there.
        InputError: a folder without images.
    """
    if path.is_dir():
        paths = list_images(path)
        if not paths:
            raise InputError(
                f"{path} holds no images ({', '.join(ENDINGS)}); sub-folders are not searched."
            )
        saved = path / FILE_NAME
        sizes = {path: _whole_size(path) for path in paths}
        stretches = stretches_of_folder(
            [path for path, size in sizes.items() if size is None],
            saved=read_stretch(saved) if saved.is_file() else None,
            trained=trained,
        )
        return [_picture(n, p, sizes[p], stretches.get(p)) for n, p in enumerate(paths, start=1)]
    if not path.exists():
        raise FileNotFoundError(f"no image folder or scene {path}.")
    size = _whole_size(path)
    return [_picture(1, path, size, None if size else trained or stretch_alone(path))]


def _whole_size(path: Path) -> tuple[int, int] | None:
    """Give the size of a picture that is read whole, 0 of a damaged one; None for a raster."""
    try:
        size = image_size(path) if is_picture(path) else None
    except (InputError, FileNotFoundError):
        return 0, 0
    return size if size is not None and math.prod(size) <= MAX_WHOLE else None


def _picture(
    number: int, path: Path, whole: tuple[int, int] | None, stretch: Stretch | InputError | None
) -> Picture:
    """Read an image's header; what is wrong with it is said when it is opened."""
    if whole == (0, 0):
        return Picture(number, path, whole, None, None, fault=_why_no_image(path))
    try:
        stamp = size_and_time(path)
        if whole is not None:
            return Picture(number, path, whole, None, None, stamp=stamp)
        place_on_map = read_georeference(path)
    except (InputError, OSError):
        return Picture(number, path, (0, 0), None, None, fault=_why_no_image(path))
    try:
        if isinstance(stretch, InputError):
            raise stretch
        with open_scene(path, stretch=stretch) as scene:
            return Picture(number, path, scene.size, place_on_map, stretch, stamp=stamp)
    except (InputError, FileNotFoundError) as error:
        return Picture(number, path, (0, 0), None, None, fault=str(error))


def _why_no_image(path: Path) -> str:
    try:
        read_image(path)
    except (InputError, FileNotFoundError) as error:
        return str(error)
    return f"{path} could not be read: start again."


class Pixels:
    """Reads pictures; keeps the last whole ones and overviews."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, UInt8[np.ndarray, "_ _ 3"]] = OrderedDict()
        self._lock = Lock()

    def read(self, picture: Picture, window: Window, *, shrink: int) -> UInt8[np.ndarray, "_ _ 3"]:
        """Give a window of a picture as RGB, as the model sees it.

        Raises:
            FileNotFoundError: the image is gone.
            InputError: it is damaged.
        """
        if picture.stretch is None:
            return _cut(self._whole(picture), window)
        with open_scene(picture.path, stretch=picture.stretch) as scene:
            grid = scene.grid
            there = Window(window.x + grid.x, window.y + grid.y, window.width, window.height)
            return scene.read(there, shrink=shrink)

    def tile(self, picture: Picture, level: int, column: int, row: int) -> bytes:
        """Give a viewer's tile as JPEG.

        Raises:
            FileNotFoundError: the image is gone.
            InputError: it is damaged, or has no such tile.
        """
        if not picture.size[0]:
            self._whole(picture)  # says what is wrong
        if not 0 <= level <= picture.levels:
            raise InputError(f"{picture.name} has levels 0 to {picture.levels}, not {level}.")
        shrink = 2 ** (picture.levels - level)
        height, width = picture.size
        span = TILE * shrink
        x, y = column * span, row * span
        if not (0 <= x < width and 0 <= y < height):
            raise InputError(f"{picture.name} has no tile {column}, {row} at level {level}.")
        x1, y1 = min(x + span, width), min(y + span, height)
        shown = Image.fromarray(self._shown(picture, (x, y, x1, y1), shrink))
        size = (-(-(x1 - x) // shrink), -(-(y1 - y) // shrink))
        if shown.size != size:
            shown = shown.resize(size, Image.Resampling.BOX)
        stream = io.BytesIO()
        shown.save(stream, "JPEG", quality=92, subsampling=0)
        return stream.getvalue()

    def _shown(
        self, picture: Picture, box: tuple[int, int, int, int], shrink: int
    ) -> UInt8[np.ndarray, "_ _ 3"]:
        """Cut a box out of the whole image, its overview, or the file."""
        x0, y0, x1, y1 = box
        if picture.stretch is None:
            return self._whole(picture)[y0:y1, x0:x1]
        coarse = overview_shrink(picture.size)
        if coarse > 1 and shrink >= coarse:
            overview = self._overview(picture)
            return overview[
                y0 // coarse : max(y0 // coarse + 1, -(-y1 // coarse)),
                x0 // coarse : max(x0 // coarse + 1, -(-x1 // coarse)),
            ]
        window = Window(x0, y0, x1 - x0, y1 - y0)
        return self.read(picture, window, shrink=1)

    def _whole(self, picture: Picture) -> UInt8[np.ndarray, "_ _ 3"]:
        if picture.fault is not None:
            raise InputError(picture.fault)
        with self._lock:
            if picture.number not in self._kept:
                self._keep(picture.number, read_image(picture.path))
            self._kept.move_to_end(picture.number)
            return self._kept[picture.number]

    def _overview(self, picture: Picture) -> UInt8[np.ndarray, "_ _ 3"]:
        with self._lock:
            if picture.number not in self._kept:
                with open_scene(picture.path, stretch=picture.stretch) as scene:
                    self._keep(picture.number, read_overview(scene))
            self._kept.move_to_end(picture.number)
            return self._kept[picture.number]

    def _keep(self, number: int, pixels: UInt8[np.ndarray, "_ _ 3"]) -> None:
        self._kept[number] = pixels
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


def _cut(whole: UInt8[np.ndarray, "_ _ 3"], window: Window) -> UInt8[np.ndarray, "_ _ 3"]:
    """Cut a window out of an image, NO_DATA where it reaches over the border."""
    shown = np.empty((window.height, window.width, 3), dtype=np.uint8)
    shown[:] = NO_DATA
    left, top, right, bottom = window.box
    inside = whole[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    y, x = max(0, -top), max(0, -left)
    shown[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return shown


def model_shrink(picture: Picture, window: Window, *, side: int) -> int:
    """Give the factor by which a window is averaged before the model's own resize."""
    return 1 if picture.stretch is None else shrink_of(window, side=side)
