"""A training of the page learns from the images that were clicked, shown in one way."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.server.served import draw_images, make_client, make_session
from tests.server.test_shown import TRAINED, save_raster

from pointsam.data.rasters.common_stretch import find_stretch
from pointsam.data.rasters.stretching import plain_form
from pointsam.errors import InputError
from pointsam.server.training_data import inputs_of, one_ground_size, training_form


def form_of(session, images):
    run = {"model": "m", "side": 64, "device": "cpu", "precision": "float32", "steps": 3}
    asked = training_form(session.project, session.engine, images=images, output="out", **run)
    return json.loads(json.dumps(asked))


@pytest.fixture
def opened(tmp_path):
    """Open a project of a folder in which one place of each image is clicked."""
    sessions = []

    def open_images(images):
        session = make_session(tmp_path / f"project{len(sessions)}", images)
        sessions.append(session)
        with make_client(session) as client:
            for number in session.project.pictures:
                body = {"points": [[12, 12, 1]], "class": "object"}
                assert client.post(f"/api/images/{number}/objects", json=body).status_code == 200
        return session

    yield open_images
    for session in sessions:
        session.close()


def test_an_image_that_is_new_in_the_folder_moves_no_clicks(opened, tmp_path):
    images = draw_images(tmp_path / "Images", 2)
    session = opened(images)
    Image.new("RGB", (64, 64), (200, 200, 200)).save(images / "0.png")
    inputs = inputs_of(form_of(session, images))
    for record, picture in zip(inputs.data.images, session.project.pictures.values(), strict=True):
        assert record.file_name.startswith(picture.name)
        assert (inputs.images(record) == np.asarray(Image.open(picture.path))).all()


def test_an_image_in_anothers_place_is_refused_by_name(opened, tmp_path):
    images = draw_images(tmp_path / "Images", 2)
    session = opened(images)
    form = form_of(session, images)
    sources, kept = inputs_of(form).sources, (images / "1.png").read_bytes()
    Image.new("RGB", (64, 64)).save(images / "1.png")
    with pytest.raises(InputError, match=r"1\.png is another image than when Adapt was pressed"):
        inputs_of(form)
    with pytest.raises(InputError, match=r"1\.png was changed after the page was opened"):
        form_of(session, images)
    assert inputs_of(form_of(opened(images), images)).sources["images"] != sources["images"]
    (images / "1.png").write_bytes(kept)
    assert inputs_of(form).sources == sources
    (images / "1.png").unlink()
    with pytest.raises(InputError, match=r"1\.png is gone"):
        inputs_of(form)


def test_a_form_of_an_earlier_version_is_refused():
    with pytest.raises(InputError, match="press Adapt again"):
        inputs_of({"images": "/data/Images", "chips": []})


def test_one_stretch_is_learned_with_all_rasters_of_a_folder(opened, tmp_path):
    paths = [save_raster(tmp_path / "Images" / f"{top}.tif", top=top) for top in (900, 3000)]
    inputs = inputs_of(form_of(opened(tmp_path / "Images"), tmp_path / "Images"))
    assert inputs.stretch == find_stretch(sorted(paths))
    assert inputs.ground_size == pytest.approx(0.5, rel=1e-3)


def test_a_folders_own_stretch_goes_to_the_card(opened, tmp_path):
    images = draw_images(tmp_path / "Images", 1)
    save_raster(images / "a.tif", top=200, dtype=np.uint8)
    (images / "stretch.json").write_text(json.dumps(plain_form(TRAINED)))
    assert inputs_of(form_of(opened(images), images)).stretch == TRAINED


def test_images_of_several_stretches_are_not_learned_together(opened, tmp_path):
    images = tmp_path / "Images"
    save_raster(images / "a.tif")
    save_raster(images / "b.tif", dtype=np.float32)
    with pytest.raises(
        InputError, match=r"b\.tif has 3 bands of float32, .*a\.tif has 3 of uint16"
    ):
        form_of(opened(images), images)
    mixed = draw_images(tmp_path / "Mixed", 1)
    save_raster(mixed / "a.tif")
    with pytest.raises(InputError, match="expected one for all that is learned from"):
        form_of(opened(mixed), mixed)


@pytest.mark.parametrize(
    ("metres", "one"),
    [([0.5, 0.4], 0.5), ([0.5, 2.0], None), ([0.5, None], None), ([None], None)],
)
def test_a_ground_size_holds_for_all_images_or_is_not_told(metres, one):
    assert one_ground_size(metres) == one
