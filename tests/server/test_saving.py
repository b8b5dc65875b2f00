"""What is saved is read by the rest of the package and by GDAL."""

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from PIL import Image
from tests.prediction.colour_model import ColourModel
from tests.server.served import SQUARES, make_client, make_session

from pointsam.data.clicks.formats import read_clicks
from pointsam.data.coco.annotations import read_coco, read_points
from pointsam.data.coco.masks import rasterise
from pointsam.prediction.images.clicked import output_names, predict_image, write_labels
from pointsam.server import overviews, saving


def click_all(client, image):
    for x, y in SQUARES.values():
        body = {"points": [[x + 7, y + 7, 1], [60, 60, 0]], "class": "object"}
        assert client.post(f"/api/images/{image}/objects", json=body).status_code == 200


def save(client, name):
    answer = client.post("/api/save", json={"name": name})
    assert answer.status_code == 200, answer.text
    content = client.get(f"/api/saved/{name}").content
    assert len(content) == answer.json()["bytes"]
    return answer.json()["path"]


@pytest.fixture
def placed(tmp_path, images):
    """A session on one image that has a place on the map: 2 m pixels in UTM."""
    pixels = np.asarray(Image.open(images / "1.png"))
    path = tmp_path / "scene.tif"
    transform = rasterio.Affine(2, 0, 400_000, 0, -2, 5_800_000)
    profile = {"driver": "GTiff", "height": 64, "width": 64, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=transform, **profile) as out:
        out.write(np.moveaxis(pixels, -1, 0))
    session = make_session(tmp_path / "scene", path)
    with make_client(session) as client:
        click_all(client, 1)
        yield client, path
    session.close()


def test_points_and_masks_of_a_folder(client, images):
    click_all(client, 1)
    data = read_points(Path(save(client, "points.json")))
    assert [len(image.instances) for image in data.images] == [3]
    assert data.images[0].instances[0].points == ((15.0, 15.0, 1), (60.0, 60.0, 0))
    table = read_clicks(Path(save(client, "points.csv")), images=images, negative="background")
    assert table.instance_count == 3
    masks = read_coco(Path(save(client, "masks.json")))
    assert [i.id for i in masks.images[0].instances] == [i.id for i in data.images[0].instances]


def test_label_rasters_are_those_of_predict(client, images, tmp_path):
    click_all(client, 1)
    with zipfile.ZipFile(save(client, "masks.zip")) as archive:
        assert sorted(archive.namelist()) == ["1.png", "masks.json"]
        archive.extractall(tmp_path / "masks")
    labels = np.asarray(Image.open(tmp_path / "masks" / "1.png"))
    assert labels.dtype == np.uint16
    assert labels.shape == (64, 64)
    data = read_coco(tmp_path / "masks" / "masks.json")
    for place, one in enumerate(data.images[0].instances, start=1):
        assert np.array_equal(labels == place, rasterise(one.segmentation, (64, 64)))
    output = tmp_path / "predicted"
    points = Path(save(client, "points.json"))
    predict_folder(points, images, output)
    assert np.array_equal(np.asarray(Image.open(output / "1.png")), labels)


def predict_folder(points, images, output):
    """Write label rasters by the functions of ``pointsam predict``."""
    data = read_points(points)
    for record, name in zip(data.images, output_names(data.images), strict=True):
        found = predict_image(ColourModel(), record, images)
        write_labels(found.labels, output / name)


def test_an_image_too_large_for_a_raster_is_refused(client, monkeypatch):
    monkeypatch.setattr(saving, "_MAX_PIXELS", 100)
    click_all(client, 1)
    answer = client.post("/api/save", json={"name": "masks.zip"})
    assert answer.status_code == 400
    assert "save masks.gpkg or masks.json" in answer.json()["error"]


@pytest.mark.parametrize("name", ["points.gpkg", "points.geojson", "masks.gpkg", "masks.geojson"])
def test_an_image_without_a_place_is_refused_by_map_formats(client, name):
    click_all(client, 1)
    answer = client.post("/api/save", json={"name": name})
    assert answer.status_code == 400
    assert "no coordinate system" in answer.json()["error"]


def test_nothing_and_unknown_names_are_refused(client):
    assert "nothing is clicked" in client.post("/api/save", json={"name": "points.json"}).text
    assert client.post("/api/save", json={"name": "../x.json"}).status_code == 400


@pytest.mark.parametrize("ending", ["gpkg", "geojson"])
def test_outlines_lie_where_the_pixels_are(placed, ending):
    client, _ = placed
    meta, _, geometry, columns = pyogrio.raw.read(save(client, f"masks.{ending}"))
    assert len(geometry) == 3
    fields = dict(zip(meta["fields"], columns, strict=True))
    assert fields["area_px"].tolist() == [252.0] * 3
    # UTM's scale is 0.9998 at 100 km from the middle meridian.
    assert fields["area_m2"] == pytest.approx(252 * 4, rel=2e-3)
    x0, y0, x1, y1 = pyogrio.read_bounds(save(client, f"masks.{ending}"))[1][:, 0]
    if ending == "gpkg":
        assert (x0, y0, x1, y1) == (400_016, 5_799_952, 400_048, 5_799_984)
        assert meta["crs"] == "EPSG:32633"
    else:
        assert 13 < x0 < 14
        assert 52 < y0 < 53


@pytest.mark.parametrize("ending", ["gpkg", "geojson"])
def test_clicks_on_the_map_are_read_back_where_they_were(placed, ending):
    client, path = placed
    read = read_clicks(
        Path(save(client, f"points.{ending}")), images=path.parent, negative="background"
    )
    points = [i.points for i in read.images[0].instances]
    assert len(points) == 3
    assert np.abs(np.array(points[0]) - [(15, 15, 1), (60, 60, 0)]).max() < 1e-6


def test_ogrinfo_reads_what_is_saved(placed):
    if shutil.which("ogrinfo") is None:
        pytest.skip("needs ogrinfo (apt-get install gdal-bin)")
    client, _ = placed
    for name, kind in (("masks.gpkg", "Multi Polygon"), ("points.geojson", "Point")):
        told = subprocess.run(
            ["ogrinfo", "-so", "-al", save(client, name)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"Geometry: {kind}" in told.stdout
        assert "ERROR" not in told.stderr


def test_a_far_zoom_shows_the_scene_averaged(placed, images, monkeypatch):
    client, _ = placed
    monkeypatch.setattr(overviews, "OVERVIEW", 16)  # an overview of a quarter of the side
    levels = client.get("/api/images/1").json()["levels"]
    tile = client.get(f"/api/images/1/tiles/{levels - 2}/0/0")
    shown = np.asarray(Image.open(io.BytesIO(tile.content))).astype(int)
    small = Image.open(images / "1.png").resize((16, 16), Image.Resampling.BOX)
    assert shown.shape == (16, 16, 3)
    assert np.abs(shown - np.asarray(small).astype(int)).max() < 16
