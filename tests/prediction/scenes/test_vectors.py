import json
import shutil
import subprocess

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.crs import CRS
from tests.prediction.colour_model import write_scene

from pointsam.data.rasters.georeference import ground_areas
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.scene_points import SceneObject
from pointsam.prediction.scenes.logit_maps import LogitMap, Overlaps
from pointsam.prediction.scenes.objects import SceneMask
from pointsam.prediction.scenes.vectors import (
    outline,
    write_labels,
    write_polygons,
)
from pointsam.prediction.tracing import trace


def _square(corner, side, value=1.0):
    return LogitMap(np.full((side, side), value, dtype=np.float16), corner, (1.0, 1.0))


@pytest.fixture
def found(tmp_path):
    """A 60 x 80 px scene with a 10 px square, one that loses a corner to it, and an empty mask."""
    path = write_scene(tmp_path / "a.tif", [], size=(60, 80))
    with open_scene(path) as scene:
        x, y = scene.grid.x, scene.grid.y
        maps = [_square((x + 5, y + 5), 10, 2.0), _square((x + 10, y + 10), 10), None]
        overlaps = Overlaps(maps, within=scene.grid.box, exclusive=True)
        objects = [
            SceneObject(i, 100 + i, "tank", np.zeros((1, 2)), np.ones(1, dtype=int))
            for i in range(3)
        ]
        masks = [SceneMask(i, logits, 0.5, 1024, False) for i, logits in enumerate(maps)]
        yield scene, overlaps, objects, masks


def test_an_outline_runs_along_pixel_edges():
    mask = np.zeros((4, 5), dtype=bool)
    mask[1:3, 1:4] = True
    polygon = trace(mask, corner=(10, 20))
    assert polygon.bounds == (11, 21, 14, 23)
    assert polygon.area == 6


def test_holes_and_parts_that_touch_at_a_corner_stay_valid():
    mask = np.ones((5, 5), dtype=bool)
    mask[2, 2] = False
    diagonal = np.eye(3, dtype=bool)
    for drawn, parts in ((mask, 1), (diagonal, 3), (np.zeros((2, 2), dtype=bool), 0)):
        polygon = trace(drawn)
        assert polygon.is_valid
        assert polygon.area == drawn.sum()
        assert len(polygon.geoms) == parts


def test_polygons_lie_on_the_map_and_share_no_ground(found):
    scene, overlaps, _, _ = found
    outlines = outline(overlaps, 3, scene)
    assert outlines.area_px.tolist() == [100, 75, 0]
    assert outlines.polygons[0].bounds == (1002.5, 4992.5, 1007.5, 4997.5)
    assert shapely.intersection(*outlines.polygons[:2]).area == 0
    assert outlines.polygons[2].is_empty


@pytest.mark.parametrize(
    ("crs", "middle", "square"),
    [
        ("EPSG:32631", (500000.0, 6.6e6), 1 / 0.9996**2),
        ("EPSG:3857", (0.0, 8399737.9), 0.25),  # 60 degrees north
        ("EPSG:4326", (3.0, 0.0), 110574.4 * 111319.5),
    ],
)
def test_areas_are_square_metres_on_the_ground(crs, middle, square):
    x, y = middle
    side = 0.01 if crs == "EPSG:4326" else 100
    polygons = np.array([shapely.MultiPolygon([shapely.box(x, y, x + side, y + side)])])
    assert ground_areas(polygons, CRS.from_string(crs).to_wkt())[0] == pytest.approx(
        square * side**2, rel=0.005
    )


def test_without_coordinates_there_are_no_square_metres():
    polygons = np.array([shapely.MultiPolygon([shapely.box(0, 0, 1, 1)])])
    assert np.isnan(ground_areas(polygons, None)).all()
    local = 'LOCAL_CS["site",UNIT["metre",1]]'
    assert np.isnan(ground_areas(polygons, local)).all()
    assert ground_areas(
        np.array([shapely.MultiPolygon()]), CRS.from_epsg(4326).to_wkt()
    ).tolist() == [0]


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".shp"])
def test_every_format_carries_rows_and_coordinates(found, tmp_path, ending):
    scene, overlaps, objects, masks = found
    path = tmp_path / f"out{ending}"
    write_polygons(path, outline(overlaps, 3, scene), objects, masks, crs=scene.crs)
    info = pyogrio.read_info(path)
    meta, _, geometry, columns = pyogrio.raw.read(path)
    rows = dict(zip(meta["fields"], columns, strict=True))
    assert "32631" in info["crs"]
    assert rows["point_id"].tolist() == [100, 101, 102]
    assert rows["class"].tolist() == ["tank"] * 3
    assert rows["area_px"].tolist() == [100, 75, 0]
    assert rows["area_m2"][0] == pytest.approx(25, rel=0.01)
    assert shapely.from_wkb(geometry[0]).area == 25
    assert geometry[2] is None


def test_geojson_is_in_degrees_where_the_scenes_system_has_no_code(found, tmp_path):
    scene, overlaps, objects, masks = found
    own = "+proj=tmerc +lat_0=50 +lon_0=9 +x_0=0 +y_0=0 +datum=WGS84 +units=m"
    crs = CRS.from_proj4(own).to_wkt()
    outlines = outline(overlaps, 3, scene)
    for ending in (".gpkg", ".geojson"):
        write_polygons(tmp_path / f"a{ending}", outlines, objects, masks, crs=crs)
    meta, _, geometry, _ = pyogrio.raw.read(tmp_path / "a.geojson")
    assert meta["crs"] == "EPSG:4326"
    x, y = shapely.get_coordinates(shapely.from_wkb(geometry[0]))[0]
    assert (abs(x - 9) < 0.1, abs(y - 50) < 0.1) == (True, True)
    _, _, geometry, _ = pyogrio.raw.read(tmp_path / "a.gpkg")
    assert shapely.from_wkb(geometry[0]).bounds == outlines.polygons[0].bounds


def test_the_instance_raster_is_the_masks(found, tmp_path):
    scene, overlaps, _, _ = found
    write_labels(tmp_path / "out.tif", overlaps, scene)
    with rasterio.open(tmp_path / "out.tif") as raster:
        labels = raster.read(1)
        assert raster.transform == scene.dataset.transform
        assert raster.crs == scene.dataset.crs
        assert raster.nodata == 0
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert np.bincount(labels.ravel()).tolist() == [60 * 80 - 175, 100, 75]
    assert (labels[5:15, 5:15] == 1).all()


def test_gdal_tools_open_the_outputs(found, tmp_path):
    if not shutil.which("ogrinfo"):
        pytest.skip("gdal-bin is not installed")
    scene, overlaps, objects, masks = found
    write_polygons(
        tmp_path / "out.gpkg", outline(overlaps, 3, scene), objects, masks, crs=scene.crs
    )
    write_labels(tmp_path / "out.tif", overlaps, scene)
    listed = subprocess.run(
        ["ogrinfo", "-so", tmp_path / "out.gpkg", "instances"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Feature Count: 3" in listed.stdout
    assert listed.stderr == ""
    shown = subprocess.run(
        ["gdalinfo", "-json", tmp_path / "out.tif"], capture_output=True, text=True, check=True
    )
    assert json.loads(shown.stdout)["size"] == [80, 60]
