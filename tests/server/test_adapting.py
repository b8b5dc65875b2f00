"""Adapt: a training in its own process, stopped, gone on with, taken up; then more is found."""

import time
from threading import Event, current_thread

import pytest
from tests.server.served import SQUARES, draw_images, make_client, make_session

from pointsam.prediction.predictor import load
from pointsam.server.adapting import Adapting

SIDE = 128


@pytest.fixture
def adapted(tmp_path):
    images = draw_images(tmp_path / "Images", count=2)
    session = make_session(tmp_path / "project", images, model=load(side=SIDE).model)
    with make_client(session) as client:
        for image in (1, 2):
            for x, y in SQUARES.values():
                body = {"points": [[x + 7, y + 7, 1]], "class": "object"}
                client.post(f"/api/images/{image}/objects", json=body)
        yield client
    session.close()


def wait(client, *phases, seconds=600):
    for _ in range(seconds * 2):
        status = client.get("/api/status").json()
        if status["phase"] in phases:
            return status
        time.sleep(0.5)
    raise AssertionError(f"still {status}")


def test_a_training_is_stopped_goes_on_and_is_taken_up(adapted, tmp_path):
    client = adapted
    started = client.post("/api/adapt", json={"steps": 12}).json()
    assert started["phase"] == "training"
    assert client.post("/api/adapt", json={"steps": 12}).status_code == 409
    assert client.post("/api/adapt/stop").json()["phase"] == "stopped"
    assert client.post("/api/adapt/stop").status_code == 409
    assert client.post("/api/adapt/resume").json()["phase"] == "training"
    ended = wait(client, "done", "failed")
    assert ended["phase"] == "done", ended["error"]
    assert (ended["step"], ended["steps"]) == (12, 12)
    assert ended["adapter"].endswith("runs/1/adapter")
    # An ordinary adapter folder, and masks before and after.
    assert load(adapter=tmp_path / "project" / "runs" / "1" / "adapter").model.side == SIDE
    assert [row["objects"] for row in ended["changes"]] == [6]
    assert all(one["before"] for one in client.get("/api/images/1").json()["objects"])
    more = client.post("/api/images/1/more", json={"box": [0, 0, 64, 64], "class": "object"})
    assert more.status_code == 200
    assert all(0 <= offer["likeness"] <= 1.0001 for offer in more.json()["offers"])


def test_a_stopped_process_does_not_speak_for_the_one_that_follows(adapted, monkeypatch):
    follow, resumed, watching = Adapting._follow, Event(), []

    def late(self, process, since):
        last = follow(self, process, since)
        if not watching:
            watching.append(current_thread())
            resumed.wait(timeout=60)
        return last

    monkeypatch.setattr(Adapting, "_follow", late)
    adapted.post("/api/adapt", json={"steps": 2})
    adapted.post("/api/adapt/stop")
    assert adapted.post("/api/adapt/resume").json()["phase"] == "training"
    resumed.set()
    watching[0].join(timeout=60)
    assert not watching[0].is_alive()
    assert adapted.get("/api/status").json()["phase"] != "failed"
    assert wait(adapted, "done", "failed")["phase"] == "done"


def test_without_clicks_there_is_nothing_to_learn_or_to_look_for(client):
    assert "nothing is clicked" in client.post("/api/adapt", json={"steps": 5}).json()["error"]
    more = client.post("/api/images/1/more", json={"box": [0, 0, 64, 64], "class": "object"})
    assert "click an object" in more.json()["error"]


def test_find_more_offers_the_squares_that_were_not_clicked(client):
    x, y = SQUARES[1]
    client.post("/api/images/1/objects", json={"points": [[x + 7, y + 7, 1]], "class": "object"})
    found = client.post("/api/images/1/more", json={"box": [0, 0, 64, 64], "class": "object"})
    offers = found.json()["offers"]
    boxes = [(min(o["rings"][0][::2]), min(o["rings"][0][1::2])) for o in offers]
    assert (40, 8) in boxes
    assert (8, 40) in boxes
    assert (8, 8) not in boxes
