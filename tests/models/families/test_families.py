"""Every family behind the contract gives what its own model gives, and can be adapted."""

import pytest
import torch
from peft import PeftModel
from tests.models.library_forward import library_masks
from tests.models.tiny_models import (
    drawn_prompts,
    fitting_side,
    pixels,
    relative_error,
    small_library_sam,
    small_library_sam2,
    small_segmenter,
)
from torch.nn import functional as F

from pointsam.errors import InputError
from pointsam.models.adapters.card import AdapterCard
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.families.sam import Sam
from pointsam.models.families.sam2 import Sam2
from pointsam.models.loading.checkpoints import base_hash, load_adapter

SIDE = 128
TOLERANCE = 1e-4
LIBRARY = ["sam", "slimsam", "sam_hq", "sam2", "sam3_tracker"]
ALL = ["mobile_sam", *LIBRARY]
CONTROL = 100 * TOLERANCE
"""What a wrong answer must miss the right one by for the comparison to mean anything."""


@pytest.fixture(scope="module", params=LIBRARY)
def model(request):
    return small_segmenter(request.param, side=fitting_side(request.param))


@pytest.fixture(params=ALL)
def fresh(request):
    """A model that a test may change."""
    return small_segmenter(request.param, side=fitting_side(request.param))


def encoded(model, images):
    with torch.no_grad():
        return model.encode_adapted(model.encode_frozen(images))


@torch.no_grad()
def decoded(model, embedding, prompts, **kwargs):
    """Masks of one image's instances, all with the same number of points."""
    return model.decode_chunk(model.prepare(embedding), prompts.points, prompts.labels, **kwargs)


