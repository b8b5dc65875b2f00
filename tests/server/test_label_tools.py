"""Other tools' clients, asking as they do; each names its client and version.

The forms are those of the clients' public code: segment-geospatial 1.4.2 (docs/api.md and
samgeo/api.py), X-AnyLabeling 4.0.2 (services/auto_labeling/remote_server.py), Label Studio
(ml/api_connector.py at 0f1d1f0) with label-studio-ml-backend's SAM example (d02cedf).
"""

import base64
import io
import json
import shutil

import numpy as np
import pytest
import rasterio
from PIL import Image
from tests.server.served import SECRET, make_client, make_session

from pointsam.data.clicks.label_studio_links import link_to
from pointsam.data.coco.masks import rasterise
from pointsam.server.compat.brush import brush_rle
from pointsam.server.crops import MaskCrop

SETUP = """
<View>
  <Image name="image" value="$image" zoom="true"/>
  <BrushLabels name="tag" toName="image"><Label value="Ship" background="#FF0000"/></BrushLabels>
  <KeyPointLabels name="tag2" toName="image" smart="true"><Label value="Ship"/></KeyPointLabels>
</View>
"""


@pytest.fixture
def picture(images):
    return images / "1.png"


@pytest.fixture
def geotiff(tmp_path, picture):
    pixels = np.asarray(Image.open(picture))
    path = tmp_path / "scene.tif"
    transform = rasterio.Affine(2, 0, 400_000, 0, -2, 5_800_000)
    profile = {"driver": "GTiff", "height": 64, "width": 64, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=transform, **profile) as out:
        out.write(np.moveaxis(pixels, -1, 0))
    return path


def samgeo(client, path, route="predict", **fields):
    files = {"file": (path.name, path.read_bytes())}
    return client.post(f"/segment/{route}", files=files, data=fields)


def test_samgeo_finds_health_and_models(client):
    assert client.get("/health").json()["status"] == "ok"
    answer = client.get("/models").json()
    assert answer["models"]["sam"] == ["colour"]
    assert answer["loaded"] == [["sam", "colour"]]


def test_samgeo_points_in_pixels_give_a_polygon_in_pixels(client, picture):
    answer = samgeo(
        client, picture, point_coords="[[15, 15]]", point_labels="[1]", output_format="geojson"
    )
    [feature] = answer.json()["features"]
    corners = np.array(feature["geometry"]["coordinates"][0][0])
    assert (corners.min(axis=0).tolist(), corners.max(axis=0).tolist()) == ([8, 8], [24, 24])
    assert feature["properties"]["value"] == 1


def test_samgeo_points_on_the_map_give_a_polygon_on_the_map(client, geotiff):
    middle = [400_000 + 2 * 15.5, 5_800_000 - 2 * 15.5]
    fields = {"point_coords": json.dumps([middle]), "point_crs": "EPSG:32633"}
    answer = samgeo(client, geotiff, model_version="sam2", point_labels="[1]", **fields).json()
    corners = np.array(answer["features"][0]["geometry"]["coordinates"][0][0])
    assert corners.min(axis=0).tolist() == [400_016, 5_799_952]
    assert answer["crs"]["properties"]["name"].endswith("32633")


def test_samgeo_takes_degrees_too(client, geotiff):
    from pointsam.data.rasters.georeference import pixels_to_degrees, read_georeference

    place = pixels_to_degrees(np.array([[15.0, 15.0]]), read_georeference(geotiff))
    fields = {"point_coords": json.dumps(place.tolist()), "point_crs": "EPSG:4326"}
    answer = samgeo(client, geotiff, output_format="json", **fields).json()
    assert answer["detections"][0]["bbox"] == [8, 8, 23, 23]
    assert (answer["image_width"], answer["num_detections"]) == (64, 1)


