"""Clicks to masks over HTTP: made, changed, undone, kept."""

import errno
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from tests.server.served import SQUARES, make_client, make_session

from pointsam.data.records import Dataset, InstanceRecord
from pointsam.errors import InputError
from pointsam.server import project
from pointsam.server.pictures import find_pictures
from pointsam.server.running import listen
from pointsam.server.taking_in import take_in


def click(client, image, square, **changes):
    x, y = SQUARES[square]
    body = {"points": [[x + 7, y + 7, 1]], "class": "object"} | changes
    return client.post(f"/api/images/{image}/objects", json=body)


def test_a_click_gives_the_mask_of_the_square_under_it(client):
    [made] = click(client, 1, 1).json()["objects"]
    xs, ys = made["rings"][0][::2], made["rings"][0][1::2]
    assert (min(xs), max(xs), min(ys), max(ys)) == (8, 24, 8, 24)
    assert made["area"] == 16 * 16 - 4  # bilinear logits round the corners


def test_an_object_gets_more_clicks_another_class_and_goes(client):
    [made] = click(client, 1, 1).json()["objects"]
    path = f"/api/images/1/objects/{made['id']}"
    more = client.patch(path, json={"points": [[15, 15, 1], [40, 40, 0]]}).json()
    assert more["objects"][0]["points"] == [[15, 15, 1], [40, 40, 0]]
    assert client.post("/api/classes", json={"name": "ship"}).json()["classes"][1] == "ship"
    assert client.patch(path, json={"class": "ship"}).json()["counts"] == {"object": 0, "ship": 1}
    assert client.delete(path).json()["gone"] == [made["id"]]


def test_undo_and_redo_walk_through_the_changes(client):
    [made] = click(client, 1, 1).json()["objects"]
    path = f"/api/images/1/objects/{made['id']}"
    client.patch(path, json={"points": [[47, 15, 1]]})
    back = client.post("/api/images/1/undo").json()
    assert back["objects"][0]["points"] == [[15, 15, 1]]
    assert back["objects"][0]["rings"] == made["rings"]
    assert client.post("/api/images/1/undo").json()["gone"] == [made["id"]]
    assert client.post("/api/images/1/undo").status_code == 400
    client.post("/api/images/1/redo")
    assert client.post("/api/images/1/redo").json()["objects"][0]["points"] == [[47, 15, 1]]


def test_a_renamed_class_renames_its_objects(client):
    click(client, 1, 1)
    client.post("/api/classes", json={"name": "roof", "was": "object"})
    assert client.get("/api/images/1").json()["objects"][0]["class"] == "roof"


@pytest.mark.parametrize("name", ["a\nb", " ", "none", "2.0", "x" * 81])
def test_a_class_that_would_be_read_back_as_another_is_refused(client, name):
    for body in ({"name": name}, {"name": name, "was": "object"}):
        answer = client.post("/api/classes", json=body)
        assert answer.status_code in (400, 422)
        assert "character" in answer.json()["error"] or "read back" in answer.json()["error"]
    assert client.get("/api/project").json()["classes"] == ["object"]


def test_the_name_of_a_class_has_no_spaces_around_it(client):
    client.post("/api/classes", json={"name": "roof"})
    assert "different names" in client.post("/api/classes", json={"name": " roof "}).text
    click(client, 1, 1)
    client.post("/api/classes", json={"name": " ship ", "was": "object"})
    assert client.get("/api/project").json()["classes"] == ["ship", "roof"]
    assert client.get("/api/images/1").json()["objects"][0]["class"] == "ship"


def test_a_project_goes_on_where_it_ended(tmp_path, images, session, client):
    made = click(client, 2, 3).json()["objects"]
    session.close()
    again = make_session(tmp_path / "project", images)
    with make_client(again) as other:
        assert other.get("/api/images/2").json()["objects"] == made
        assert click(other, 1, 1).json()["objects"][0]["id"] == made[0]["id"] + 1
    again.close()


def test_two_servers_do_not_share_a_project(tmp_path, images, session):
    with pytest.raises(InputError, match="open in another pointsam"):
        make_session(tmp_path / "project", images)


def test_a_tab_that_shows_old_clicks_is_told(client):
    [made] = click(client, 1, 1).json()["objects"]
    path = f"/api/images/1/objects/{made['id']}"
    client.patch(path, json={"points": [[14, 14, 1]], "seen": made["points"]})
    late = client.patch(path, json={"points": [[9, 9, 1]], "seen": made["points"]})
    assert late.status_code == 409
    assert "another tab" in late.json()["error"]
    assert client.get("/api/images/1").json()["objects"][0]["points"] == [[14, 14, 1]]


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([[99, 5, 1]], "off the image"),
        ([[5, 5, 0]], "needs a click on it"),
        ([[5, 5, 7]], "a click is"),
        ([], "at least 1"),
        ([["x", 5, 1]], "valid number"),
    ],
)
def test_bad_clicks_are_refused_in_a_line(client, points, reason):
    answer = click(client, 1, 1, points=points)
    assert answer.status_code in (400, 422)
    assert reason in answer.json()["error"]