@pytest.mark.parametrize("multimask", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_points_in_two_images_give_the_familys_own_masks(model, count, multimask):
    images, prompts = pixels(model.side, images=2), drawn_prompts(model.side, [count] * 3)
    with torch.no_grad():
        masks, iou = library_masks(
            model, images, prompts.points, prompts.labels, multimask=multimask
        )
    embedding = encoded(model, images)
    for index in range(2):
        found = decoded(model, embedding.one(index), prompts, multimask=multimask)
        asked = slice(1, 4) if multimask else slice(0, 1)
        assert relative_error(found.low_res_logits[:, asked], masks[index]) < TOLERANCE
        assert relative_error(found.iou_prediction[:, asked], iou[index]) < TOLERANCE
    # a control: the masks of the first image are not those of the second, nor of other points
    assert relative_error(masks[0], masks[1]) > CONTROL
    moved = prompts.moved(lambda points: points.flip(-1))
    other = decoded(model, embedding.one(1), moved, multimask=multimask)
    assert relative_error(other.low_res_logits[:, asked], masks[1]) > CONTROL


@pytest.mark.parametrize("count", [0, 2])
def test_boxes_give_the_familys_own_masks(model, count):
    image, prompts = pixels(model.side), drawn_prompts(model.side, [count] * 2)
    boxes = torch.tensor([[10.0, 20, 70, 90], [5, 5, 120, 60]])
    given = (prompts.points, prompts.labels) if count else (None, None)
    with torch.no_grad():
        masks, iou = library_masks(model, image, *given, boxes=boxes)
    found = decoded(model, encoded(model, image), prompts, boxes=boxes)
    assert relative_error(found.low_res_logits, masks[0]) < TOLERANCE
    assert relative_error(found.iou_prediction, iou[0]) < TOLERANCE
    other = decoded(model, encoded(model, image), prompts, boxes=boxes.flip(0))
    assert relative_error(other.low_res_logits, masks[0]) > CONTROL


def test_iou_predictions_of_sam_hq_are_the_librarys_own():
    model = small_segmenter("sam_hq", side=SIDE)
    images, prompts = pixels(SIDE), drawn_prompts(SIDE, [2] * 3)
    with torch.no_grad():
        output = model.peft_root(
            pixel_values=images,
            input_points=prompts.points[None],
            input_labels=prompts.labels[None],
            multimask_output=False,
        )
    found = decoded(model, encoded(model, images), prompts)
    assert relative_error(found.iou_prediction, output.iou_scores[0]) < TOLERANCE


@pytest.mark.parametrize("stability", [False, True])
def test_sam2_picks_its_one_mask_by_its_own_rule(stability):
    library = small_library_sam2(
        SIDE, dynamic_multimask_via_stability=stability, dynamic_multimask_stability_thresh=0.995
    )
    model = Sam2(library, side=SIDE)
    image, prompts = pixels(SIDE), drawn_prompts(SIDE, [1] * 8)
    with torch.no_grad():
        masks, _ = library_masks(model, image, prompts.points, prompts.labels)
    found = decoded(model, encoded(model, image), prompts)
    assert relative_error(found.low_res_logits, masks[0]) < TOLERANCE
    three = decoded(model, encoded(model, image), prompts, multimask=True).low_res_logits[:, 1:]
    replaced = [
        any(torch.equal(one[0], m) for m in own)
        for one, own in zip(found.low_res_logits, three, strict=True)
    ]
    assert any(replaced) is stability


def test_ragged_instances_are_decoded_as_if_alone(model):
    images, prompts = pixels(model.side), drawn_prompts(model.side, [1, 3, 2, 1])
    with torch.no_grad():
        together = model.decode(encoded(model, images), prompts)
        for index, count in enumerate(prompts.counts.tolist()):
            masks, _ = library_masks(
                model,
                images,
                prompts.points[index : index + 1, :count],
                prompts.labels[index : index + 1, :count],
            )
            assert relative_error(together.low_res_logits[index], masks[0, 0]) < TOLERANCE


def test_the_cut_between_frozen_and_adapted_changes_nothing(fresh):
    image = pixels(fresh.side)
    expected = encoded(fresh, image)
    default = fresh.first_block
    for block in (0, 1, default + 1):
        fresh.first_block = block
        found = encoded(fresh, image)
        assert relative_error(found.image, expected.image) < 1e-5
        for extra, own in zip(found.extras, expected.extras, strict=True):
            assert relative_error(extra, own) < 1e-5


def test_the_feature_map_has_one_cell_every_stride(fresh):
    embedding = encoded(fresh, pixels(fresh.side, images=2))
    features = fresh.feature_map(embedding)
    assert features.shape == (2, 256, fresh.side // fresh.stride, fresh.side // fresh.stride)


def adapted(model, *, steps=2):
    """Train an adapter on the last two blocks for some large steps."""
    model.first_block = model.first_block + 1
    adapter = attach_adapter(model, rank=2, first_block=model.first_block, seed=0)
    optimizer = torch.optim.Adam(adapter.parameters(), lr=0.05)
    stem, prompts = model.encode_frozen(pixels(model.side)), drawn_prompts(model.side, [2, 1])
    for _ in range(steps):
        optimizer.zero_grad()
        embedding = model.encode_adapted(stem)
        model.decode(embedding, prompts).low_res_logits.square().mean().backward()
        optimizer.step()
    return adapter


def test_masks_train_queries_and_values_and_never_keys(fresh):
    before = encoded(fresh, pixels(fresh.side)).image
    adapter = adapted(fresh)
    assert relative_error(encoded(fresh, pixels(fresh.side)).image, before) > CONTROL
    for projection in fresh.adapted_modules(["query-value"]):
        layer = fresh.peft_root.get_submodule(projection.name)
        update = layer.get_delta_weight("default")
        touched = torch.cat([projection.query_rows, projection.value_rows])
        keys = torch.ones(len(update), dtype=torch.bool).index_fill(0, touched, False)
        split = projection.name.endswith(("q_proj", "v_proj"))
        assert keys.sum() == (0 if split else len(update) // 3)
        assert (update[keys] == 0).all()
        for rows in (projection.query_rows, projection.value_rows):
            assert not len(rows) or (update[rows] != 0).any()
    with adapter.disabled():
        assert torch.equal(encoded(fresh, pixels(fresh.side)).image, before)


def test_fused_rows_are_queries_then_keys_then_values():
    for family, width in (("sam", 48), ("slimsam", 28), ("sam_hq", 48)):
        for projection in small_segmenter(family).adapted_modules(["query-value"]):
            assert projection.query_rows.tolist() == list(range(width))
            assert projection.value_rows.tolist() == list(range(2 * width, 3 * width))
    widths = [len(p.query_rows) for p in small_segmenter("sam2").adapted_modules(["query-value"])]
    assert widths == [64, 64, 128, 128]
    for projection, width in zip(
        small_segmenter("sam2").adapted_modules(["query-value"]), widths, strict=True
    ):
        assert projection.query_rows.tolist() == list(range(width))
        assert projection.value_rows.tolist() == list(range(2 * width, 3 * width))


@pytest.mark.parametrize("family", ["sam", "sam_hq", "sam2"])
def test_the_keys_that_attention_reads_stay_as_they_were(family):
    """Asked of the library's own split of the fused projection, not of our row numbers."""
    model = small_segmenter(family)
    adapted(model)
    name = model.adapted_modules(["query-value"])[-1].name
    layer = model.peft_root.get_submodule(name)
    tokens = torch.randn(1, 5, layer.in_features, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        adapted_parts = layer(tokens).reshape(1, 5, 3, -1).unbind(2)
        base_parts = layer.base_layer(tokens).reshape(1, 5, 3, -1).unbind(2)
    unchanged = [torch.equal(*pair) for pair in zip(adapted_parts, base_parts, strict=True)]
    assert unchanged == [False, True, False]


@pytest.mark.parametrize("family", LIBRARY)
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_stock_peft_puts_our_adapter_on_the_plain_library_model(family, tmp_path):
    side = fitting_side(family)
    model = small_segmenter(family, side=side)
    adapted(model).save(tmp_path)
    plain = small_segmenter(family, side=side).peft_root
    image, prompts = pixels(side), drawn_prompts(side, [2])

    def own_embedding(library):
        with torch.no_grad():
            if family in ("sam2", "sam3_tracker"):
                return library.get_image_features(image).fpn_hidden_states[2]
            return library.vision_encoder(image).last_hidden_state

    untouched = own_embedding(plain)
    PeftModel.from_pretrained(plain, str(tmp_path))
    assert relative_error(own_embedding(plain), own_embedding(model.peft_root)) < 1e-6
    assert relative_error(own_embedding(plain), untouched) > CONTROL
    with torch.no_grad():
        masks, _ = library_masks(model, image, prompts.points, prompts.labels)
    found = decoded(model, encoded(model, image), prompts)
    assert relative_error(found.low_res_logits, masks[0]) < TOLERANCE


def test_merged_a_model_is_plain_again_and_gives_the_same(fresh):
    adapter = adapted(fresh)
    expected = encoded(fresh, pixels(fresh.side)).image
    names = {name.replace(".base_layer", "") for name in fresh.state_dict() if "lora" not in name}
    merged = adapter.merge()
    assert set(merged.state_dict()) == names
    assert relative_error(encoded(merged, pixels(fresh.side)).image, expected) < 1e-5


@pytest.mark.parametrize("other", ALL)
def test_an_adapter_of_another_family_is_refused(other, tmp_path):
    made = small_segmenter("sam" if other != "sam" else "sam2", side=SIDE)
    attach_adapter(made, rank=1, first_block=2, seed=0).save(tmp_path)
    AdapterCard(
        family=made.family,
        base="small",
        base_hash=base_hash(made),
        side=SIDE,
        first_block=2,
        rank=1,
        settings={},
    ).save(tmp_path)
    model = small_segmenter(other, side=fitting_side(other))
    with pytest.raises(InputError, match=rf"\({made.family}, .*not on this model \({model.family}"):
        load_adapter(model, tmp_path)


def test_recomputed_blocks_give_the_same_gradient(fresh):
    attach_adapter(fresh, rank=2, first_block=fresh.first_block, seed=0)
    weights = [p for n, p in fresh.named_parameters() if "lora_B" in n]
    stem = fresh.encode_frozen(pixels(fresh.side))
    gradients = []
    for checkpointing in (False, True):
        fresh.checkpointing = checkpointing
        loss = fresh.encode_adapted(stem).image.square().mean()
        gradients.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)]))
    assert gradients[0].abs().max() > 0
    assert relative_error(gradients[1], gradients[0]) < TOLERANCE