def test_samgeo_rasters_hold_the_mask(client, geotiff):
    png = samgeo(client, geotiff, point_coords="[[15, 15]]", output_format="png")
    mask = np.asarray(Image.open(io.BytesIO(png.content)))
    assert mask[15, 15] == 1
    assert mask[4, 4] == 0
    tiff = samgeo(client, geotiff, point_coords="[[15, 15]]", output_format="geotiff")
    with rasterio.MemoryFile(tiff.content) as memory, memory.open() as opened:
        assert opened.crs.to_epsg() == 32633
        assert (opened.read(1) == mask).all()


def test_samgeo_everything(client, picture):
    fields = {"points_per_side": "8", "stability_score_thresh": "0.5", "pred_iou_thresh": "0"}
    answer = samgeo(client, picture, route="automatic", output_format="detections", **fields)
    assert answer.json()["num_detections"] >= 3


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"point_coords": "[[15, 15"}, 400),
        ({"point_coords": "[[999, 15]]"}, 400),
        ({"point_coords": "[[15, 15]]", "output_format": "shp"}, 400),
        ({"point_coords": "[[15, 15]]", "point_crs": "EPSG:4326"}, 400),
        ({"point_coords": "[[15, 15]]", "point_labels": "[1, 0]"}, 400),
        ({"point_coords": "[[15, 15]]", "point_labels": "[0.6]"}, 400),
        ({"boxes": "[[500, 500, 520, 520]]"}, 400),
        ({"boxes": "[[8, 8, 24, 24], [40, 8, 56, 24]]", "point_coords": "[[15, 15]]"}, 400),
        ({"point_coords": "[[15, 15]]", "min_size": "99999"}, 404),
    ],
)
def test_samgeo_faults_are_said(client, picture, fields, status):
    answer = samgeo(client, picture, **fields)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_samgeo_gives_degrees_where_geojson_cannot_name_the_map(client, geotiff, tmp_path):
    own = (
        "+proj=tmerc +lat_0=12 +lon_0=9.37 +k=0.9993 +x_0=123456 +y_0=7 +datum=WGS84 +units=m "
        "+no_defs"
    )
    path = tmp_path / "own.tif"
    with rasterio.open(geotiff) as scene:
        place = rasterio.Affine(2, 0, 123_456, 0, -2, 7)
        profile = scene.profile | {"crs": own, "transform": place}
        with rasterio.open(path, "w", **profile) as out:
            out.write(scene.read())
    for form in ("geojson", "detections"):
        answer = samgeo(client, path, point_coords="[[15, 15]]", output_format=form).json()
        corners = np.array(answer["features"][0]["geometry"]["coordinates"]).reshape(-1, 2)
        assert np.abs(corners - (9.37, 12)).max() < 0.01
        said = answer["crs"] if form == "detections" else answer["crs"]["properties"]["name"]
        assert said.endswith("4326")


def anylabeling(session, image, marks):
    """As RemoteServer.predict_shapes asks: the server's address without a path, header Token."""
    asked = {
        "model": "pointsam",
        "image": image,
        "params": {
            "conf_threshold": 0.0,
            "iou_threshold": 0.0,
            "epsilon_factor": 0.001,
            "marks": marks,
        },
    }
    headers = {"Content-Type": "application/json", "Token": SECRET}
    with make_client(session, base="http://127.0.0.1:8765") as client:
        return client.post("/v1/predict", content=json.dumps(asked), headers=headers)


def test_anylabeling_lists_the_model(client):
    [(name, known)] = client.get("/v1/models").json()["data"].items()
    assert name == "pointsam"
    assert known["display_name"] == "pointsam (colour)"
    assert {"name": "button_add_point"} in known["widgets"]


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_anylabeling_marks_give_a_polygon(session, picture, geotiff, kind):
    path = picture if kind == "png" else geotiff
    # What is not JPEG, PNG, BMP or WebP comes labelled image/jpeg, with the file's own bytes.
    mime = "image/png" if kind == "png" else "image/jpeg"
    uri = f"data:{mime};base64,{base64.b64encode(path.read_bytes()).decode()}"
    marks = [
        {"type": "point", "data": [15, 15], "label": 1},
        {"type": "point", "data": [50, 50], "label": 0},
    ]
    [shape] = anylabeling(session, uri, marks).json()["data"]["shapes"]
    assert (shape["label"], shape["shape_type"]) == ("AUTOLABEL_OBJECT", "polygon")
    corners = np.array(shape["points"])
    assert (corners.min(axis=0).tolist(), corners.max(axis=0).tolist()) == ([8, 8], [24, 24])


