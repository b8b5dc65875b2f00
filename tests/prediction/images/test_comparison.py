from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.prediction.colour_model import ColourModel, write_scene

from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.prediction.images.comparison import (
    Comparison,
    compare,
    draw_comparison,
    draw_sheet,
    metres_per_pixel,
    telling,
)
from pointsam.prediction.predictor import Predictor

BOX = (8, 8, 24, 24)


def _record(name="a.png", *, truth=True, size=(64, 64)):
    polygon = [[8.0, 8.0, 24.0, 8.0, 24.0, 24.0, 8.0, 24.0]]
    instance = InstanceRecord(1, "box", ((16.0, 16.0, 1),), polygon if truth else None)
    return ImageRecord(1, name, size, (instance,), ((60.0, 60.0),))


@pytest.fixture
def folder(tmp_path):
    drawn = np.full((64, 64, 3), 30, dtype=np.uint8)
    drawn[8:24, 8:24] = 200
    Image.fromarray(drawn).save(tmp_path / "a.png")
    return tmp_path


def test_without_an_adapter_there_are_direct_masks_alone(folder):
    found = compare(Predictor(ColourModel()), _record(), folder)
    assert found.direct_iou > 0.8
    assert (found.adapted, found.adapted_iou, found.metres_per_pixel) == (None, None, None)
    with pytest.raises(ValueError, match="a gain needs"):
        _ = found.gain
    without = compare(Predictor(ColourModel()), _record(truth=False), folder)
    assert (without.truth, without.direct_iou) == (None, None)
    assert draw_comparison(without).shape[1] < draw_comparison(found).shape[1]


def test_the_gain_is_adapted_less_direct():
    truth = np.zeros((1, 64, 64), dtype=bool)
    truth[0, :10, :10] = True
    half = truth.copy()
    half[0, 5:] = False
    image = np.zeros((64, 64, 3), dtype=np.uint8)
    found = Comparison(_record(), image, truth, half, truth, 0.5)
    assert (found.direct_iou, found.adapted_iou, found.gain) == (0.5, 1, 0.5)
    four_panels, height = draw_comparison(found).shape[1], draw_comparison(found).shape[0]
    assert four_panels > 4 * 640
    assert draw_sheet([found, found]).shape[0] > 2 * height


def test_masks_from_a_file_get_a_panel_and_an_iou(folder):
    polygon = [[8.0, 8.0, 24.0, 8.0, 24.0, 16.0, 8.0, 16.0]]
    half = replace(_record(), instances=(replace(_record().instances[0], segmentation=polygon),))
    without = compare(Predictor(ColourModel()), _record(), folder)
    found = compare(Predictor(ColourModel()), _record(), folder, given=half)
    assert (without.given_iou, found.given_iou) == (None, 0.5)
    assert draw_comparison(found).shape[1] > draw_comparison(without).shape[1]


def test_the_telling_images_are_best_middle_and_worst():
    gains = [0.0, 0.5, -0.2, 0.1, 0.2]
    assert telling(gains, each=1) == [1, 3, 2]
    assert telling(gains, each=2) == [1, 4, 3, 0, 2]
    assert telling([0.3], each=3) == [0]
    assert telling([], each=1) == []


def test_a_pixel_on_a_map_has_a_size_on_the_ground(folder):
    path = write_scene(folder / "b.tif", [], size=(64, 64), corner=(500000.0, 5e6))
    assert metres_per_pixel(path) == pytest.approx(0.5, rel=0.001)
    assert metres_per_pixel(folder / "a.png") is None
