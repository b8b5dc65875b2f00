"""Where an image lies on the map."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from jaxtyping import Float
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError
from rasterio.warp import transform as transform_points

from pointsam.errors import InputError

DEGREES = "EPSG:4326"


@dataclass(frozen=True)
class Georeference:
    """Of one raster."""

    transform: tuple[float, float, float, float, float, float]
    """Pixel corners to map coordinates."""
    crs: str
    """As WKT."""
    size: tuple[int, int]
    """Height and width in pixels."""


def read_georeference(path: Path) -> Georeference | None:
    """Read where a raster lies; None where it has no coordinate system.

    Raises:
        InputError: not a raster that can be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with rasterio.open(path) as dataset:
                if dataset.crs is None:
                    return None
                a, b, c, d, e, f = dataset.transform[:6]
                size = (dataset.height, dataset.width)
                return Georeference((a, b, c, d, e, f), dataset.crs.to_wkt(), size)
        except RasterioIOError as error:
            raise InputError(f"{path} is no raster that can be read: {error}.") from error


def degrees_to_pixels(
    position: tuple[float, float], georeference: Georeference
) -> tuple[float, float]:
    """Move longitude and latitude to the image frame."""
    [[x], [y]] = transform_points(
        DEGREES, CRS.from_wkt(georeference.crs), [position[0]], [position[1]]
    )
    a, b, c, d, e, f = georeference.transform
    column, row = np.linalg.solve(np.array([[a, b], [d, e]]), [x - c, y - f]).tolist()
    return column - 0.5, row - 0.5


def pixels_to_degrees(
    points: Float[np.ndarray, "points 2"], georeference: Georeference
) -> Float[np.ndarray, "points 2"]:
    """Move points of the image frame to longitude and latitude."""
    a, b, c, d, e, f = georeference.transform
    x, y = np.array([[a, b], [d, e]]) @ (points.T + 0.5) + np.array([[c], [f]])
    moved = transform_points(CRS.from_wkt(georeference.crs), DEGREES, x.tolist(), y.tolist())
    return np.stack([np.array(values) for values in moved], axis=1)