def test_anylabeling_without_marks_gives_nothing_and_bad_ones_are_said(session, picture):
    uri = f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
    assert anylabeling(session, uri, []).json()["data"]["shapes"] == []
    assert (
        anylabeling(session, uri, [{"type": "circle", "data": [1], "label": 1}]).status_code == 400
    )
    marks = [{"type": "point", "data": [15, 15], "label": 1}]
    assert anylabeling(session, "data:image/png;base64,AAAA", marks).status_code == 400
    assert anylabeling(session, "not base64!", marks).status_code == 400
    off = [{"type": "rectangle", "data": [500, 500, 520, 520], "label": 1}]
    answer = anylabeling(session, uri, off)
    assert answer.status_code == 400
    assert "is off the image, which is 64 x 64 px" in answer.json()["error"]
    halved = [{"type": "point", "data": [15, 15], "label": 0.6}]
    assert anylabeling(session, uri, halved).status_code == 400


def test_anylabeling_points_beside_several_boxes_are_not_dropped_in_silence(session, picture):
    uri = base64.b64encode(picture.read_bytes()).decode()
    marks = [
        {"type": "rectangle", "data": [8, 8, 24, 24], "label": 1},
        {"type": "point", "data": [15, 15], "label": 1},
    ]
    assert len(anylabeling(session, uri, marks).json()["data"]["shapes"]) == 1
    answer = anylabeling(session, uri, [*marks, marks[0]])
    assert answer.status_code == 400
    assert "1 points beside 2 boxes" in answer.json()["error"]


def test_base64_may_be_broken_into_lines(session, picture):
    uri = "data:image/png;base64," + base64.encodebytes(picture.read_bytes()).decode()
    marks = [{"type": "point", "data": [15, 15], "label": 1}]
    assert len(anylabeling(session, uri, marks).json()["data"]["shapes"]) == 1


def label_studio(client, image, marks):
    """As MLApi.make_predictions asks."""
    request = {
        "tasks": [{"id": 5, "data": {"image": image}}],
        "model_version": "pointsam",
        "project": "3.1724000000",
        "label_config": SETUP,
        "params": {"login": None, "password": None, "context": {"result": marks}},
    }
    return client.post("/predict", json=request)


def key_point(x, y, positive=True):
    return {
        "original_width": 64,
        "original_height": 64,
        "image_rotation": 0,
        "value": {"x": 100 * x / 64, "y": 100 * y / 64, "width": 0.3, "keypointlabels": ["Ship"]},
        "is_positive": positive,
        "id": "fBWv1t0S2L",
        "from_name": "tag2",
        "to_name": "image",
        "type": "keypointlabels",
        "origin": "manual",
    }


def test_label_studio_sets_up_and_asks_for_health(client):
    body = {"project": "3.17", "schema": SETUP, "hostname": "http://x", "access_token": "y"}
    assert client.post("/setup", json=body).json() == {"model_version": "pointsam"}
    assert client.get("/health").status_code == 200
    assert client.get("/").json()["status"] == "UP"


def test_label_studio_key_points_give_a_brush_mask(client):
    marks = [key_point(15.5, 15.5), key_point(50, 50, positive=False)]
    answer = label_studio(client, "/data/upload/3/1a2b3c4d-1.png", marks).json()
    [result] = answer["results"][0]["result"]
    assert (result["from_name"], result["to_name"], result["type"]) == (
        "tag",
        "image",
        "brushlabels",
    )
    assert result["value"]["brushlabels"] == ["Ship"]
    mask = unpacked(result["value"]["rle"]).reshape(64, 64, 4)
    assert (mask == mask[..., :1]).all()
    assert mask[15, 15, 0] == 255
    rows, columns = mask[..., 0].nonzero()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 23, 8, 23)


