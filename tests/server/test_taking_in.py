"""Clicks of a file that a page starts with: what is kept, and what is said."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from tests.server.served import make_client, make_session

from pointsam.cli.serving import _take_points_in
from pointsam.data.clicks.formats import read_clicks
from pointsam.data.coco.annotations import read_points

TABLE = """image,x,y,label,class,instance,note
1.png,12,12,1,roof,A7,hello
1.png,44,12,0,roof,b,only negative
1.png,12.2,12,1,roof,77,twice
1.png,60,60,0,background,,
2.png,12,44,1,roof,5,
"""


def take(session, path, images):
    _take_points_in(session.project, path, images)


def saved(session, name, images):
    with make_client(session) as client:
        answer = client.post("/api/save", json={"name": name})
        assert answer.status_code == 200, answer.text
    return read_clicks(Path(answer.json()["path"]), images=images)


@pytest.mark.parametrize("name", ["points.json", "points.csv"])
def test_names_ids_and_background_come_through_and_the_rest_is_said(
    session, images, tmp_path, capsys, name
):
    path = tmp_path / "clicks.csv"
    path.write_text(TABLE)
    take(session, path, images)
    said = capsys.readouterr()
    assert "3 objects taken in; 1 clicks on no object" in said.out
    for words in ("b has no positive point", "clicked at one place", "note"):
        assert words in said.err
    session.close()
    again = make_session(tmp_path / "project", images)
    assert saved(again, name, images).images == read_clicks(path, images=images).images
    again.close()


def test_boxes_and_ids_are_kept_where_they_are_free(session, client, images, tmp_path, capsys):
    client.post("/api/images/1/objects", json={"points": [[15, 15, 1]], "class": "object"})
    one = {"category_id": 1, "image_id": 1, "bbox": [30.5, 2.5, 20, 20]}
    content = {
        "images": [{"id": 1, "file_name": "2.png", "height": 64, "width": 64}],
        "categories": [{"id": 1, "name": " roof "}],
        "annotations": [
            one | {"id": 1, "points": [[40, 12, 1]]},
            one | {"id": 2, "points": [[12, 40, 1]]},
            one | {"id": 2**60, "points": [[50, 50, 1]]},
        ],
    }
    (tmp_path / "clicks.json").write_text(json.dumps(content))
    take(session, tmp_path / "clicks.json", images)
    said = capsys.readouterr().out
    assert "2 objects have new ids" in said
    assert "' roof ' is called 'roof'" in said
    path = Path(client.post("/api/save", json={"name": "points.json"}).json()["path"])
    objects = {i.id: i for image in read_points(path).images for i in image.instances}
    assert [*objects] == [1, 3, 2, 4]
    assert objects[2].box == read_points(tmp_path / "clicks.json").images[0].instances[1].box
    assert objects[2].category == "roof"


def test_clicks_on_transparent_pixels_are_left_out_by_name(session, images, tmp_path, capsys):
    pixels = np.dstack([np.asarray(Image.open(images / "1.png")), np.full((64, 64), 255, np.uint8)])
    pixels[:20, :20, 3] = 0
    Image.fromarray(pixels).save(images / "1.png")
    path = tmp_path / "clicks.csv"
    path.write_text("image,x,y\n1.png,12,12\n1.png,44,12\n")
    take(session, path, images)
    assert "clicked where it is transparent" in capsys.readouterr().err
    assert [one.points for one in session.project.states[1].objects.values()] == [((44, 12, 1),)]


def test_a_scene_keeps_names_and_background_in_map_formats(tmp_path, images):
    path = tmp_path / "scene.tif"
    profile = {"driver": "GTiff", "height": 64, "width": 64, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(2, 0, 4e5, 0, -2, 58e5)}
    with rasterio.open(path, "w", **profile, **place) as out:
        out.write(np.moveaxis(np.asarray(Image.open(images / "1.png")), -1, 0))
    table = tmp_path / "clicks.csv"
    table.write_text(TABLE.replace("1.png", "scene.tif").rpartition("2.png")[0])
    session = make_session(tmp_path / "project", path)
    take(session, table, path)
    for name in ("points.gpkg", "points.geojson"):
        [record] = saved(session, name, path).images
        assert {i.key or str(i.id) for i in record.instances} == {"A7", "77"}
        assert np.abs(np.array(record.background_points) - [(60, 60)]).max() < 1e-6
    session.close()
