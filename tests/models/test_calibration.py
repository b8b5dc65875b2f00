"""Joint decoding with a segmenter whose masks can be counted by hand."""

import pytest
import torch

from pointsam.models.calibration import Calibration, decode_jointly
from pointsam.models.segmenter import Embedding, FrozenFeatures, ImageTerms, MaskLogits, Segmenter
from pointsam.prompts import NEGATIVE, PADDING, POSITIVE, Prompts

SIDE, LOW = 64, 16


class Squares(Segmenter):
    """Draws, around the positive point, a square of 8 low-res pixels; a negative point cuts it.

    All that lies at or beyond the column of a negative point to the right of the positive one,
    or at or before it to the left, is cut off.
    """

    family = "squares"

    def __init__(self) -> None:
        super().__init__()
        self.side = SIDE
        self.first_block = 0
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.asked: list[list[list[float]]] = []

    def encode_frozen(self, pixels):
        return FrozenFeatures((pixels,))

    def encode_adapted(self, stem):
        return Embedding(stem.tensors[0])

    def prepare(self, embedding):
        return ImageTerms((embedding.image,))

    def linear_layers(self, kind):
        return ()

    def decode_chunk(self, terms, points, labels, *, boxes=None, multimask=False):
        logits = torch.full((len(points), 1, LOW, LOW), -1.0)
        for mask, own_points, own_labels in zip(logits[:, 0], points / 4, labels, strict=True):
            self.asked.append((own_points * 4).tolist())
            x, y = own_points[own_labels == POSITIVE][0].int().tolist()
            mask[max(0, y - 4) : y + 4, max(0, x - 4) : x + 4] = 1
            for cut in own_points[own_labels == NEGATIVE][:, 0].int().tolist():
                mask[:, cut:] = torch.where(torch.tensor(cut > x), -1.0, mask[:, cut:])
                mask[:, : cut + 1] = torch.where(torch.tensor(cut < x), -1.0, mask[:, : cut + 1])
        iou_prediction = labels.float().mean(dim=1, keepdim=True)
        return MaskLogits(logits, iou_prediction)


EMBEDDING = Embedding(torch.zeros(1, 1, 4, 4))
# Low-res squares: columns 0-7, 4-11 and 8-15 of rows 4-11. The first and second share 4 x 8 of
# 12 x 8 pixels (IoU 1/3), as do the second and third; the first and third share none.
THREE = Prompts.from_rows([[(16, 32, 1)], [(32, 32, 1)], [(48, 32, 1)]])


def decode(prompts, **changes):
    model = Squares()
    settings = {"iou_threshold": 0.1, "max_negatives": 3} | changes
    return model, decode_jointly(model, EMBEDDING, prompts, calibration=Calibration(**settings))


def columns(logits):
    return [sorted(set((mask > 0).nonzero()[:, 1].tolist())) for mask in logits]


def test_three_overlapping_masks_lend_each_other_their_points():
    model, joint = decode(THREE)
    assert joint.rivals.tolist() == [
        [False, True, False],
        [True, False, True],
        [False, True, False],
    ]
    assert joint.prompts.points.tolist() == [
        [[16, 32], [32, 32], [0, 0]],
        [[32, 32], [16, 32], [48, 32]],
        [[48, 32], [32, 32], [0, 0]],
    ]
    assert joint.prompts.labels.tolist() == [
        [POSITIVE, NEGATIVE, PADDING],
        [POSITIVE, NEGATIVE, NEGATIVE],
        [POSITIVE, NEGATIVE, PADDING],
    ]
    # cut at the rivals' columns 4, 8 and 12
    assert columns(joint.masks.low_res_logits) == [
        list(range(8)),
        list(range(5, 12)),
        list(range(9, 16)),
    ]
    assert joint.masks.iou_prediction.tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 2])
    assert len(model.asked) == 6


def test_an_instance_without_rivals_is_decoded_once_and_keeps_its_mask():
    apart = Prompts.from_rows([[(16, 16, 1)], [(24, 16, 1)], [(48, 52, 1)]])
    model, joint = decode(apart)
    assert joint.rivals[2].sum() == 0
    assert len(model.asked) == 5
    assert model.asked.count([[48.0, 52.0]]) == 1
    torch.testing.assert_close(
        joint.masks.low_res_logits[2], Squares().decode(EMBEDDING, apart[2:]).low_res_logits[0, 0]
    )


@pytest.mark.parametrize(
    "changes", [{"max_negatives": 0}, {"iou_threshold": 0.34}, {"iou_threshold": 1.0}]
)
def test_nothing_is_decoded_again_without_rivals_or_loans(changes):
    model, joint = decode(THREE, **changes)
    assert len(model.asked) == 3
    assert joint.prompts is THREE
    assert columns(joint.masks.low_res_logits)[1] == list(range(4, 12))


def test_an_iou_equal_to_the_threshold_makes_no_rivals():
    _, joint = decode(THREE, iou_threshold=1 / 3)
    assert not joint.rivals.any()


def test_only_the_nearest_rivals_point_is_lent():
    crowd = Prompts.from_rows([[(28, 32, 1)], [(32, 32, 1)], [(48, 32, 1)]])
    _, joint = decode(crowd, max_negatives=1)
    assert joint.prompts.points[1].tolist() == [[32, 32], [28, 32]]


def test_no_instances_give_no_masks():
    model, joint = decode(Prompts.from_rows([]))
    assert joint.masks.low_res_logits.shape == (0, LOW, LOW)
    assert joint.masks.iou_prediction.shape == (0,)
    assert joint.rivals.shape == (0, 0)
    assert not model.asked


def test_masks_carry_no_gradient():
    _, joint = decode(THREE)
    assert not joint.masks.low_res_logits.requires_grad
