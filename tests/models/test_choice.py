import pytest
import torch
from tests.models.tiny_models import drawn_prompts, fitting_side, pixels, small_segmenter

from pointsam.models.choice import BEST_BY_SCORE, SINGLE_MASK, ChooseMask, take
from pointsam.models.segment import candidates, segment

LOGITS = torch.arange(24.0).reshape(2, 4, 1, 3)
SCORES = torch.tensor([[0.9, 0.1, 0.3, 0.2], [0.0, 0.5, 0.4, 0.5]])


def test_the_single_mask_is_the_first_candidate_and_no_copy():
    masks = SINGLE_MASK(LOGITS, SCORES)
    assert torch.equal(masks.low_res_logits, LOGITS[:, 0])
    assert masks.low_res_logits.data_ptr() == LOGITS.data_ptr()
    assert masks.iou_prediction.tolist() == SCORES[:, 0].tolist()
    assert not SINGLE_MASK.multimask


def test_the_best_of_three_sizes_has_the_highest_score_and_is_not_the_single_mask():
    masks = BEST_BY_SCORE(LOGITS, SCORES)
    assert torch.equal(masks.low_res_logits, torch.stack([LOGITS[0, 2], LOGITS[1, 1]]))
    assert masks.iou_prediction.tolist() == pytest.approx([0.3, 0.5])
    assert BEST_BY_SCORE.multimask


def test_a_choice_of_no_instances_is_empty():
    for rule in (SINGLE_MASK, BEST_BY_SCORE):
        masks = rule(LOGITS[:0], SCORES[:0])
        assert masks.low_res_logits.shape == (0, 1, 3)
        assert masks.iou_prediction.shape == (0,)


def test_rules_keep_the_contract():
    assert isinstance(SINGLE_MASK, ChooseMask)
    assert isinstance(BEST_BY_SCORE, ChooseMask)


class Last:
    """The last candidate of each instance: a rule from outside."""

    multimask = True

    def __call__(self, low_res_logits, iou_prediction):
        last = torch.full((len(low_res_logits),), low_res_logits.shape[1] - 1)
        return take(low_res_logits, iou_prediction, last)


@pytest.fixture(scope="module", params=["mobile_sam", "sam", "sam_hq", "sam2", "sam3_tracker"])
def model(request):
    return small_segmenter(request.param, side=fitting_side(request.param))


@torch.no_grad()
def test_a_family_gives_four_candidates_the_single_mask_first(model):
    embedding = model.encode_adapted(model.encode_frozen(pixels(model.side)))
    prompts = drawn_prompts(model.side, [1, 3, 1])
    found = candidates(model, embedding, prompts)
    assert found.low_res_logits.shape == (3, 4, model.side // 4, model.side // 4)
    assert found.iou_prediction.shape == (3, 4)
    single = segment(model, embedding, prompts)
    torch.testing.assert_close(found.low_res_logits[:, 0], single.low_res_logits)
    torch.testing.assert_close(found.iou_prediction[:, 0], single.iou_prediction)
    last = segment(model, embedding, prompts, choose=Last())
    torch.testing.assert_close(found.low_res_logits[:, 3], last.low_res_logits)
    assert not torch.allclose(last.low_res_logits, single.low_res_logits)
