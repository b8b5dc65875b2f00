"""A project that is opened again: other images, images that were away, settings that are gone."""

import json
import os

import numpy as np
import pytest
import rasterio
from PIL import Image
from tests.server.served import SQUARES, make_client, make_session

from pointsam.data.coco.annotations import read_coco, read_points


def click(client, image, square, category="object"):
    x, y = SQUARES[square]
    body = {"points": [[x + 7, y + 7, 1]], "class": category}
    return client.post(f"/api/images/{image}/objects", json=body)


def save(client, name):
    answer = client.post("/api/save", json={"name": name})
    assert answer.status_code == 200, answer.text
    return answer.json()["path"]


def larger(path):
    Image.open(path).resize((128, 128)).save(path)


def recoloured(path):
    Image.fromarray(np.asarray(Image.open(path)) // 2).save(path)


def cut(path):
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize(
    ("change", "reason"),
    [(larger, "is 128 x 128 px and was 64 x 64 px"), (recoloured, "another content"),
     (cut, "cannot be read")],
)  # fmt: skip
def test_an_image_that_is_another_is_closed_and_the_rest_goes_on(tmp_path, images, change, reason):
    project, path = tmp_path / "project", images / "1.png"
    session = make_session(project, images)
    with make_client(session) as client:
        click(client, 1, 2)
    session.close()
    before, kept = path.read_bytes(), (project / "images" / "1.png.json").read_bytes()
    change(path)
    session = make_session(project, images)
    with make_client(session) as client:
        [told] = client.get("/api/project").json()["notes"]
        assert told.startswith("1.png ")
        assert reason in told
        assert "1.png.json" in told
        answer = click(client, 1, 1)
        assert answer.status_code == 400
        assert answer.json()["error"] == f"{told}."
        assert click(client, 2, 1).json()["objects"][0]["id"] == 2
        for name, read in (("points.json", read_points), ("masks.json", read_coco)):
            data = read(tmp_path / save(client, name))
            assert [image.file_name for image in data.images] == ["2.png"]
    session.close()
    assert (project / "images" / "1.png.json").read_bytes() == kept
    path.write_bytes(before)
    session = make_session(project, images)
    assert session.project.faults == []
    assert session.project.counts() == {"object": 2}
    session.close()


def test_a_raster_with_overviews_is_the_same_and_one_of_other_values_is_not(tmp_path):
    path = tmp_path / "scene.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (3, 64, 64), dtype=np.uint8)
    profile = {"driver": "GTiff", "height": 64, "width": 64, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(2, 0, 4e5, 0, -2, 58e5)}
    with rasterio.open(path, "w", **profile, **place) as out:
        out.write(pixels)
    session = make_session(tmp_path / "project", path)
    with make_client(session) as client:
        click(client, 1, 2)
    session.close()
    with rasterio.open(path, "r+") as out:
        out.build_overviews([2])
    session = make_session(tmp_path / "project", path)
    assert session.project.faults == []
    session.close()
    with rasterio.open(path, "r+") as out:
        out.write(255 - pixels)
    session = make_session(tmp_path / "project", path)
    assert "another content" in session.project.faults[0]
    session.close()


def test_clicks_of_an_older_version_are_taken_where_they_lie_on_the_image(tmp_path, images):
    project = tmp_path / "project"
    (project / "images").mkdir(parents=True)
    for name, x in (("1.png", 12), ("2.png", 99)):
        one = {"id": 1, "class": " roof ", "points": [[x, 12, 1]]}
        old = {"version": 1, "image": name, "revision": 3, "objects": [one]}
        (project / "images" / f"{name}.json").write_text(json.dumps(old))
    session = make_session(project, images)
    assert "2.png is 64 x 64 px and was clicked outside of that" in session.project.faults[0]
    assert session.project.counts() == {"roof": 1}
    session.close()


def test_ids_of_an_absent_image_are_not_given_again(tmp_path, images):
    project = tmp_path / "project"
    session = make_session(project, images)
    with make_client(session) as client:
        assert click(client, 2, 1).json()["objects"][0]["id"] == 1
    session.close()
    os.rename(images / "2.png", tmp_path / "away.png")
    session = make_session(project, images)
    with make_client(session) as client:
        assert click(client, 1, 1).json()["objects"][0]["id"] == 2
    session.close()
    # Two files with one id, as of older versions, or of a file that was away.
    file = project / "images" / "1.png.json"
    file.write_text(file.read_text().replace('"id":2', '"id":1'))
    os.rename(tmp_path / "away.png", images / "2.png")
    for told in (1, 0):  # it is put right once
        session = make_session(project, images)
        assert len(session.project.faults) == told
        with make_client(session) as client:
            ids = [i.id for r in read_points(tmp_path / save(client, "points.json")).images
                   for i in r.instances]  # fmt: skip
            assert ids == [1, 2]
        session.close()


def test_classes_come_back_from_the_objects_when_the_settings_are_gone(tmp_path, images):
    project = tmp_path / "project"
    session = make_session(project, images)
    with make_client(session) as client:
        client.post("/api/classes", json={"name": "roof"})
        click(client, 1, 1, "roof")
    session.close()
    (project / "project.json").unlink()
    session = make_session(project, images)
    assert "added: roof" in session.project.faults[0]
    with make_client(session) as client:
        for name in ("points.json", "masks.json", "masks.zip"):
            save(client, name)
        assert read_points(tmp_path / save(client, "points.json")).categories == ("roof",)
    session.close()
