"""What the page saves is what ``pointsam train`` begins with."""

import pytest
from tests.models.tiny_models import small_mobile_sam
from tests.server.test_saving import click_all, placed, save

from pointsam.cli.main import main

__all__ = ["placed"]  # a fixture
SIDE = 64


@pytest.fixture
def small_model(monkeypatch):
    def load(name, *, side=1024, device="cpu"):
        return small_mobile_sam(side)

    for module in ("training.setup", "training.label_stage"):
        monkeypatch.setattr(f"pointsam.{module}.load_segmenter", load)


def train(images, points, output):
    given = ["--images", images, "--points", points, "--output", output, "--side", SIDE]
    given += ["--epochs", 1, "--regime", "pointsam", "--set", "loss.prototype=0"]
    return main(["train", *map(str, given)])


@pytest.mark.usefixtures("small_model")
@pytest.mark.parametrize("name", ["points.json", "points.csv"])
def test_train_takes_the_clicks_on_a_folder(client, images, tmp_path, name):
    click_all(client, 1)
    click_all(client, 2)
    assert train(images, save(client, name), tmp_path / "run") == 0
    assert (tmp_path / "run" / "adapter_model.safetensors").is_file()


@pytest.mark.usefixtures("small_model")
@pytest.mark.parametrize("name", ["points.gpkg", "points.geojson", "points.json"])
def test_train_takes_the_clicks_on_a_scene(placed, tmp_path, name):
    client, scene = placed
    assert train(scene, save(client, name), tmp_path / "run") == 0
    assert (tmp_path / "run" / "adapter_model.safetensors").is_file()
