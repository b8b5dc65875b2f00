"""Clicks on images that are missing or damaged, with and without ``skip_broken``."""

import json

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from pointsam.data.clicks.formats import ClickFile
from pointsam.errors import InputError

REGION = {"x": 10, "y": 10, "width": 0.5, "keypointlabels": ["ship"],
          "original_width": 30, "original_height": 20}  # fmt: skip

NAMES = ("a", "cut", "gone")
"""Of three images: sound, damaged, missing."""


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for name in NAMES[:2]:
        Image.fromarray(noise).save(folder / f"{name}.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:300])
    return folder


def csv(folder, name):
    (folder / "c.csv").write_text(f"image,x,y\na.png,3,4\n{name}.png,3,4\n")
    return folder / "c.csv"


def yolo(folder, name):
    (folder / "yolo").mkdir()
    for image in ("a", name):
        (folder / "yolo" / f"{image}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    return folder / "yolo"


def label_studio(folder, name):
    tasks = [
        {"id": n, "annotation_id": n, "image": f"/data/upload/1/0a1b2c3d-{image}.png",
         "annotator": 1, "created_at": "2024-01-01", "kp": [REGION]}
        for n, image in enumerate(("a", name), 1)
    ]  # fmt: skip
    (folder / "min.json").write_text(json.dumps(tasks))
    return folder / "min.json"


def key_points(folder, name):
    content = {
        "images": [
            {"id": n, "file_name": f"{image}.png", "height": 20, "width": 30}
            for n, image in enumerate(("a", name), 1)
        ],
        "categories": [{"id": 1, "name": "ship"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "keypoints": [3, 4, 2]} for n in (1, 2)
        ],
    }
    (folder / "points.json").write_text(json.dumps(content))
    return folder / "points.json"


@pytest.mark.parametrize("name", NAMES[1:])
@pytest.mark.parametrize("form", [csv, yolo, label_studio, key_points])
def test_clicks_on_a_broken_image_are_refused_or_left_out_by_name(tmp_path, images, form, name):
    clicks = ClickFile(form(tmp_path, name))
    with pytest.raises((InputError, FileNotFoundError), match=name):
        clicks.read(images)
    data = clicks.read(images, skip_broken=True)
    assert [image.file_name for image in data.images] == ["a.png"]
    [line] = data.dropped
    assert name in line
    assert len(clicks.broken) == 1


def test_clicks_on_a_map_skip_a_broken_raster(tmp_path):
    folder = tmp_path / "rasters"
    folder.mkdir()
    for name, east in (("a.tif", 500_000), ("cut.tif", 600_000)):
        profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": 20, "width": 30}
        place = {"crs": "EPSG:32632", "transform": from_origin(east, 5_500_000, 2, 2)}
        with rasterio.open(folder / name, "w", **profile, **place) as out:
            out.write(np.zeros((1, 20, 30), dtype=np.uint8))
    (folder / "cut.tif").write_bytes((folder / "cut.tif").read_bytes()[:60])
    place = {"type": "Point", "coordinates": [500_021, 5_499_993]}
    content = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}},
        "features": [{"type": "Feature", "properties": {}, "geometry": place}],
    }
    (tmp_path / "c.geojson").write_text(json.dumps(content))
    clicks = ClickFile(tmp_path / "c.geojson")
    with pytest.raises(InputError, match="cut"):
        clicks.read(folder)
    data = clicks.read(folder, skip_broken=True)
    assert [image.file_name for image in data.images] == ["a.tif"]
    [line] = data.dropped
    assert "cut.tif" in line


def test_two_images_of_one_name_are_a_doubt_that_is_not_skipped(tmp_path, images):
    Image.new("RGB", (30, 20)).save(images / "a.jpg")
    with pytest.raises(InputError, match="nothing tells which"):
        ClickFile(yolo(tmp_path, "gone")).read(images, skip_broken=True)
