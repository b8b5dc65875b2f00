"""A picture of a part of a scene with outlines and clicks; only that part is read."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import shapely
from jaxtyping import Bool, UInt8
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize

from pointsam.data.clicks.values import id_of, text_of
from pointsam.data.rasters.georeference import move_points, pixel_metres, to_map
from pointsam.data.rasters.scene import Scene
from pointsam.data.rasters.scene_points import SceneObject, ScenePoints, points_in_window
from pointsam.data.rasters.vector_files import EXPORT_LAYER, POLYGONS, read_features
from pointsam.data.rasters.windows import Window
from pointsam.errors import InputError
from pointsam.figures import LONGEST_SIDE, draw_panel, side_by_side
from pointsam.prompts import Prompts

MAX_OBJECTS = 256
"""Objects in one picture; each needs memory for a mask of the picture's size."""

MIN_AROUND = 256
"""Scene pixels along a side of the view around one object, at least."""

_NOWHERE = -1e12
"""Pixel of a point that has no place on the scene's map."""


@dataclass(frozen=True, eq=False)
class SceneOutlines:
    """Polygons of a scene, in its global grid."""

    shapes: np.ndarray
    """Shapely polygons; a pixel reaches from its index to the next."""
    ids: tuple[int | None, ...]
    """Of the clicked objects; None where the file has no field ``point_id``."""


def read_outlines(path: Path, scene: Scene) -> SceneOutlines:
    """Read the polygons that ``pointsam predict`` wrote, or others, onto a scene.

    Args:
        path: a vector file; polygons in another coordinate system are moved to the scene's.
        scene: open.

    Raises:
        FileNotFoundError: no such file.
        InputError: not a vector file of polygons, or not in the scene's coordinates.
    """
    found = read_features(path, kinds=POLYGONS, what="polygons", several=EXPORT_LAYER)
    places = shapely.get_coordinates(found.shapes)
    if found.crs is not None and scene.crs is not None:
        systems = CRS.from_user_input(found.crs), CRS.from_wkt(scene.crs)
        places = move_points(places, *systems, what=f"{path}: its polygons")
    pixels = to_map(np.where(np.isfinite(places), places, 0), (~Affine(*scene.transform))[:6])
    pixels += (scene.grid.x, scene.grid.y)
    pixels[~np.isfinite(places).all(axis=1)] = _NOWHERE
    shapes = shapely.set_coordinates(found.shapes.copy(), pixels)
    keys = map(text_of, found.column("point_id"))
    return SceneOutlines(shapes, tuple(None if key is None else id_of(key) for key in keys))


def window_at(corner: tuple[int, int], size: tuple[int, int], scene: Scene) -> Window:
    """Give the part of a scene that the user named, cut to the scene.

    Args:
        corner: ``(x, y)`` of its first pixel, in pixels of the file.
        size: width and height in pixels.
        scene: open.

    Raises:
        InputError: nothing of it is on the scene.
    """
    x0, y0 = max(0, corner[0]), max(0, corner[1])
    width = min(corner[0] + size[0], scene.grid.width) - x0
    height = min(corner[1] + size[1], scene.grid.height) - y0
    if width <= 0 or height <= 0:
        raise InputError(
            f"a window of {size[0]} x {size[1]} px at column {corner[0]}, row {corner[1]} shows "
            f"nothing of {scene.path} ({scene.grid.width} x {scene.grid.height} px)."
        )
    return Window(scene.grid.x + x0, scene.grid.y + y0, width, height)


def window_around(
    point_id: int, outlines: SceneOutlines, points: ScenePoints | None, scene: Scene
) -> Window:
    """Put a square around one object, three times as wide as its outline and clicks.

    Args:
        point_id: of the object.
        outlines: of the scene.
        points: of the scene, where there are any.
        scene: open.

    Raises:
        InputError: no outline and no clicks have this id.
    """
    boxes = [
        shape.bounds
        for shape, own in zip(outlines.shapes, outlines.ids, strict=True)
        if own == point_id
    ]
    for one in points.objects if points else ():
        if one.id == point_id:
            boxes.append((*one.positives.min(axis=0), *one.positives.max(axis=0)))
    if not boxes:
        raise InputError(
            f"no outline or click of {scene.path} has the id {point_id}: "
            "give a point_id of the outlines."
        )
    corners = np.array(boxes, dtype=float)
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    side = max(MIN_AROUND, int(np.ceil(3 * (high - low).max())))
    x, y = np.floor((low + high - side) / 2).astype(int).tolist()
    return window_at((x - scene.grid.x, y - scene.grid.y), (side, side), scene)