def test_bfloat16_is_near_float32(fresh):
    image, prompts = pixels(fresh.side), drawn_prompts(fresh.side, [1, 2])
    exact = fresh.decode(encoded(fresh, image), prompts)
    with torch.autocast("cpu", torch.bfloat16):
        embedding = encoded(fresh, image)
        rough = fresh.decode(embedding, prompts)
    assert embedding.image.dtype == torch.float32
    assert relative_error(rough.low_res_logits.float(), exact.low_res_logits) < 0.2


def test_the_frozen_part_keeps_no_graph(fresh):
    fresh.requires_grad_(True)
    stem = fresh.encode_frozen(pixels(fresh.side))
    assert not any(tensor.requires_grad for tensor in stem.tensors)
    assert fresh.encode_adapted(stem).image.requires_grad


def test_sam_at_another_side_is_the_library_with_stretched_positions():
    library, side = small_library_sam(SIDE), 192
    # a model built at the other side, its positions stretched by hand
    state = library.state_dict()
    rows = side // 16
    absolute = state["vision_encoder.pos_embed"].permute(0, 3, 1, 2)
    resized = F.interpolate(absolute, size=(rows, rows), mode="bicubic")
    state["vision_encoder.pos_embed"] = resized.permute(0, 2, 3, 1)
    for name in list(state):
        if "rel_pos" in name and len(state[name]) == 2 * SIDE // 16 - 1:
            table = state[name].T[None]
            state[name] = F.interpolate(table, size=2 * rows - 1, mode="linear")[0].T
    built = small_library_sam(side)
    built.load_state_dict(state)

    model = Sam(library, side=side)
    image, prompts = pixels(side), drawn_prompts(side, [2, 2])
    found = decoded(model, encoded(model, image), prompts)
    with torch.no_grad():
        masks, _ = library_masks(Sam(built, side=side), image, prompts.points, prompts.labels)
    assert relative_error(found.low_res_logits, masks[0]) < TOLERANCE


def test_sam2_at_another_side_is_the_library_at_that_side():
    library, side = small_library_sam2(SIDE), 192
    built = small_library_sam2(side)
    built.load_state_dict(library.state_dict())
    model = Sam2(library, side=side)
    image, prompts = pixels(side), drawn_prompts(side, [2, 2])
    found = decoded(model, encoded(model, image), prompts)
    with torch.no_grad():
        masks, _ = library_masks(Sam2(built, side=side), image, prompts.points, prompts.labels)
    assert relative_error(found.low_res_logits, masks[0]) < TOLERANCE


@pytest.mark.parametrize("family", ["sam", "sam_hq", "sam2"])
@pytest.mark.parametrize("side", [0, 100, 1000])
def test_a_side_that_the_encoder_cannot_divide_is_refused(family, side):
    library = small_segmenter(family).peft_root
    kind = type(small_segmenter(family))
    with pytest.raises(InputError, match=f"side {side} does not fit .*: give a multiple of"):
        kind(library, side=side)


def test_the_identity_of_a_base_does_not_depend_on_side_or_adapter(fresh):
    alone = base_hash(fresh)
    attach_adapter(fresh, rank=1, first_block=fresh.first_block, seed=0)
    assert base_hash(fresh) == alone