def test_unknown_images_objects_and_classes_are_refused(client):
    assert click(client, 9, 1).status_code == 400
    assert client.delete("/api/images/1/objects/77").status_code == 400
    assert click(client, 1, 1, **{"class": "whale"}).status_code == 400


def test_a_damaged_image_is_said_and_the_others_go_on(tmp_path, images):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(images / "1.png")
    whole = (images / "1.png").read_bytes()
    (images / "1.png").write_bytes(whole[: len(whole) // 2])
    session = make_session(tmp_path / "project", images)
    with make_client(session) as client:
        assert "damaged" in client.get("/api/images/1/tiles/0/0/0").json()["error"]
        assert "damaged" in click(client, 1, 1).json()["error"]
        assert click(client, 2, 1).status_code == 200
    session.close()


def test_a_full_disk_while_saving_loses_only_that_click(client, session, monkeypatch):
    click(client, 1, 1)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(project, "save_image", full)
        answer = click(client, 1, 2)
        assert answer.status_code == 507
        assert "disk is full" in answer.json()["error"]
    assert len(client.get("/api/images/1").json()["objects"]) == 1
    assert click(client, 1, 2).status_code == 200


def test_tiles_show_the_image(client):
    size = client.get("/api/images/1").json()
    tile = client.get(f"/api/images/1/tiles/{size['levels']}/0/0")
    shown = np.asarray(Image.open(BytesIO(tile.content)))
    assert shown.shape == (64, 64, 3)
    assert np.abs(shown[15, 15].astype(int) - (120, 25, 200)).max() < 12
    assert client.get(f"/api/images/1/tiles/{size['levels']}/1/0").status_code == 400


def test_a_folder_without_images_and_a_taken_port_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        find_pictures(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="no image folder or scene"):
        find_pictures(tmp_path / "nowhere.tif")
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with pytest.raises(InputError, match=f"port {port} .* cannot be used"):
        listen("127.0.0.1", port)
    listener.close()


def test_clicks_of_a_file_are_taken_in_where_there_are_none(session, client):
    [made] = click(client, 1, 1).json()["objects"]
    data = session.project.dataset()
    ships = [
        replace(image, instances=(InstanceRecord(9, "ship", ((40.0, 10.0, 1),)),))
        for image in data.images
    ]
    said = take_in(session.project, Dataset(tuple(ships), ("ship",)))
    assert said == "1 objects taken in; 1 images keep the clicks of the project"
    assert client.get("/api/images/1").json()["objects"] == [made]
    [taken] = client.post("/api/images/2/refresh").json()["objects"]
    assert (taken["class"], taken["points"], taken["area"]) == ("ship", [[40, 10, 1]], 252)


def test_a_large_picture_is_seen_in_windows_that_may_reach_over_its_border(tmp_path):
    pixels = np.full((200, 300, 3), 30, dtype=np.uint8)
    for x, y in ((0, 0), (284, 184), (140, 96)):
        pixels[y : y + 16, x : x + 16] = (200, 90, 30)
    (tmp_path / "Large").mkdir()
    Image.fromarray(pixels).save(tmp_path / "Large" / "large.png")
    session = make_session(tmp_path / "project", tmp_path / "Large")  # a model of 64 px
    with make_client(session) as client:
        for x, y in ((0, 0), (284, 184), (140, 96)):
            body = {"points": [[x + 7, y + 7, 1]], "class": "object"}
            made = client.post("/api/images/1/objects", json=body).json()["objects"][0]
            xs, ys = made["rings"][0][::2], made["rings"][0][1::2]
            assert (min(xs), max(xs), min(ys), max(ys)) == (x, x + 16, y, y + 16)
    session.close()


def test_many_slips_are_counted_and_the_first_told(client):
    for number in range(8):
        answer = click(client, 1, 1, points=[[10 + number, 12, 1]]).json()
    # Eight clicks on one square: each pair has one mask.
    assert answer["warning_count"] == 28
    assert [slip["kind"] for slip in answer["warnings"]] == ["same"] * 20
    again = client.get("/api/images/1").json()
    assert (again["warnings"], again["warning_count"]) == (answer["warnings"], 28)
