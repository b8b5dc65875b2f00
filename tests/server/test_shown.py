"""The page and its interface show images as the adapter's training did, as predict does."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from tests.prediction.colour_model import ColourModel
from tests.server.served import make_client, make_session

from pointsam.cli.main import main
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.stretching import Stretch, plain_form
from pointsam.data.rasters.windows import Window
from pointsam.data.scene_dataset import fitting_window
from pointsam.errors import InputError
from pointsam.models.adapters.card import AdapterCard
from pointsam.prediction.predictor import Predictor
from pointsam.server.compat.sent import read_sent
from pointsam.server.pictures import Pixels, find_pictures
from pointsam.server.project import Project
from pointsam.server.session import Session

TRAINED = Stretch((1, 2, 3), (0.0,) * 3, (3000.0,) * 3, "whole numbers")
"""Of the adapter."""


def save_raster(path, *, size=64, top=900, dtype=np.uint16, pixel=0.5):
    """Draw a square on a ramp whose largest value is `top`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.tile(np.linspace(top / 4, top / 2, size), (3, size, 1)).astype(dtype)
    values[:, 8:24, 8:24] = top
    profile = {"driver": "GTiff", "count": 3, "height": size, "width": size, "dtype": dtype}
    transform = Affine(pixel, 0, 400_000, 0, -pixel, 5_800_000)
    with rasterio.open(path, "w", crs="EPSG:32633", transform=transform, **profile) as out:
        out.write(values)
    return path


def save_adapter(folder, *, stretch=TRAINED, ground_size=0.25):
    folder.mkdir(parents=True)
    AdapterCard(
        **{"family": "colour", "base": "mobile_sam", "base_hash": "0", "side": 128},
        **{"first_block": 0, "rank": 4, "settings": {}, "ground_size": ground_size},
        stretch=plain_form(stretch),
    ).save(folder)
    return folder


def pixels_of(picture):
    height, width = picture.size
    return Pixels().read(picture, Window(0, 0, width, height), shrink=1)


def as_predict_reads(path, stretch=TRAINED):
    with open_scene(path, stretch=stretch) as scene:
        return scene.read(scene.grid.whole)


def click(images, *more):
    return main(["click", str(images), "--no-browser", "--port", "0", *map(str, more)])


def test_a_scene_is_shown_by_the_stretch_of_the_adapter(tmp_path):
    scene = save_raster(tmp_path / "scene.tif")
    [plain], [picture] = find_pictures(scene), find_pictures(scene, trained=TRAINED)
    assert (pixels_of(picture) == as_predict_reads(scene)).all()
    assert pixels_of(plain).max() == 255 > pixels_of(picture).max()


def test_windows_are_as_large_on_the_ground_as_in_training(tmp_path):
    scene = save_raster(tmp_path / "scene.tif", size=256)
    adapter = save_adapter(tmp_path / "adapter", ground_size=0.25)
    project = Project(tmp_path / "project", find_pictures(scene, trained=TRAINED))
    model = Predictor(ColourModel(side=128))
    session = Session(project, model, model_name="colour", adapter=adapter)
    picture = session.project.pictures[1]
    window = session.engine.window_of(picture, ((128, 128, 1),))
    with open_scene(scene, stretch=TRAINED) as opened:
        side = fitting_window(0.25, opened.ground_size, side=128)
    assert window.width == window.height == side == 64
    assert session.engine.metres_shown(picture) == pytest.approx(0.25, rel=1e-3)
    session.close()


def test_images_of_another_stretch_are_refused_by_name(tmp_path, capsys):
    save_raster(tmp_path / "Images" / "a.tif", top=200, dtype=np.uint8)
    other = Stretch((1, 2, 3), (0.0,) * 3, (9000.0,) * 3)
    (tmp_path / "Images" / "stretch.json").write_text(json.dumps(plain_form(other)))
    adapter = save_adapter(tmp_path / "Images.pointsam" / "runs" / "1" / "adapter")
    assert click(tmp_path / "Images", "--adapter", adapter) == 2
    assert f"--like {adapter}" in capsys.readouterr().err
    # The last adapter of the project is used where none is named.
    settings = {"classes": ["object"], "joint": False, "adapter": "runs/1/adapter"}
    (tmp_path / "Images.pointsam" / "project.json").write_text(json.dumps(settings))
    assert click(tmp_path / "Images") == 2
    assert f"--like {adapter}" in capsys.readouterr().err


def test_a_scene_of_another_depth_is_refused(tmp_path, capsys):
    scene = save_raster(tmp_path / "scene.tif", top=200, dtype=np.uint8)
    assert click(scene, "--adapter", save_adapter(tmp_path / "adapter")) == 2
    assert "holds bytes, but is to be shown as images of whole numbers" in capsys.readouterr().err


def test_bytes_of_a_folder_stay_as_they_are(tmp_path):
    path = save_raster(tmp_path / "Images" / "a.tif", top=200, dtype=np.uint8)
    [of_another] = find_pictures(path.parent, trained=TRAINED)
    (path.parent / "stretch.json").write_text(json.dumps(plain_form(TRAINED)))
    [converted] = find_pictures(path.parent, trained=TRAINED)
    for picture in (of_another, converted):
        assert (pixels_of(picture) == as_predict_reads(path, None)).all()


def test_rasters_of_a_folder_share_one_stretch_but_for_damaged_ones(tmp_path):
    for name, top in (("a", 900), ("b", 3000)):
        save_raster(tmp_path / "Images" / f"{name}.tif", top=top)
    (tmp_path / "Images" / "c.tif").write_bytes((tmp_path / "Images" / "a.tif").read_bytes()[:300])
    first, second, damaged = find_pictures(tmp_path / "Images")
    assert first.stretch == second.stretch
    assert pixels_of(first).max() < pixels_of(second).max() == 255
    assert damaged.size == (0, 0)
    with pytest.raises(InputError, match=r"c\.tif"):
        Pixels().tile(damaged, 0, 0, 0)


def test_images_that_are_sent_are_shown_so_too(tmp_path):
    scene = save_raster(tmp_path / "scene.tif")
    sent = read_sent(scene.read_bytes(), trained=TRAINED)
    assert (sent.pixels == as_predict_reads(scene)).all()
    session = make_session(tmp_path / "project", scene)
    session.use(Predictor(ColourModel()), save_adapter(tmp_path / "adapter"))
    fractions = save_raster(tmp_path / "fractions.tif", dtype=np.float32)
    with make_client(session) as client:
        files = {"file": ("f.tif", fractions.read_bytes())}
        answer = client.post("/segment/predict", files=files, data={"point_coords": "[[15, 15]]"})
    assert answer.status_code == 400
    assert "the image holds fractions" in answer.json()["detail"]
    session.close()
