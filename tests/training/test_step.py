import pytest
import torch
from tests.models.tiny_models import small_mobile_sam
from tests.training.drawn import SIDE, settings, stir, trainer, view, without_masks

from pointsam.models.segmenter import chunks
from pointsam.training.losses import dice_loss, focal_loss, iou_head_loss


def gradients(built):
    return [p.grad.clone() for p in built.adapter.parameters()]


def make(regime="supervised", dtype=torch.float64, adapt=("query-value",), **values):
    chosen = settings(regime=regime, model={"side": SIDE, "adapt": list(adapt)}, **values)
    built = trainer(small_mobile_sam().to(dtype), chosen)
    stir(built, adapt=adapt)
    return built


ADAPTED = [("query-value",), ("decoder",), ("attention", "mlp", "decoder")]


@pytest.mark.parametrize("adapt", ADAPTED, ids="+".join)
def test_chunked_step_equals_one_plain_backward(adapt):
    built = make(adapt=adapt)
    given = view(1, 5)
    report = built.step([given], measured=False)
    found = gradients(built)

    for parameter in built.adapter.parameters():
        parameter.grad = None
    embedding = built.model.encode_adapted(built.frozen_features([given], "strong"))
    decoded = built.model.decode(embedding, given.sample.prompts)
    logits, valid = decoded.low_res_logits[:, 0], given.sample.frame.low_res_valid()
    masks = given.low_res_masks
    focal = 20 * focal_loss(logits, masks, valid).sum()
    dice = dice_loss(logits, masks, valid).mean()
    iou = iou_head_loss(decoded.iou_prediction[:, 0], logits, masks, valid).mean()
    (focal + dice + iou).backward()

    assert report.losses["focal"] == pytest.approx(focal.item())
    assert report.losses["dice"] == pytest.approx(dice.item())
    assert report.losses["iou"] == pytest.approx(iou.item())
    assert any(g.abs().max() > 1e-6 for g in found)
    for ours, parameter in zip(found, built.adapter.parameters(), strict=True):
        # The decoder's layers of other masks than the one that is trained are not reached.
        expected = torch.zeros_like(ours) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("adapt", ADAPTED, ids="+".join)
def test_measured_step_has_the_gradient_of_the_plain_one(adapt):
    built = make(adapt=adapt)
    given = view(1, 5)
    plain_report = built.step([given], measured=False)
    plain = gradients(built)
    report = built.step([given], measured=True)
    torch.testing.assert_close(gradients(built), plain)
    assert plain_report.gradient_norms == {}
    assert set(report.gradient_norms) == {"focal", "dice", "iou"}
    # The IoU head's own layers are frozen, yet its error reaches the encoder.
    assert all(norm > 0 for norm in report.gradient_norms.values())


def test_the_iou_heads_own_layers_count_in_the_norm_of_its_term():
    norms = []
    for adapt in (("query-value",), ("query-value", "decoder")):
        built = make(adapt=adapt)
        for name, parameter in built.adapter.named_parameters().items():
            if "mask_decoder" in name and "lora_B" in name:
                parameter.data.zero_()  # so that both decode alike
        norms.append(built.step([view(1, 4)], measured=True).gradient_norms)
    assert norms[1]["iou"] > 1.1 * norms[0]["iou"]


def test_batch_of_two_is_the_mean_of_two_batches_of_one():
    built = make()
    one, two = view(1, 3), view(2, 5)
    built.step([one], measured=False)
    first = gradients(built)
    built.step([two], measured=False)
    second = gradients(built)
    built.step([one, two], measured=False)
    expected = [(a + b) / 2 for a, b in zip(first, second, strict=True)]
    torch.testing.assert_close(gradients(built), expected)


def test_chunk_size_changes_nothing():
    found = []
    for size in (1, 2, 16):
        built = make()
        built.model.chunk_size = size
        built.step([view(1, 5)], measured=False)
        found.append(gradients(built))
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])


def test_prototype_term_alone_moves_the_adapter():
    built = make(
        regime="pointsam",
        loss={"focal": 0.0, "dice": 0.0, "iou": 0.0, "prototype": 1.0},
    )
    given = without_masks(view(1, 6))
    built.regularizer.push(torch.randn(4, 256, dtype=torch.float64))
    built.regularizer.refresh()
    before = built.adapter.state()
    optimizer = torch.optim.SGD(built.adapter.parameters(), lr=1.0)
    first = built.step([given], measured=True)
    optimizer.step()
    second = built.step([given], measured=False)

    assert first.gradient_norms["prototype"] > 0
    assert not first.gradient_norms.get("focal")
    after = built.adapter.state()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert second.losses["prototype"] != first.losses["prototype"]


def test_gradient_leaves_keys_alone():
    built = make()
    built.step([view(1, 3)], measured=False)
    for projection in built.model.adapted_modules(["query-value"]):
        gradient = built.model.get_parameter(f"{projection.name}.lora_B.default.weight").grad
        rank = gradient.shape[1] // 2
        touched = gradient.any(dim=1)
        used = torch.zeros_like(touched)
        used[projection.query_rows] = True
        used[projection.value_rows] = True
        assert not touched[~used].any()
        assert gradient[projection.query_rows, :rank].any()
        assert not gradient[projection.query_rows, rank:].any()
        assert gradient[projection.value_rows, rank:].any()


def test_nothing_below_the_first_adapted_block_keeps_a_graph():
    built = make()
    stem = built.frozen_features([view(1, 3)], "strong")
    assert not any(tensor.requires_grad for tensor in stem.tensors)


def test_a_step_that_accepts_nothing_has_zero_gradient():
    built = make(regime="pointsam", teacher={"min_iou_prediction": 1.0})
    report = built.step([without_masks(view(1, 3))], measured=False)
    assert report.accepted == 0
    assert report.losses["total"] == 0
    assert not any(g.any() for g in gradients(built))


def test_three_hundred_instances_in_an_image_make_a_step():
    built = make(dtype=torch.float32)
    given = view(1, 40)
    prompts = given.sample.prompts
    many = type(prompts)(prompts.points.repeat(8, 1, 1)[:300], prompts.labels.repeat(8, 1)[:300])
    sample = type(given.sample)(**{**vars(given.sample), "prompts": many})
    wide = type(given)(sample, given.strong_pixels, 0, given.cover.repeat(8, 1, 1)[:300])
    assert sum(len(chunk.instances) for chunk in chunks(many, 4)) == 300
    assert built.step([wide], measured=False).instances == 300


def test_bfloat16_step_is_near_the_float32_one():
    built = make(dtype=torch.float32)
    given = view(1, 4)
    exact = built.step([given], measured=False)
    rough = type(built)(**{**vars(built), "precision": "bfloat16"}).step([given], measured=False)
    assert rough.losses["total"] == pytest.approx(exact.losses["total"], rel=0.1)
    assert rough.losses["total"] != exact.losses["total"]


def test_supervised_view_without_masks_is_refused():
    with pytest.raises(ValueError, match="loaded without its masks"):
        make().step([without_masks(view(1, 2))], measured=False)
