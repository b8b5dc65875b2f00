"""Masks keep their place and their ids in every file, also of uncommon coordinate systems."""

import json
import shutil
from collections import namedtuple

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.errors import RasterioIOError
from rasterio.transform import from_origin

from pointsam.data.rasters.georeference import ground_areas
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.scene_points import SceneObject
from pointsam.errors import InputError
from pointsam.prediction.scenes import vectors
from pointsam.prediction.scenes.geometry import pixel_sides
from pointsam.prediction.scenes.logit_maps import Overlaps
from pointsam.prediction.scenes.objects import SceneMask
from pointsam.prediction.scenes.vectors import Outlines, write_labels, write_polygons

Usage = namedtuple("Usage", "free")


def write(path, *, crs, ids=(1,), empty=()):
    """Write a square of 10 units for each id; those at the places of `empty` have no shape."""
    squares = [shapely.MultiPolygon([shapely.box(1e6, 2e6, 1e6 + 10, 2e6 + 10)]) for _ in ids]
    for place in empty:
        squares[place] = shapely.MultiPolygon()
    polygons = np.array(squares, dtype=object)
    outlines = Outlines(polygons, np.full(len(ids), 100.0), ground_areas(polygons, crs))
    points = np.zeros((1, 2)), np.ones(1, dtype=int)
    objects = [SceneObject(place, id_, "tank", *points) for place, id_ in enumerate(ids)]
    masks = [SceneMask(place, None, 0.5, 1024, False) for place in range(len(ids))]
    write_polygons(path, outlines, objects, masks, crs=crs)
    meta, _, shapes, columns = pyogrio.raw.read(path)
    return meta["crs"], shapes, dict(zip(meta["fields"], columns, strict=True))


def without_code(system):
    """Take the code at its end off the text of a system, as an .img file has it."""
    return CRS.from_user_input(system).to_wkt().replace(',AUTHORITY["EPSG","3857"]]', "]")


@pytest.mark.parametrize(
    "system",
    ["ESRI:102100", "ESRI:54009", "ESRI:102003", "ESRI:102001", "EPSG:3857", "EPSG:25832+7837"],
)
def test_geojson_holds_degrees_where_the_system_carries_no_epsg_code(tmp_path, system):
    crs, shapes, _ = write(tmp_path / "a.geojson", crs=without_code(system))
    assert crs == "EPSG:4326"
    x, y = shapely.get_coordinates(shapely.from_wkb(shapes[0]))[0]
    assert (abs(x) <= 180, abs(y) <= 90) == (True, True)


def test_geojson_keeps_a_system_with_an_epsg_code(tmp_path):
    crs, shapes, _ = write(tmp_path / "a.geojson", crs=CRS.from_epsg(3857).to_wkt())
    assert "crs" in json.loads((tmp_path / "a.geojson").read_text())
    assert crs == "EPSG:3857"
    assert shapely.from_wkb(shapes[0]).bounds[0] == 1e6


def test_flatgeobuf_has_rows_without_a_mask(tmp_path):
    crs = CRS.from_epsg(3857).to_wkt()
    _, shapes, rows = write(tmp_path / "a.fgb", crs=crs, ids=(5, 6), empty=(1,))
    assert rows["point_id"].tolist() == [5, 6]
    assert (shapes[0] is not None, shapes[1]) == (True, None)


@pytest.mark.parametrize("large", [10**18, 2**62 + 1, -(10**17) - 1])
def test_a_shapefile_does_not_round_ids(tmp_path, large):
    crs = CRS.from_epsg(3857).to_wkt()
    _, _, rows = write(tmp_path / "a.shp", crs=crs, ids=(large, 7))
    assert rows["point_id"].tolist() == [str(large), "7"]
    _, _, rows = write(tmp_path / "b.shp", crs=crs, ids=(10**18 - 1, 7))
    assert rows["point_id"].tolist() == [10**18 - 1, 7]


@pytest.mark.parametrize(
    "system", ["IAU_2015:30100", "+proj=longlat +R=1737400", "+proj=eqc +R=3396190 +units=m"]
)
def test_another_body_has_no_square_metres(tmp_path, system):
    path = tmp_path / "moon.tif"
    place = {"crs": CRS.from_user_input(system), "transform": from_origin(10, 5, 0.1, 0.1)}
    shape = {"width": 8, "height": 8, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", **shape, **place) as out:
        out.write(np.ones((3, 8, 8), dtype=np.uint8))
    with open_scene(path) as scene:
        assert scene.ground_size is None
        assert pixel_sides(scene) == (1.0, 1.0)
        _, _, rows = write(tmp_path / "a.geojson", crs=scene.crs)
    assert np.isnan(rows["area_m2"].astype(float)).all()


def test_a_sphere_of_the_earths_size_is_on_earth():
    polygon = np.array([shapely.box(0, 0, 100, 100)])
    sphere = CRS.from_user_input("+proj=sinu +R=6371007.181 +units=m").to_wkt()
    assert ground_areas(polygon, sphere)[0] == pytest.approx(1e4, rel=0.01)


@pytest.mark.parametrize(("free", "kind"), [(0, OSError), (2**30, InputError)])
def test_a_raster_that_cannot_be_written_says_so(tmp_path, monkeypatch, free, kind):
    path = tmp_path / "s.tif"
    shape = {"width": 8, "height": 8, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:3857", "transform": from_origin(100, 200, 1, 1)}
    with rasterio.open(path, "w", driver="GTiff", **shape, **place) as out:
        out.write(np.ones((3, 8, 8), dtype=np.uint8))

    def full(*_, **__):
        raise RasterioIOError("TIFFWriteDirectoryTagData:IO error writing tag data")

    monkeypatch.setattr(vectors, "copy_raster", full)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free))
    nothing = Overlaps([], within=(0, 0, 8, 8), exclusive=True)
    with open_scene(path) as scene, pytest.raises(kind, match=r"space left|cannot be written"):
        write_labels(tmp_path / "out.tif", nothing, scene)
    assert not (tmp_path / "out.tif").exists()
