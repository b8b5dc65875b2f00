"""LoRA on every kind of linear layer, in every family: it trains, it is used, it goes away."""

import pytest
import torch
import yaml
from peft import PeftModel
from tests.models.library_forward import library_masks
from tests.models.tiny_models import (
    drawn_prompts,
    fitting_side,
    pixels,
    relative_error,
    small_mobile_sam,
    small_segmenter,
)

from pointsam.errors import InputError
from pointsam.models.adapters.card import CARD_NAME, AdapterCard
from pointsam.models.adapters.lora import adapter_hash, attach_adapter
from pointsam.models.adapters.saved import load_adapter_weights
from pointsam.models.decoders.linear import effective_weight
from pointsam.models.loading.checkpoints import base_hash, load_adapter

LIBRARY = ["sam", "sam_hq", "sam2", "sam3_tracker"]
ALL = ["mobile_sam", *LIBRARY]
KINDS = ["attention", "mlp", "decoder"]


def put_on(model, *kinds, rank=3, alpha=None):
    return attach_adapter(
        model, rank=rank, first_block=model.first_block, seed=0, adapt=kinds, alpha=alpha
    )


def stir(adapter, std=0.1):
    """Draw all weights of an adapter, so that every adapted layer does something else."""
    generator = torch.Generator().manual_seed(1)
    adapter.load_state(
        {n: std * torch.randn(t.shape, generator=generator) for n, t in adapter.state().items()}
    )


def answers(model, *, multimask=False):
    """Masks and IoU predictions of two instances, under autograd."""
    embedding = model.encode_adapted(model.encode_frozen(pixels(model.side)))
    prompts = drawn_prompts(model.side, [2, 2])
    return model.decode(embedding, prompts, multimask=multimask)


@torch.no_grad()
def masks(model):
    return answers(model).low_res_logits


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ALL)
def test_each_kind_of_layer_trains_and_changes_masks_until_switched_off(family, kind):
    model = small_segmenter(family, side=fitting_side(family))
    before = masks(model)
    adapter = put_on(model, kind)
    assert torch.equal(masks(model), before)
    one, three = answers(model), answers(model, multimask=True)
    loss = sum(
        answer.low_res_logits.square().mean() + answer.iou_prediction.square().mean()
        for answer in (one, three)
    )
    loss.backward()
    named = adapter.named_parameters()
    still = [name for name, p in named.items() if "lora_B" in name and not p.grad.any()]
    assert not still
    assert {name.split(".lora_")[0] for name in named} == {
        name
        for module in model.adapted_modules([kind])
        for name, _ in model.named_modules()
        if name.endswith(module.name)
    }
    stir(adapter)
    assert relative_error(masks(model), before) > 0.01
    with adapter.disabled():
        assert torch.equal(masks(model), before)


@pytest.mark.parametrize("family", ALL)
def test_decoder_layers_are_all_that_make_a_mask_or_rate_it(family):
    model = small_segmenter(family, side=fitting_side(family))
    decoder = model.peft_root.mask_decoder
    linear = {n for n, layer in decoder.named_modules() if isinstance(layer, torch.nn.Linear)}
    # SAM 2 says whether an object is there at all; no mask hangs on that.
    linear = {f"mask_decoder.{n}" for n in linear if not n.startswith("pred_obj_score_head")}
    found = [module.name for module in model.adapted_modules(["decoder"])]
    assert set(found) == linear
    put_on(model, "decoder")
    assert [module.name for module in model.adapted_modules(["decoder"])] == found


@pytest.mark.parametrize("family", ALL)
def test_merged_an_adapter_of_all_layers_gives_the_same(family):
    model = small_segmenter(family, side=fitting_side(family))
    names = set(model.state_dict())
    adapter = put_on(model, *KINDS, alpha=5.0)
    stir(adapter)
    expected = masks(model)
    merged = adapter.merge()
    assert set(merged.state_dict()) == names
    assert relative_error(masks(merged), expected) < 1e-4


@pytest.mark.parametrize("family", LIBRARY)
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_stock_peft_gives_the_masks_of_an_adapter_of_all_layers(family, tmp_path):
    """The library's own forward calls every layer, so it can't miss an adapter as we could."""
    side = fitting_side(family)
    model = small_segmenter(family, side=side)
    adapter = put_on(model, *KINDS, alpha=2.0)
    stir(adapter, std=0.05)
    adapter.save(tmp_path)
    plain = small_segmenter(family, side=side)
    prompts = drawn_prompts(side, [2, 2])
    given = (pixels(side), prompts.points, prompts.labels)
    with torch.no_grad():
        untouched, _ = library_masks(plain, *given)
        PeftModel.from_pretrained(plain.peft_root, str(tmp_path))
        expected, rated = library_masks(plain, *given)
        found = answers(model)
    assert relative_error(found.low_res_logits, expected[0]) < 1e-4
    assert relative_error(found.iou_prediction, rated[0]) < 1e-4
    assert relative_error(untouched, expected) > 0.01


