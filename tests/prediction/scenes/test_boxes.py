"""Tests of oriented boxes around polygons of a map."""

import json

import numpy as np
import pyogrio
import pytest
import shapely
from rasterio.warp import transform

from pointsam.prediction.scenes.boxes import write_boxes_of


def test_boxes_keep_fields_whatever_their_names(tmp_path):
    names = ["fid", "geom", "Name", "name", "score"]
    properties = {name: number for number, name in enumerate(names)} | {"fid": 0.5}
    ring = [[9.0, 50.0], [9.1, 50.0], [9.1, 50.1], [9.0, 50.0]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": properties, "geometry": shape}
    content = {"type": "FeatureCollection", "features": [feature, feature]}
    (tmp_path / "a.geojson").write_text(json.dumps(content))
    assert write_boxes_of(tmp_path / "a.geojson", tmp_path / "boxes.gpkg") == 2
    meta, _, _, fields = pyogrio.raw.read(tmp_path / "boxes.gpkg")
    assert list(meta["fields"]) == ["fid_2", "geom_2", "Name", "name_2", "score"]
    assert [column[0] for column in fields] == [0.5, 1, 2, 3, 4]


@pytest.mark.parametrize("latitude", [0.0, 52.0, -70.0])
def test_boxes_in_degrees_have_right_angles_on_the_ground(tmp_path, latitude):
    """A house of 20 by 10 m, turned by 30 degrees, drawn in degrees."""
    local = f"+proj=laea +lat_0={latitude} +lon_0=13 +datum=WGS84"
    turn = np.array([[np.sqrt(3), 1], [-1, np.sqrt(3)]]) / 2
    house = np.array([[-10, -5], [10, -5], [10, 5], [-10, 5]]) @ turn
    ring = np.stack(transform(local, "EPSG:4326", *house.T), axis=1)
    polygon = shapely.geometry.mapping(shapely.Polygon(ring))
    feature = {"type": "Feature", "properties": {}, "geometry": polygon}
    content = {"type": "FeatureCollection", "features": [feature]}
    (tmp_path / "a.geojson").write_text(json.dumps(content))
    write_boxes_of(tmp_path / "a.geojson", tmp_path / "boxes.gpkg")
    _, _, geometry, _ = pyogrio.raw.read(tmp_path / "boxes.gpkg")
    corners = shapely.get_coordinates(shapely.from_wkb(geometry[0]))
    metres = np.stack(transform("EPSG:4326", local, *corners.T), axis=1)
    drawn, true = shapely.Polygon(metres), shapely.Polygon(house)
    assert shapely.intersection(drawn, true).area / shapely.union(drawn, true).area > 0.99