def draw_part(
    scene: Scene, window: Window, outlines: SceneOutlines, points: ScenePoints | None
) -> UInt8[np.ndarray, "_ _ 3"]:
    """Draw the panels: the ground with its clicks, and with its outlines over it.

    A large part is averaged down when it is read. A rest at its right and lower border that is
    smaller than one pixel of the picture is not shown.

    Args:
        scene: open; only `window` is read.
        window: in the global grid, on the scene.
        outlines: of the scene; those with a pixel in the window are drawn.
        points: of the scene; None draws none.

    Raises:
        InputError: the window shows more than MAX_OBJECTS objects, or the file is damaged.
    """
    shrink = max(1, max(window.width, window.height) // LONGEST_SIDE)
    width, height = (max(shrink, side - side % shrink) for side in (window.width, window.height))
    shown = Window(window.x, window.y, width, height)
    rows = _objects_in(shown, outlines, points)
    masks = [_draw(shape, shown, shrink) for shape, _ in rows]
    clicked = [
        points_in_window(one, points.background, shown, shrink=shrink) if one and points else []
        for _, one in rows
    ]
    prompts = Prompts.from_rows(clicked)
    image = scene.read(shown, shrink=shrink)
    stacked = np.stack(masks) if masks else np.zeros((0, *image.shape[:2]), dtype=bool)
    drawn = int(stacked.any(axis=(1, 2)).sum())
    x, y = window.x - scene.grid.x, window.y - scene.grid.y
    panel = partial(draw_panel, image, points=prompts.points.numpy(), labels=prompts.labels.numpy())
    ground = panel(
        title=f"{scene.path.name}, column {x}, row {y}, {width} x {height} px",
        metres_per_pixel=_metres(scene, shown, shrink),
    )
    found = panel(masks=stacked, title=f"{drawn} object{'' if drawn == 1 else 's'}")
    return side_by_side([ground, found])


def _objects_in(
    window: Window, outlines: SceneOutlines, points: ScenePoints | None
) -> list[tuple[shapely.Geometry, SceneObject | None]]:
    """Pair outlines with the clicks of the same id, as far as either is in a window."""
    frame = shapely.box(*window.box)
    clicked = {one.id: one for one in points.objects} if points else {}
    rows = []
    for place in np.flatnonzero(shapely.intersects(outlines.shapes, frame)).tolist():
        own = outlines.ids[place]
        rows.append((outlines.shapes[place], None if own is None else clicked.pop(own, None)))
    for one in clicked.values():
        inside = (one.positives >= window.box[:2]) & (one.positives < window.box[2:])
        if inside.all(axis=1).any():
            rows.append((shapely.MultiPolygon(), one))
    if len(rows) > MAX_OBJECTS:
        raise InputError(
            f"the window shows {len(rows)} objects, more than {MAX_OBJECTS}: give a smaller one."
        )
    return rows


def _draw(shape: shapely.Geometry, window: Window, shrink: int) -> Bool[np.ndarray, "height width"]:
    """Mark the pixels of the picture whose middle is in a polygon."""
    size = (window.height // shrink, window.width // shrink)
    if shape.is_empty:
        return np.zeros(size, dtype=bool)
    place = Affine(shrink, 0, window.x, 0, shrink, window.y)
    mask: Bool[np.ndarray, "height width"] = rasterize(
        [(shape, 1)], out_shape=size, transform=place, dtype="uint8"
    ).astype(bool)
    return mask


def _metres(scene: Scene, window: Window, shrink: int) -> float | None:
    """Measure a pixel of the picture on the ground, in the middle of the part."""
    a, b, _, d, e, _ = scene.transform
    corner = np.array([[window.x - scene.grid.x, window.y - scene.grid.y]], dtype=float)
    [[c, f]] = to_map(corner, scene.transform).tolist()
    metres = pixel_metres((a, b, c, d, e, f), (window.height, window.width), scene.crs)
    return None if metres is None else metres * shrink
