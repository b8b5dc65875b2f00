"""GeoJSON of clicks, where the images are given as one file."""

import json

import numpy as np
import rasterio
from rasterio.transform import from_origin

from pointsam.data.clicks.writers import write_geojson
from pointsam.data.records import Dataset, ImageRecord


def test_the_images_may_be_one_file(tmp_path):
    place = {"crs": "EPSG:32632", "transform": from_origin(500000, 5500000, 0.5, 0.5)}
    shape = {"width": 8, "height": 8, "count": 3, "dtype": "uint8"}
    with rasterio.open(tmp_path / "s.tif", "w", driver="GTiff", **shape, **place) as out:
        out.write(np.ones((3, 8, 8), dtype=np.uint8))
    record = ImageRecord(1, "s.tif", (8, 8), (), background_points=((2.0, 2.0),))
    data = Dataset((record,), ("object",))
    for images in (tmp_path / "s.tif", tmp_path):
        write_geojson(data, tmp_path / "out.geojson", images)
        [feature] = json.loads((tmp_path / "out.geojson").read_text())["features"]
        x, y = feature["geometry"]["coordinates"]
        assert (round(x, 3), round(y, 1)) == (9.0, 49.7)
