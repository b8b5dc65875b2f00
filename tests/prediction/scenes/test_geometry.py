"""Rules are in metres on the ground, whatever the map is drawn in."""

from contextlib import ExitStack

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from pointsam.data.rasters.georeference import ground_areas, ground_perimeters, to_map
from pointsam.data.rasters.scene import open_scene
from pointsam.prediction.polygons import PolygonRules
from pointsam.prediction.scenes.geometry import pixel_sides, reshaped
from pointsam.prediction.scenes.vectors import Outlines

PLACES = {
    "utm": ((0.5, 0, 500_000, 0, -0.5, 6_650_000), "EPSG:32632"),
    "degrees": ((1e-5, 0, 9.0, 0, -1e-5, 60.0), "EPSG:4326"),
    "turned": ((0.3, 0.4, 500_000, 0.4, -0.3, 6_650_000), "EPSG:32632"),
}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Scenes of 100 x 100 pixels."""
    folder = tmp_path_factory.mktemp("scenes")
    with ExitStack() as stack:
        found = {}
        for name, (transform, code) in PLACES.items():
            path = folder / f"{name}.tif"
            with rasterio.open(
                path, "w", driver="GTiff", width=100, height=100, count=3, dtype="uint8",
                transform=Affine(*transform), crs=code,
            ) as out:  # fmt: skip
                out.write(np.full((3, 100, 100), 9, dtype=np.uint8))
            found[name] = stack.enter_context(open_scene(path))
        yield found


@pytest.mark.parametrize(
    ("name", "sides"), [("utm", (0.5, 0.5)), ("degrees", (0.558, 1.114)), ("turned", (0.5, 0.5))]
)
def test_a_pixel_is_measured_on_the_ground(places, name, sides):
    assert pixel_sides(places[name]) == pytest.approx(sides, rel=3e-3)


def outlines(place, shape):
    polygons = shapely.transform(np.array([shape]), lambda points: to_map(points, place.transform))
    return Outlines(polygons, np.array([shape.area]), ground_areas(polygons, place.crs))


HOLED = shapely.MultiPolygon([shapely.box(10, 10, 50, 50).difference(shapely.box(20, 20, 26, 26))])


@pytest.mark.parametrize("name", PLACES)
def test_a_hole_is_filled_by_its_area_in_square_metres(places, name):
    place = places[name]
    hole = 36 * np.prod(pixel_sides(place))
    before = outlines(place, HOLED)
    kept = reshaped(before, PolygonRules(min_hole=0.9 * hole), place)
    filled = reshaped(before, PolygonRules(min_hole=1.1 * hole), place)
    assert kept.area_m2 == pytest.approx(before.area_m2, rel=1e-6)
    assert filled.area_m2 == pytest.approx(before.area_m2 + hole, rel=2e-3)
    assert filled.area_px == before.area_px


def test_a_perimeter_is_metres_of_all_rings(places):
    place = places["degrees"]
    sides = sum(pixel_sides(place))
    [found] = ground_perimeters(outlines(place, HOLED).polygons, place.crs)
    assert found == pytest.approx(2 * 40 * sides + 2 * 6 * sides, rel=3e-3)


def test_without_rules_nothing_is_touched(places):
    before = outlines(places["utm"], HOLED)
    assert reshaped(before, PolygonRules(), places["utm"]) is before