@pytest.mark.parametrize("alpha", [None, 6.0])
def test_the_effective_weight_is_base_plus_scaled_update(alpha):
    model = small_mobile_sam()
    adapter = put_on(model, "decoder", rank=3, alpha=alpha)
    stir(adapter)
    layer = model.mask_decoder.transformer.layers[1].cross_attn_token_to_image.k_proj
    lora_a, lora_b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    expected = layer.base_layer.weight + (1 if alpha is None else 2) * lora_b @ lora_a
    assert torch.allclose(effective_weight(layer), expected)
    assert effective_weight(layer).requires_grad
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(effective_weight(layer), effective_weight(layer).float())
        assert torch.allclose(effective_weight(layer), expected)
    with adapter.disabled():
        assert effective_weight(layer) is layer.base_layer.weight
    plain = model.image_encoder.layers[2].blocks[0].attn.qkv
    assert effective_weight(plain) is plain.weight


def test_queries_and_values_keep_their_own_rank_beside_the_decoder():
    model = small_mobile_sam()
    adapter = put_on(model, "query-value", "decoder", rank=2)
    for module in model.adapted_modules(["query-value"]):
        layer = model.get_submodule(module.name)
        assert layer.r["default"] == 4
        assert layer.scaling["default"] == 1
    ranks = {
        module.name: model.get_submodule(module.name).r["default"]
        for module in model.adapted_modules(["decoder"])
    }
    assert set(ranks.values()) == {2}
    assert len(adapter.parameters()) == 2 * len(model.adapted_modules(["query-value", "decoder"]))


def test_a_rank_above_a_narrow_layer_of_the_decoder_is_cut_there():
    model = small_mobile_sam()
    put_on(model, "decoder", rank=6)
    assert model.mask_decoder.iou_prediction_head.proj_out.r["default"] == 4
    assert model.mask_decoder.iou_prediction_head.proj_out.scaling["default"] == 1
    assert model.mask_decoder.iou_prediction_head.proj_in.r["default"] == 6


def test_all_of_attention_includes_queries_and_values():
    model = small_mobile_sam()
    both = model.adapted_modules(["query-value", "attention"])
    assert [m.name for m in both] == [m.name for m in model.adapted_modules(["attention"])]


def test_layers_below_the_first_block_are_left_alone():
    model = small_mobile_sam()
    model.first_block = 3
    for kind in ("attention", "mlp"):
        names = [module.name for module in model.adapted_modules([kind])]
        assert [name.split(".")[2:5:2] for name in names[::2]] == [["2", "1"], ["3", "0"]]


def test_an_adapter_without_encoder_layers_needs_no_block():
    model = small_mobile_sam()
    with pytest.raises(InputError, match="first_block 99 leaves no attention block"):
        attach_adapter(model, rank=1, first_block=99, seed=0, adapt=["mlp", "decoder"])


def card(model, **changes):
    values = {
        "family": model.family,
        "base": "small",
        "base_hash": base_hash(model),
        "side": model.side,
        "first_block": model.first_block,
        "rank": 3,
        "settings": {},
    }
    return AdapterCard(**(values | changes))


def test_the_card_says_which_layers_are_adapted(tmp_path):
    model = small_mobile_sam()
    adapter = put_on(model, "mlp", "decoder", alpha=9.0)
    stir(adapter)
    adapter.save(tmp_path)
    card(model, adapt=["mlp", "decoder"]).save(tmp_path)
    again = small_mobile_sam()
    load_adapter(again, tmp_path)
    assert torch.equal(masks(again), masks(model))
    card(model, adapt=["mlp"]).save(tmp_path)
    with pytest.raises(InputError, match=r"not those of the .* layers that its card says"):
        load_adapter(small_mobile_sam(), tmp_path)


def test_a_card_of_an_earlier_version_means_queries_and_values(tmp_path):
    model = small_mobile_sam()
    adapter = put_on(model, "query-value")
    adapter.save(tmp_path)
    card(model).save(tmp_path)
    path = tmp_path / CARD_NAME
    content = yaml.safe_load(path.read_text())
    assert content.pop("adapt") == ["query-value"]
    content.pop("checksum")
    path.write_text(yaml.safe_dump(content))
    again = small_mobile_sam()
    load_adapter(again, tmp_path)
    assert torch.equal(masks(again), masks(model))


def test_a_saved_adapter_of_all_layers_comes_back_to_the_bit(tmp_path):
    model = small_mobile_sam()
    adapter = put_on(model, *KINDS)
    stir(adapter)
    adapter.save(tmp_path)
    again = small_mobile_sam()
    loaded = load_adapter_weights(again, tmp_path, first_block=model.first_block, adapt=KINDS)
    assert torch.equal(masks(again), masks(model))
    assert loaded.named_parameters().keys() == adapter.named_parameters().keys()


def test_the_name_of_an_adapter_knows_its_decoder_and_its_scale():
    names = set()
    for alpha, std in ((None, 0.1), (None, 0.2), (6.0, 0.1)):
        model = small_mobile_sam()
        adapter = put_on(model, "decoder", alpha=alpha)
        stir(adapter, std=std)
        names.add(adapter_hash(model))
        with adapter.disabled():
            assert adapter_hash(model) is None
    assert len(names) == 3