def test_label_studio_without_interaction_gets_nothing(client):
    assert label_studio(client, "/data/upload/3/1.png", []).json() == {"results": []}


@pytest.mark.parametrize("image", ["/etc/passwd", "../../1.json", "http://evil.example/x.png"])
def test_label_studio_opens_no_path_and_fetches_no_address(client, image):
    answer = label_studio(client, image, [key_point(15.5, 15.5)])
    assert answer.status_code == 400
    assert "is served" in answer.json()["error"]


ODD_NAMES = ["a b.png", "dächer.png", "100%.png", "a#b?c+d&e.png"]


@pytest.fixture
def odd_client(tmp_path, images):
    for name in ODD_NAMES:
        shutil.copy(images / "1.png", images / name)
    session = make_session(tmp_path / "odd", images)
    with make_client(session) as made:
        yield made
    session.close()


@pytest.mark.parametrize(
    "link",
    [
        *map(link_to, ODD_NAMES),
        link_to("Images/1.png"),
        "/data/local-files/?d=Images/1.png",
        "https://h/x/a%20b.png",
        "https://h/x/d%C3%A4cher.png?sig=a/b",
        "https://h/100%25.png",
        "s3://bucket/1.png",
        "/data/upload/1/12345678-a_b.png",
        "/data/upload/1/12345678-d%C3%A4cher.png",
        "/data/upload/1/12345678-100.png",
    ],
)
def test_label_studio_links_are_read_as_in_its_exports(odd_client, link):
    answer = label_studio(odd_client, link, [key_point(15.5, 15.5)])
    assert answer.status_code == 200, answer.text


def test_a_link_that_may_be_of_two_served_images_is_refused(tmp_path, images):
    for name in ("a b.png", "a_b.png"):
        shutil.copy(images / "1.png", images / name)
    session = make_session(tmp_path / "two", images)
    with make_client(session) as client:
        answer = label_studio(client, "/data/upload/1/12345678-a_b.png", [key_point(15, 15)])
    session.close()
    assert answer.status_code == 400
    assert "may be of a b.png or of a_b.png" in answer.json()["error"]


def test_label_studio_context_of_another_kind_is_refused(client):
    request = {"tasks": [{}], "params": {"context": "x"}}
    assert client.post("/predict", json=request).status_code == 400


def test_label_studio_marks_that_are_no_prompts_are_refused(client):
    stroke = key_point(15, 15) | {"type": "ellipselabels"}
    answer = label_studio(client, "1.png", [key_point(15, 15), stroke])
    assert answer.status_code == 400
    assert "'ellipselabels' is no prompt" in answer.json()["error"]


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (300, 301)])
def test_brush_masks_come_back_as_the_clients_decoder_reads_them(size):
    rng = np.random.default_rng(1)
    mask = rng.random(size) < 0.3 if max(size) < 10 else np.zeros(size, dtype=bool)
    mask[size[0] // 2 :, size[1] // 2 :] = True
    back = unpacked(brush_rle(MaskCrop.cut(mask), size)).reshape(*size, 4)
    assert ((back[..., 3] == 255) == mask).all()
    assert rasterise(MaskCrop.cut(mask).image_rle(size), size).sum() == mask.sum()


def unpacked(packed):
    """Unpack as thi.ng/umbrella's rle-pack does: bit by bit."""
    bits = "".join(f"{byte:08b}" for byte in packed)
    place = 0

    def read(count):
        nonlocal place
        place += count
        return int(bits[place - count : place], 2)

    count, width = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values = []
    while len(values) < count:
        repeated = read(1)
        length = read(sizes[read(2)]) + 1
        values += [read(width)] * length if repeated else [read(width) for _ in range(length)]
    return np.array(values, dtype=np.uint8)


def test_an_image_of_too_many_pixels_is_refused_by_its_header(session):
    stream = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(stream, "PNG")
    uri = f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
    answer = anylabeling(session, uri, [{"type": "point", "data": [1, 1], "label": 1}])
    assert answer.status_code == 400
    assert "million" in answer.json()["error"]
