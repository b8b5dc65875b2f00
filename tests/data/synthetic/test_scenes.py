import cv2
import numpy as np
import pytest
import torch

from pointsam.data.coco.annotations import pair, read_coco, read_points
from pointsam.data.dataset import draw_masks
from pointsam.data.rasters.images import read_image
from pointsam.data.synthetic.canvas import Canvas, Draw, Place
from pointsam.data.synthetic.scenes import CATEGORIES, click_inside, draw_scene, write_scenes
from pointsam.errors import InputError

RED = (1.0, 0.0, 0.0)


def canvas(height=20, width=30):
    return Canvas((height, width), (0.5, 0.5, 0.5), Draw(torch.Generator().manual_seed(0)))


def rectangle(left, top, right, bottom):
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=float)


def test_a_rectangle_covers_the_pixels_it_says():
    drawing = canvas()
    drawing.fill(rectangle(4, 2, 14, 8), RED)
    drawing.add("tank", rectangle(4, 2, 14, 8))
    [mask] = drawing.masks()
    assert mask.sum() == 60
    assert mask[2:8, 4:14].all()
    image = drawing.finish(blur=0.1, noise=0)
    assert (image[mask] == (255, 0, 0)).all()
    assert not (image[~mask] == (255, 0, 0)).all(axis=1).any()


def test_a_pixel_of_two_objects_is_the_first_ones():
    drawing = canvas()
    drawing.add("ship", rectangle(2, 2, 10, 10))
    drawing.add("ship", rectangle(6, 2, 14, 10))
    first, second = drawing.masks()
    assert first.sum() == 64
    assert second.sum() == 32


def test_what_lies_off_the_image_is_cut():
    drawing = canvas()
    for corners in (rectangle(-9, -9, 5, 4), rectangle(40, 5, 50, 9), rectangle(5, -9, 9, -3)):
        drawing.fill(corners, RED)
        drawing.roughen(corners, strength=0.1)
        drawing.add("court", corners)
    assert drawing.masks().sum(axis=(1, 2)).tolist() == [20, 0, 0]


def test_a_turned_place_turns_from_x_towards_y():
    place = Place(10, 20, np.pi / 2)
    np.testing.assert_allclose(place.at(np.array([[3.0, 1.0]])), [[9, 23]], atol=1e-9)
    assert place.box(0, 0, 6, 2).min(axis=0) == pytest.approx([9, 17])


def test_a_shadow_falls_to_its_side():
    drawing = canvas()
    before = drawing.finish(blur=0.1, noise=0).astype(int)
    drawing.shadow(rectangle(10, 5, 15, 10), (6.0, 0.0))
    darker = before - drawing.finish(blur=0.1, noise=0)
    rows, cols = np.nonzero(darker[..., 0] > 40)
    assert (rows.min(), rows.max()) == (5, 9)
    assert cols.max() == 20


def test_a_click_lies_well_inside():
    mask = np.zeros((40, 60), dtype=bool)
    mask[10:31, 5:46] = True
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        x, y = click_inside(mask, generator)
        assert depth[int(y), int(x)] >= 5
    lone = np.zeros((5, 5), dtype=bool)
    lone[3, 0] = True
    assert click_inside(lone, generator) == (0.0, 3.0)


def test_a_scene_comes_from_its_seed_and_number_alone():
    first, again, other = (draw_scene(seed, 3, size=128) for seed in (5, 5, 6))
    assert (first.image == again.image).all()
    assert (first.masks == again.masks).all()
    assert not (first.image == other.image).all()


@pytest.mark.parametrize("index", range(6))
def test_objects_of_a_scene_are_whole_and_apart(index):
    scene = draw_scene(0, index, size=192)
    assert scene.image.shape == (192, 192, 3)
    assert len(scene.masks) == len(scene.categories)
    assert set(scene.categories) <= set(CATEGORIES)
    assert {"building", "ship"} < set(scene.categories)
    assert scene.masks.sum(axis=0).max() == 1
    for mask in scene.masks:
        assert mask.sum() > 30
        assert cv2.connectedComponents(mask.astype(np.uint8))[0] == 2


def test_a_written_set_reads_back_as_it_was_drawn(tmp_path):
    train, val = write_scenes(tmp_path / "set", seed=1, train=2, val=1, size=96)
    names = []
    for files, indices in ((train, (0, 1)), (val, (2,))):
        data = pair(read_coco(files.annotations), read_points(files.points))
        assert not data.dropped
        assert data.categories == CATEGORIES
        for record, index, masks in zip(data.images, indices, draw_masks(data.images), strict=True):
            scene = draw_scene(1, index, size=96)
            assert (read_image(files.images / record.file_name) == scene.image).all()
            assert (masks.numpy() == scene.masks).all()
            for instance, mask in zip(record.instances, scene.masks, strict=True):
                [(x, y, label)] = instance.points
                assert label == 1
                assert mask[int(y), int(x)]
            names.append(record.file_name)
    assert len(set(names)) == 3
    assert "segmentation" not in train.points.read_text()


def test_an_existing_set_is_not_overwritten(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_scenes(tmp_path, seed=1, train=1, val=1, size=96)
