"""Reports the clicks on one scene, and those that cannot be used."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rasterio.crs import CRS

from pointsam.data.clicks.formats import ClickFile
from pointsam.data.clicks.pictures import Picture
from pointsam.data.clicks.twice import called
from pointsam.data.prepare.checking import Report, check_picture, click_facts
from pointsam.data.rasters.doubts import doubts_of_scene
from pointsam.data.rasters.georeference import to_map
from pointsam.data.rasters.scene import Scene, is_picture, open_scene
from pointsam.data.rasters.scene_points import points_on_scene
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError
from pointsam.frames import in_pixels, to_edges
from pointsam.prompts import POSITIVE

_ANY_VALUES = (0.0, 1.0)
"""Stretch for opening the scene; a check shows no pixels, so any values will do."""


def check_clicks_on(clicks: ClickFile, path: Path, report: Report) -> None:
    """Check the clicks on one file: an image, as those of a folder are read, or a scene.

    Args:
        clicks: a file of clicks.
        path: of the image or scene.
        report: is filled.
    """
    try:
        # Clicks on a map need a place on it, and a scene says best that it has none.
        whole = is_picture(path) and not clicks.on_map
    except InputError as error:
        report.faults.append(str(error))
        return
    (check_picture if whole else check_scene_points)(clicks, path, report)


def check_scene_points(clicks: ClickFile, path: Path, report: Report) -> None:
    """Check clicks on one scene: what is used and what is not, and why.

    A click off the scene, on no data or at the place of another one is noted; it is a fault
    where nothing remains to train on or to segment. What looks like no data is noted, too.

    Args:
        clicks: a file of clicks on the scene's map, or in pixels of the scene.
        path: of the scene; of any size, since only the pixels under clicks and a few small windows
            are read.
        report: is filled.
    """
    try:
        with open_scene(path, stretch=_ANY_VALUES) as scene:
            report.facts.append(_described(scene))
            picture = Picture(path.name, scene.size, scene.transform, scene.crs)
            record = clicks.on_scene(path, picture)
            report.notes.extend((*clicks.dropped, *clicks.notes))
            if record is None:
                report.faults.append(f"{clicks.path} has no points for an image named {path.name}.")
                return
            _check_record(record, scene, clicks.path, report)
            points = points_on_scene(record, scene.grid) if record.instances else None
            report.notes.extend(doubts_of_scene(scene, trained=None, points=points))
    except (InputError, FileNotFoundError) as error:
        report.faults.append(str(error))


def _described(scene: Scene) -> str:
    """Give lines about the scene's size and place."""
    height, width = scene.size
    parts = [f"{scene.path}: {height} x {width} px (height x width)"]
    ground = scene.ground_size
    parts.append("pixel size unknown" if ground is None else f"{ground:.3g} m a pixel")
    parts.append(_system(scene.crs))
    return ", ".join(parts)


def _system(crs: str | None) -> str:
    if crs is None:
        return "no coordinate system"
    code = CRS.from_wkt(crs).to_epsg()
    return "a coordinate system without a code" if code is None else f"EPSG:{code}"


def _check_record(record: ImageRecord, scene: Scene, path: Path, report: Report) -> None:
    """Count the clicks, and name each one that is not used."""
    categories = tuple(dict.fromkeys(one.category for one in record.instances))
    data = Dataset((record,), categories)
    count = sum(len(one.points) for one in record.instances) + len(record.background_points)
    report.facts.append(f"{path}: {count} clicks, {len(record.instances)} objects")
    report.facts.extend(click_facts(data))
    points, labels, names = _clicks_of(record)
    on = np.asarray(in_pixels(points[:, 0], points[:, 1], scene.size), dtype=bool)
    known = on.copy()
    if on.any() and scene.may_lack_data:
        corner = np.array([scene.grid.x, scene.grid.y])
        known[on] = scene.known_at(to_edges(points[on]) + corner)
    places = to_map(to_edges(points), scene.transform)
    for off, why in ((~on, "off the scene"), (on & ~known, "where the scene has no data")):
        for row in np.flatnonzero(off).tolist():
            x, y = places[row].tolist()
            report.notes.append(f"{path}: {names[row]} is clicked at ({x:.9g}, {y:.9g}), {why}")
    if not (known & (labels == POSITIVE)).any():
        report.faults.append(
            f"{path}: none of the {len(record.instances)} objects has a positive point on "
            f"{scene.path}: are the points of this scene?"
        )


def _clicks_of(
    record: ImageRecord,
) -> tuple[Float[np.ndarray, "clicks 2"], np.ndarray, list[str]]:
    """Give all clicks as ``(x, y)`` in the image frame, their labels, and what each is called."""
    rows = list(_rows(record))
    values = np.array([row[:3] for row in rows], dtype=float).reshape(-1, 3)
    return values[:, :2], values[:, 2], [row[3] for row in rows]


def _rows(record: ImageRecord) -> Iterator[tuple[float, float, int, str]]:
    for one in record.instances:
        for x, y, label in one.points:
            yield x, y, label, f"object {called(one)} ({one.category})"
    for x, y in record.background_points:
        yield x, y, 0, "background"
