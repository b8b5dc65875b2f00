"""A small project with a model whose masks can be counted, and a client of its server."""

import numpy as np
from PIL import Image
from starlette.testclient import TestClient
from tests.prediction.colour_model import ColourModel

from pointsam.prediction.predictor import Predictor, load
from pointsam.server.adapting import Adapting, RunOptions
from pointsam.server.application import make_application
from pointsam.server.pictures import find_pictures
from pointsam.server.project import Project
from pointsam.server.security import Access
from pointsam.server.session import Session

SECRET = "a-secret-of-the-tests"
BASE = f"http://127.0.0.1:8765/{SECRET}"
SQUARES = {1: (8, 8), 2: (40, 8), 3: (8, 40)}
"""First pixel of three squares of 16 pixels, of three colours, on each drawn image."""


def draw_images(folder, count=2, size=64):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        pixels = np.full((size, size, 3), 30, dtype=np.uint8)
        for place, (x, y) in SQUARES.items():
            pixels[y : y + 16, x : x + 16] = (80 + 40 * place, 25 * number, 200)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def make_session(folder, images, model=None):
    project = Project(folder, find_pictures(images))
    return Session(project, Predictor(model or ColourModel()), model_name="colour")


def make_client(session, *, page=True, base=BASE, **access):
    rules = {"secret": SECRET, "hosts": frozenset({"127.0.0.1:8765"})} | access
    images = next(iter(session.project.pictures.values())).path.parent
    options = RunOptions(images, "mobile_sam", threads=1)
    adapting = Adapting(session, options, lambda folder: load(adapter=folder))
    application = make_application(adapting, Access(**rules), page=page)
    return TestClient(application, base_url=base, raise_server_exceptions=False)
