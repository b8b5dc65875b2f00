"""One way from pixels and prompts to masks, with points, boxes, both, or nothing at all."""

from dataclasses import replace

import pytest
import torch
from tests.models.library_forward import library_masks
from tests.models.tiny_models import (
    drawn_prompts,
    fitting_side,
    pixels,
    relative_error,
    small_mobile_sam,
    small_segmenter,
)

from pointsam.models.calibration import Calibration
from pointsam.models.choice import BEST_BY_SCORE
from pointsam.models.segment import candidates, segment
from pointsam.prompts import PADDING, Prompts

SIDE = 128
BOXES = torch.tensor([[10.0, 20, 70, 90], [5, 5, 110, 60], [40, 30, 90, 100]])
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def model():
    return small_mobile_sam(SIDE)


@pytest.fixture(scope="module")
def embedding(model):
    with torch.no_grad():
        return model.encode_adapted(model.encode_frozen(pixels(SIDE)))


@pytest.mark.parametrize("family", ["sam", "sam_hq", "sam2", "sam3_tracker"])
def test_points_and_boxes_together_give_the_librarys_masks(family):
    model = small_segmenter(family, side=fitting_side(family))
    image = pixels(model.side)
    prompts = drawn_prompts(model.side, [2] * 3).with_boxes(BOXES)
    with torch.no_grad():
        expected, iou = library_masks(
            model, image, prompts.points, prompts.labels, boxes=prompts.boxes
        )
        embedding = model.encode_adapted(model.encode_frozen(image))
    found = segment(model, embedding, prompts)
    assert relative_error(found.low_res_logits, expected[0, :, 0]) < TOLERANCE
    assert relative_error(found.iou_prediction, iou[0, :, 0]) < TOLERANCE
    # controls: without the boxes, and without the points, the masks are others
    for less in (prompts.with_boxes(None), Prompts.from_boxes(BOXES)):
        other = segment(model, embedding, less).low_res_logits
        assert relative_error(other, expected[0, :, 0]) > 100 * TOLERANCE


def test_ragged_points_with_and_without_boxes_are_segmented_as_if_alone(model, embedding):
    boxes = torch.cat([BOXES, BOXES.flip(0)])
    boxes[[1, 4]] = float("nan")
    prompts = drawn_prompts(SIDE, [1, 3, 2, 0, 1, 3]).with_boxes(boxes)
    together = segment(model, embedding, prompts)
    for index, count in enumerate(prompts.counts.tolist()):
        points = prompts.points[index : index + 1, :count]
        labels = prompts.labels[index : index + 1, :count]
        boxed = None if index in (1, 4) else boxes[index : index + 1]
        with torch.no_grad():
            alone = model.decode_chunk(model.prepare(embedding), points, labels, boxes=boxed)
        assert relative_error(together.low_res_logits[index], alone.low_res_logits[0, 0]) < 1e-5


@pytest.mark.parametrize("calibration", [None, Calibration(0.1, 3)])
@pytest.mark.parametrize("prompts", [Prompts.from_rows([]), Prompts.from_boxes(BOXES[:0])])
def test_no_instances_give_no_masks(model, embedding, prompts, calibration):
    found = segment(model, embedding, prompts, calibration=calibration)
    assert found.low_res_logits.shape == (0, SIDE // 4, SIDE // 4)
    assert found.iou_prediction.shape == (0,)
    assert candidates(model, embedding, prompts).low_res_logits.shape == (0, 4, 32, 32)


def test_an_instance_with_neither_point_nor_box_is_that_of_padding_alone(model, embedding):
    prompts = drawn_prompts(SIDE, [2, 0])
    assert prompts.labels[1].tolist() == [PADDING, PADDING]
    empty = Prompts(torch.zeros(1, 0, 2), torch.zeros(1, 0, dtype=torch.long))
    found = segment(model, embedding, prompts).low_res_logits
    assert found.isfinite().all()
    torch.testing.assert_close(found[1:], segment(model, embedding, empty).low_res_logits)


def test_pixels_give_what_their_embedding_gives(model):
    image = torch.randint(0, 256, (3, 96, SIDE), generator=torch.Generator().manual_seed(1))
    image = image.to(torch.uint8)
    prompts = drawn_prompts(SIDE, [1, 2])
    with torch.no_grad():
        seen = model.encode([image])
    from_pixels = segment(model, image, prompts).low_res_logits
    assert torch.equal(from_pixels, segment(model, seen, prompts).low_res_logits)
    assert not from_pixels.requires_grad


def test_the_choice_holds_for_calibrated_masks_too(model, embedding):
    prompts = drawn_prompts(SIDE, [1] * 4)
    calibration = Calibration(0.0, 2)
    joint = segment(model, embedding, prompts, calibration=calibration, choose=BEST_BY_SCORE)
    alone = segment(model, embedding, prompts, choose=BEST_BY_SCORE)
    single = segment(model, embedding, prompts, calibration=calibration)
    assert not torch.allclose(joint.low_res_logits, alone.low_res_logits)
    assert not torch.allclose(joint.low_res_logits, single.low_res_logits)


def test_calibration_keeps_the_boxes(model, embedding):
    prompts = drawn_prompts(SIDE, [1] * 3).with_boxes(BOXES)
    calibration = Calibration(0.0, 2)
    found = segment(model, embedding, prompts, calibration=calibration)
    without = segment(model, embedding, replace(prompts, boxes=None), calibration=calibration)
    assert not torch.allclose(found.low_res_logits, without.low_res_logits)
