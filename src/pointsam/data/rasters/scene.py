"""Reads windows of a raster file as RGB; the file is never read as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from jaxtyping import Bool, Float, UInt8
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioIOError
from rasterio.windows import Window as FileWindow

from pointsam.data.rasters.band_values import (
    in_units,
    kind_of,
    known_pixels,
    natural_bands,
    refuse_no_scale,
    refuse_other_colours,
    undeclared_in,
)
from pointsam.data.rasters.georeference import pixel_metres
from pointsam.data.rasters.images import can_be_shown, orientation
from pointsam.data.rasters.mixed_bands import refuse_mixed
from pointsam.data.rasters.opening import open_raster, refuse_control_points, unreadable
from pointsam.data.rasters.remote import Source
from pointsam.data.rasters.stretching import (
    NO_DATA,
    Stretch,
    natural_stretch,
    other_kind,
    plain_stretch,
)
from pointsam.data.rasters.windows import Grid, Transform, Window
from pointsam.errors import InputError, in_words

_FARTHEST = 1e12
"""No coordinate of a map is larger, whatever its unit."""

STRIP = 512
"""Rows read at once when a window is averaged down."""


@dataclass(frozen=True, eq=False)
class Scene:
    """An open raster and how its bands become RGB."""

    path: Path
    dataset: rasterio.DatasetReader
    stretch: Stretch
    """The same for all windows."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.dataset.height, self.dataset.width

    @property
    def transform(self) -> Transform:
        """Pixel corners to map; the identity where the file has none."""
        a, b, c, d, e, f = self.dataset.transform[:6]
        return a, b, c, d, e, f

    @property
    def bands(self) -> list[int]:
        """Numbers, from 1, of the bands shown as red, green and blue."""
        return list(self.stretch.bands)

    @property
    def crs(self) -> str | None:
        """Coordinate system as WKT; None where the file has none."""
        return self.dataset.crs.to_wkt() if self.dataset.crs else None

    @property
    def grid(self) -> Grid:
        """Where the scene lies in the global grid."""
        return Grid.of(self.transform, self.size)

    @property
    def ground_size(self) -> float | None:
        """Side of a pixel at the scene's middle, in metres on the ground; None where unknown."""
        return pixel_metres(self.transform, self.size, self.crs)

    def known_at(self, points: Float[np.ndarray, "points 2"]) -> Bool[np.ndarray, " points"]:
        """Say which points on the scene, in the global grid, lie on a pixel with data."""
        corner = np.array([self.grid.x, self.grid.y])
        known = np.ones(len(points), dtype=bool)
        for place, (column, row) in enumerate(np.floor(points - corner).astype(int).tolist()):
            known[place] = self.stored(FileWindow(column, row, 1, 1))[1].all()
        return known

    def values_at(self, points: Float[np.ndarray, "points 2"]) -> np.ndarray:
        """Give the stored values, a row a point, of points on the scene in the global grid."""
        corner = np.array([self.grid.x, self.grid.y])
        places = np.floor(points - corner).astype(int).tolist()
        parts = [FileWindow(column, row, 1, 1) for column, row in places]
        rows = [self.stored(part)[0].ravel() for part in parts]
        return np.array(rows).reshape(-1, len(self.bands))

    def stored(self, part: FileWindow) -> tuple[np.ndarray, Bool[np.ndarray, "height width"]]:
        """Read the values of a part of the file as they are stored, and which pixels are known.

        Raises:
            InputError: a damaged file, with the place.
        """
        try:
            values = self.dataset.read(self.bands, window=part)
            return values, known_pixels(self.dataset, values, part, self.bands)
        except RasterioIOError as error:
            place = f"at column {part.col_off}, row {part.row_off}"
            raise unreadable(self.path, error, place=place) from error

    @property
    def may_lack_data(self) -> bool:
        """Say whether a pixel may be without data."""
        flags = (self.dataset.mask_flag_enums[band - 1] for band in self.bands)
        fractions = {kind_of(self.dataset.dtypes[band - 1]) for band in self.bands} - {"bytes"}
        return "fractions" in fractions or any(MaskFlags.all_valid not in flag for flag in flags)

    def read(self, window: Window, *, shrink: int = 1) -> UInt8[np.ndarray, "height width 3"]:
        """Read a window as RGB, with NO_DATA outside the scene and where it has no data.

        Args:
            window: in the global grid; it may reach over the scene's borders.
            shrink: scene pixels averaged to one, along each side; divides the window's sides.
        """
        shape = (window.height // shrink, window.width // shrink, 3)
        pixels = np.empty(shape, dtype=np.uint8)
        step = max(1, STRIP // shrink)
        for top in range(0, shape[0], step):
            rows = min(step, shape[0] - top)
            strip = Window(window.x, window.y + top * shrink, window.width, rows * shrink)
            native = self._read_native(strip)
            blocks = native.reshape(rows, shrink, shape[1], shrink, 3)
            pixels[top : top + rows] = (
                native if shrink == 1 else np.rint(blocks.mean(axis=(1, 3), dtype=np.float32))
            )
        return pixels

    def _read_native(self, window: Window) -> UInt8[np.ndarray, "height width 3"]:
        pixels = np.empty((window.height, window.width, 3), dtype=np.uint8)
        pixels[:] = NO_DATA
        grid = self.grid
        x0, y0 = max(window.x, grid.x), max(window.y, grid.y)
        x1, y1 = min(window.box[2], grid.box[2]), min(window.box[3], grid.box[3])
        if x0 >= x1 or y0 >= y1:
            return pixels
        part = FileWindow(x0 - grid.x, y0 - grid.y, x1 - x0, y1 - y0)
        values, known = self.stored(part)
        values = in_units(self.dataset, values, self.bands)
        pixels[y0 - window.y : y1 - window.y, x0 - window.x : x1 - window.x] = self.stretch.show(
            values, known
        )
        return pixels


@contextmanager
def open_scene(
    path: Path,
    *,
    bands: tuple[int, int, int] | None = None,
    stretch: Stretch | tuple[float, float] | None = None,
) -> Iterator[Scene]:
    """Open a raster for windowed reading.

    Args:
        path: any format GDAL reads.
        bands: shown as red, green, blue; the first three if not given, or the first, three times,
            of a file with fewer.
        stretch: bands and their values shown as 0 and 255, or such values for all bands; must be
            given where the file does not hold bytes.

    Raises:
        FileNotFoundError: no such file.
        InputError: not a raster, a band it does not have, values that need a stretch, or a
            photograph that is shown turned.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no scene {path}: give the path of a raster file.")
    with open_raster(path, typed=True) as dataset:
        refuse_control_points(path, dataset)
        _refuse_turned(path, dataset)
        chosen = bands or natural_bands(dataset)
        refuse_no_scale(path, dataset, stretch.bands if isinstance(stretch, Stretch) else chosen)
        if isinstance(stretch, Stretch):
            shown = stretch
        elif stretch is not None:
            shown = plain_stretch(chosen, *stretch)
        else:
            shown = natural_stretch(dataset, chosen) or plain_stretch(chosen, 0, 255)
        scene = Scene(path, dataset, shown)
        _check(scene)
        if stretch is None:
            _refuse_deep(scene)
        elif stretch is shown:
            _refuse_other_depth(scene)
        yield scene


def georeferenced(path: Path) -> bool:
    """Say whether a file is a raster with a place on a map."""
    try:
        with open_raster(path, typed=True) as dataset:
            # A raster with control points alone counts as a scene here; opening it is refused.
            placed = dataset.crs is not None or not dataset.transform.is_identity
            return placed or bool(dataset.gcps[0])
    except InputError:
        return False


def is_picture(path: Path) -> bool:
    """Say whether a file is an image that `read_image` takes, and no place on a map."""
    return not georeferenced(path) and can_be_shown(path)


def _refuse_turned(path: Path, dataset: rasterio.DatasetReader) -> None:
    """Refuse a photograph that EXIF turns: windows are read as stored, clicks are made as shown."""
    if isinstance(path, Source) or dataset.crs is not None or not dataset.transform.is_identity:
        return  # a place on the map says where the pixels lie
    turn = orientation(path)
    if turn > 1:
        raise InputError(
            f"{path} is shown turned (EXIF orientation {turn}), expected pixels that are stored as "
            "they are shown: write its folder anew with 'pointsam data images', or leave out "
            "--window."
        )


def _check(scene: Scene) -> None:
    """Refuse bands and values that cannot be shown."""
    dataset = scene.dataset
    a, b, _, d, e, _ = scene.transform
    on_map = np.abs(scene.transform).max() < _FARTHEST  # false of NaN, too
    if not on_map or not a * e - b * d:
        raise InputError(f"{scene.path} has pixels of no size ({scene.transform}): place it anew.")
    missing = [band for band in scene.bands if not 1 <= band <= dataset.count]
    if missing:
        raise InputError(
            f"{scene.path} has {dataset.count} bands, not {missing}: bands are counted from 1."
        )
    if any(np.issubdtype(dataset.dtypes[band - 1], np.complexfloating) for band in scene.bands):
        raise InputError(f"{scene.path} holds complex numbers: write their amplitude first.")
    refuse_mixed(scene.path, dataset, scene.bands)
    refuse_other_colours(scene.path, dataset, scene.bands)


def _refuse_deep(scene: Scene) -> None:
    """Refuse values that need a stretch, and suggest one."""
    kinds = {scene.dataset.dtypes[band - 1] for band in scene.bands}
    if natural_stretch(scene.dataset, scene.stretch.bands) is None:
        low, high = (f"{value:.9g}" for value in _percentiles(scene))
        example = f"for example --stretch {low},{high} (its 2nd and 98th percentile)"
        if float(low) >= float(high):
            example = f"with --stretch LOW,HIGH (it holds hardly any value but {low})"
        raise InputError(
            f"{scene.path} holds {'/'.join(sorted(kinds))}, not bytes: say which values are black "
            f"and white, {example}."
        )


def _refuse_other_depth(scene: Scene) -> None:
    """Refuse the stretch of other scenes if it would make this one all black or white."""
    held = {kind_of(scene.dataset.dtypes[band - 1]) for band in scene.bands}
    meant = other_kind(scene.stretch, held)
    if meant is None:
        return
    kind = " and ".join(sorted(held))
    raise InputError(
        f"{scene.path} holds {kind}, but is to be shown as images of {meant} were: give a scene of "
        "their kind, or say which values are black and white with --stretch LOW,HIGH."
    )


def _percentiles(scene: Scene) -> Float[np.ndarray, "2"]:
    """Give the 2nd and 98th percentile of the values of a thumbnail.

    Raises:
        InputError: a damaged file, or one without a value.
    """
    factor = max(1, max(scene.size) // 512)
    shape = (len(scene.bands), scene.size[0] // factor or 1, scene.size[1] // factor or 1)
    try:
        values = scene.dataset.read(scene.bands, out_shape=shape, masked=True)
    except RasterioIOError as error:
        raise InputError(f"{scene.path} is damaged ({in_words(error)}): get it again.") from error
    known = ~np.ma.getmaskarray(values) & np.isfinite(values.data)
    known[known] = ~undeclared_in(values.data[known], scene.path)
    if not known.any():
        raise InputError(f"{scene.path} holds no value that is known: it is all no-data or NaN.")
    units = in_units(scene.dataset, values.data, scene.bands)
    return np.asarray(np.percentile(units[known], (2, 98)))
