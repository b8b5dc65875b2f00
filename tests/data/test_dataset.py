import numpy as np
import pytest
import torch
from PIL import Image

from pointsam.data.dataset import draw_masks, folder_images, load_sample
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.prompts import NEGATIVE, PADDING, POSITIVE

SQUARE = [[1, 1, 4, 1, 4, 4, 1, 4]]


@pytest.fixture
def folder(tmp_path):
    colours = np.zeros((8, 16, 3), dtype=np.uint8)
    colours[2, 10] = (200, 100, 50)
    Image.fromarray(colours).save(tmp_path / "a.png")
    return tmp_path


def record(*points, **changes):
    instances = tuple(
        InstanceRecord(number, "ship", tuple(row), SQUARE) for number, row in enumerate(points)
    )
    return ImageRecord(**{"id": 3, "file_name": "a.png", "size": (8, 16)} | changes,
                       instances=instances)  # fmt: skip


def test_points_follow_their_pixel_to_the_model_frame(folder):
    sample = load_sample(record([(10.0, 2.0, 1)]), folder_images(folder), side=64)
    assert sample.pixels.shape == (3, 32, 64)
    x, y = sample.prompts.points[0, 0].tolist()
    assert (x, y) == (40, 8)
    # Four model pixels an image pixel: the middle of this one's patch is nearly its colour.
    assert sample.pixels[:, int(y) + 1, int(x) + 1].tolist() == pytest.approx(
        [200, 100, 50], abs=60
    )
    assert sample.pixels[0].argmax() // 64 in (9, 10)


def test_rows_are_as_clicked_and_background_joins_each(folder):
    rows = [[(1.0, 1.0, 1)], [(4.0, 4.0, 1), (5.0, 5.0, 0)]]
    sample = load_sample(
        record(*rows, background_points=((0.0, 7.0),)), folder_images(folder), side=16
    )
    assert sample.prompts.labels.tolist() == [
        [POSITIVE, NEGATIVE, PADDING],
        [POSITIVE, NEGATIVE, NEGATIVE],
    ]
    assert sample.prompts.points[0, 1].tolist() == sample.prompts.points[1, 2].tolist() == [0, 7]
    assert sample.instance_ids == (0, 1)
    assert sample.categories == ("ship", "ship")


def test_clicks_on_the_outer_half_of_a_border_pixel_stay_in_the_frame(folder):
    edges = [(-0.5, -0.5, 1), (15.9999, 7.9999, 1), (16 - 1e-9, 8 - 1e-9, 1)]
    sample = load_sample(record(edges), folder_images(folder), side=1024)
    assert sample.prompts.points[0, 0].tolist() == [0, 0]
    assert sample.frame.to_cell(sample.prompts.points[0, 1:]).tolist() == [[30, 62], [30, 62]]


def test_masks_are_drawn_only_where_asked_for(folder):
    one = record([(1.0, 1.0, 1)])
    assert load_sample(one, folder_images(folder), side=16).masks is None
    masks = load_sample(one, folder_images(folder), side=16, with_masks=True).masks
    assert masks is not None
    assert masks.shape == (1, 8, 16)
    assert masks.sum() == 9


def test_an_image_without_instances_is_a_sample(folder):
    one = record(background_points=((1.0, 1.0),))
    sample = load_sample(one, folder_images(folder), side=16, with_masks=True)
    assert len(sample.prompts) == 0
    assert sample.masks is not None
    assert sample.masks.shape == (0, 8, 16)


def test_masks_of_several_images_come_in_their_order():
    first, second = draw_masks([record([], []), record([], size=(5, 6))])
    assert (first.shape, second.shape) == ((2, 8, 16), (1, 5, 6))
    assert torch.equal(second[0].nonzero().amin(dim=0), torch.tensor([1, 1]))


def test_an_image_of_another_size_is_refused(folder):
    with pytest.raises(InputError, match=r"is 8 x 16 px \(height x width\).*say 16 x 8"):
        load_sample(record(size=(16, 8)), folder_images(folder), side=16)


def test_a_missing_image_is_named(folder):
    with pytest.raises(FileNotFoundError, match=r"no image .*b\.png"):
        load_sample(record(file_name="b.png"), folder_images(folder), side=16)


def test_an_instance_without_mask_is_named():
    bare = ImageRecord(3, "a.png", (8, 16), (InstanceRecord(9, "ship"),))
    with pytest.raises(InputError, match=r"instance 9 of a\.png has no mask"):
        draw_masks([bare])
