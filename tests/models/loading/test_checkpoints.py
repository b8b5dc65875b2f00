"""Folders of the library and released checkpoints become the model they were made from."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.tiny_models import (
    drawn_prompts,
    fitting_side,
    pixels,
    relative_error,
    small_library_sam,
    small_library_sam2,
    small_segmenter,
    spread,
)
from transformers import Sam2Config, Sam2Model, Sam2VideoConfig, Sam2VideoModel

from pointsam.errors import InputError
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.families.sam import Sam
from pointsam.models.families.sam2 import Sam2
from pointsam.models.loading.checkpoints import base_hash, export_plain, load_segmenter
from pointsam.models.loading.library_folder import save_folder
from pointsam.models.loading.official_sam2 import HIERA_BY_DEPTHS, sam2_config
from pointsam.models.loading.registry import KNOWN_MODELS

SIDE = 128
TOLERANCE = 1e-5


@torch.no_grad()
def masks(model):
    embedding = model.encode_adapted(model.encode_frozen(pixels(model.side)))
    prompts = drawn_prompts(model.side, [1, 2])
    return model.decode(embedding, prompts, multimask=True).low_res_logits


# --- folders ---------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["sam", "slimsam", "sam_hq", "sam2", "sam3_tracker"])
def test_a_saved_folder_comes_back_as_the_same_model(family, tmp_path):
    model = small_segmenter(family, side=fitting_side(family))
    save_folder(model, tmp_path / "plain")
    again = load_segmenter(str(tmp_path / "plain"), side=model.side)
    assert type(again) is type(model)
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    # weights mapped from a file lie otherwise in memory, which changes the last bits of a product
    assert relative_error(masks(again), masks(model)) < TOLERANCE
    assert base_hash(again) == base_hash(model)
    assert not again.training
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_an_adapter_names_its_base_by_folder_name_not_by_path(tmp_path):
    save_folder(small_segmenter("sam", side=SIDE), tmp_path / "plain")
    again = load_segmenter(str(tmp_path / "plain"), side=SIDE)
    attach_adapter(again, rank=1, first_block=2, seed=0).save(tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "plain"


def test_the_released_video_folders_load_as_the_image_model(tmp_path):
    library = small_library_sam2(SIDE)
    parts = {
        name: getattr(library.config, name).to_dict()
        for name in ("vision_config", "prompt_encoder_config", "mask_decoder_config")
    }
    video = Sam2VideoModel(Sam2VideoConfig(**parts))
    assert not video.load_state_dict(library.state_dict(), strict=False).unexpected_keys
    video.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "sam2_video"
    loaded = load_segmenter(str(tmp_path), side=SIDE)
    assert relative_error(masks(loaded), masks(Sam2(library, side=SIDE))) < TOLERANCE


@pytest.fixture
def folder(tmp_path):
    small_library_sam(SIDE).save_pretrained(tmp_path)
    return tmp_path


def test_every_fault_of_a_folders_weights_is_in_one_error(folder):
    path = folder / "model.safetensors"
    state = load_file(path)
    del state["mask_decoder.iou_token.weight"]
    state["extra.one"] = torch.zeros(1)
    state["mask_decoder.mask_tokens.weight"] = torch.zeros(3, 256)
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(InputError) as error:
        load_segmenter(str(folder), side=SIDE)
    assert str(error.value) == (
        f"{folder} does not fit its config.json: missing ['mask_decoder.iou_token.weight'], "
        "unexpected ['extra.one'], of another shape ['mask_decoder.mask_tokens.weight']."
    )


def test_nan_in_a_folder_is_named(folder):
    path = folder / "model.safetensors"
    state = load_file(path)
    state["mask_decoder.iou_token.weight"][0, 3] = float("nan")
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"NaN or infinity in \['mask_decoder.iou_token.weight'\]"):
        load_segmenter(str(folder), side=SIDE)


def test_a_truncated_folder_is_refused_in_one_line(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="no weights that can be read safely") as error:
        load_segmenter(str(folder), side=SIDE)
    assert "\n" not in str(error.value)


class Trap:
    """What a pickle could do to its reader."""

    def __reduce__(self):
        return (print, ("this must never run",))


def test_a_folder_whose_pickle_runs_code_is_refused(folder, capsys):
    (folder / "model.safetensors").unlink()
    torch.save({"mask_decoder.iou_token.weight": Trap()}, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="read safely"):
        load_segmenter(str(folder), side=SIDE)
    assert "this must never run" not in capsys.readouterr().out


def test_a_folder_with_a_plain_pickle_loads(folder):
    expected = masks(load_segmenter(str(folder), side=SIDE))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    loaded = load_segmenter(str(folder), side=SIDE)
    assert relative_error(masks(loaded), expected) < TOLERANCE


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, r"no model folder \(no config.json\)"),
        ("{", "does not describe a model"),
        ("[]", "does not describe a model"),
        ('{"model_type": "bert"}', "holds a 'bert' model, expected one of sam, sam_hq, sam2"),
    ],
)
def test_a_folder_that_is_no_sam_is_refused(tmp_path, config, message):
    if config:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(InputError, match=message):
        load_segmenter(str(tmp_path))


def test_a_model_of_ours_has_no_library_folder(tmp_path):
    with pytest.raises(InputError, match="mobile_sam model is not one of transformers"):
        save_folder(small_segmenter("mobile_sam"), tmp_path / "plain")


def test_a_merged_model_of_the_library_is_written_as_a_folder(tmp_path):
    model = small_segmenter("sam")
    adapter = attach_adapter(model, rank=1, first_block=2, seed=0)
    for name, parameter in adapter.named_parameters().items():
        if "lora_B" in name:
            parameter.data[:, 0].fill_(0.3)
    expected = masks(model)
    merged = adapter.merge()
    with pytest.raises(InputError, match="sam model is written as a folder"):
        export_plain(merged, tmp_path / "merged.pt")
    export_plain(merged, tmp_path / "merged")
    again = load_segmenter(str(tmp_path / "merged"), side=SIDE)
    assert relative_error(masks(again), expected) < 10 * TOLERANCE
    assert relative_error(masks(small_segmenter("sam")), expected) > 1000 * TOLERANCE
    with pytest.raises(InputError, match="exists already"):
        export_plain(merged, tmp_path / "merged")


def test_mobile_sam_is_written_as_a_file(tmp_path):
    with pytest.raises(InputError, match=r"expected a .pt or .safetensors file"):
        export_plain(small_segmenter("mobile_sam"), tmp_path / "merged")


def test_a_name_that_is_nothing_lists_what_is_known():
    with pytest.raises(FileNotFoundError) as error:
        load_segmenter("sam-vit-x")
    assert all(name in str(error.value) for name in KNOWN_MODELS)


# --- Meta's files ----------------------------------------------------------------------------

BACK_COMMON = [
    (r"shared_embedding\.positional_embedding$", "pe_layer.positional_encoding_gaussian_matrix"),
    (r"mask_embed\.conv1\.", "mask_downscaling.0."),
    (r"mask_embed\.layer_norm1\.", "mask_downscaling.1."),
    (r"mask_embed\.conv2\.", "mask_downscaling.3."),
    (r"mask_embed\.layer_norm2\.", "mask_downscaling.4."),
    (r"mask_embed\.conv3\.", "mask_downscaling.6."),
    (r"upscale_conv1\.", "output_upscaling.0."),
    (r"upscale_layer_norm\.", "output_upscaling.1."),
    (r"upscale_conv2\.", "output_upscaling.3."),
    (r"layer_norm_final_attn\.", "norm_final_attn."),
    (r"(mlps\.\d|iou_prediction_head|pred_obj_score_head)\.proj_in\.", r"\1.layers.-0."),
    (r"(mlps\.\d|iou_prediction_head|pred_obj_score_head)\.layers\.0\.", r"\1.layers.1."),
    (r"(mlps\.\d|iou_prediction_head|pred_obj_score_head)\.proj_out\.", r"\1.layers.2."),
    (r"\.layers\.-0\.", ".layers.0."),
    (r"(transformer\.layers\.\d)\.layer_norm(\d)\.", r"\1.norm\2."),
]
BACK_VIT = [
    *BACK_COMMON,
    (r"encoder\.point_embed\.", "encoder.point_embeddings."),
    (r"^vision_encoder\.patch_embed\.projection\.", "image_encoder.patch_embed.proj."),
    (r"^vision_encoder\.layers\.(\d+)\.layer_norm(\d)\.", r"image_encoder.blocks.\1.norm\2."),
    (r"^vision_encoder\.layers\.", "image_encoder.blocks."),
    (r"^vision_encoder\.neck\.conv1\.", "image_encoder.neck.0."),
    (r"^vision_encoder\.neck\.layer_norm1\.", "image_encoder.neck.1."),
    (r"^vision_encoder\.neck\.conv2\.", "image_encoder.neck.2."),
    (r"^vision_encoder\.neck\.layer_norm2\.", "image_encoder.neck.3."),
    (r"^vision_encoder\.", "image_encoder."),
]
BACK_SAM2 = [
    *BACK_COMMON,
    (r"backbone\.patch_embed\.projection\.", "backbone.patch_embed.proj."),
    (r"(backbone\.blocks\.\d+)\.layer_norm(\d)\.", r"\1.norm\2."),
    (r"\.mlp\.proj_in\.", ".mlp.layers.0."),
    (r"\.mlp\.proj_out\.", ".mlp.layers.1."),
    (r"^vision_encoder\.backbone\.", "image_encoder.trunk."),
    (r"^vision_encoder\.neck\.convs\.(\d)\.", r"image_encoder.neck.convs.\1.conv."),
    (r"^(prompt_encoder|mask_decoder)\.", r"sam_\1."),
    (r"\.o_proj\.", ".out_proj."),
    (r"^no_memory_embedding$", "no_mem_embed"),
]


def renamed_back(library, rules):
    """A released state dict, made from the library's by rules written down here."""
    state = {}
    for name, tensor in library.state_dict().items():
        if name.startswith("shared_image_embedding."):
            continue
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        state[name] = tensor.clone()
    return state


@pytest.fixture(scope="module")
def released_vit():
    library = small_library_sam(SIDE)
    return library, renamed_back(library, BACK_VIT)


def test_a_released_sam_gives_what_it_was_made_from(released_vit, tmp_path):
    library, state = released_vit
    # names as they stand in sam_vit_b_01ec64.pth
    for name in (
        "image_encoder.pos_embed",
        "image_encoder.patch_embed.proj.weight",
        "image_encoder.blocks.1.attn.rel_pos_h",
        "image_encoder.blocks.3.mlp.lin2.bias",
        "image_encoder.neck.3.weight",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
        "prompt_encoder.point_embeddings.3.weight",
        "prompt_encoder.not_a_point_embed.weight",
        "mask_decoder.transformer.layers.1.cross_attn_image_to_token.out_proj.bias",
        "mask_decoder.transformer.layers.0.mlp.lin1.weight",
        "mask_decoder.transformer.norm_final_attn.weight",
        "mask_decoder.output_hypernetworks_mlps.2.layers.1.weight",
        "mask_decoder.iou_prediction_head.layers.2.bias",
    ):
        assert name in state
    torch.save(state, tmp_path / "sam_vit_b.pth")
    model = load_segmenter(str(tmp_path / "sam_vit_b.pth"), side=SIDE)
    assert isinstance(model, Sam)
    assert relative_error(masks(model), masks(Sam(library, side=SIDE))) < TOLERANCE


def test_other_weights_in_the_file_give_other_masks(released_vit, tmp_path):
    library, state = released_vit
    name = "image_encoder.blocks.3.mlp.lin2.bias"
    torch.save(state | {name: state[name] + 1}, tmp_path / "other.pth")
    model = load_segmenter(str(tmp_path / "other.pth"), side=SIDE)
    assert relative_error(masks(model), masks(Sam(library, side=SIDE))) > 1000 * TOLERANCE


def test_every_fault_of_a_released_sam_is_in_one_error(released_vit, tmp_path):
    _, state = released_vit
    state = dict(state)
    del state["image_encoder.neck.3.weight"], state["mask_decoder.iou_token.weight"]
    torch.save(state | {"text_encoder.weight": torch.zeros(1)}, tmp_path / "odd.pth")
    with pytest.raises(InputError) as error:
        load_segmenter(str(tmp_path / "odd.pth"), side=SIDE)
    for name in ("neck.layer_norm2.weight", "mask_decoder.iou_token.weight", "text_encoder.weight"):
        assert name in str(error.value)


def test_a_file_without_what_its_sizes_are_read_from_is_incomplete(released_vit, tmp_path):
    state = {k: v for k, v in released_vit[1].items() if k != "image_encoder.pos_embed"}
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(InputError, match=r"incomplete: missing 'image_encoder.pos_embed'"):
        load_segmenter(str(tmp_path / "cut.pth"), side=SIDE)


def test_a_state_dict_of_something_else_is_refused(tmp_path):
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(
        InputError, match=r"neither MobileSAM, SAM, SAM-HQ nor SAM 2 .*'conv.weight'"
    ):
        load_segmenter(str(tmp_path / "other.pth"))


@pytest.fixture(scope="module")
def released_sam2():
    """SAM 2.1 tiny at its real size: a released file does not state its sizes."""
    config = Sam2Config()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        library = spread(Sam2Model(config))
    # the library holds the position of points and of cells apart, the file holds one
    points = library.prompt_encoder.shared_embedding.positional_embedding
    library.shared_image_embedding.positional_embedding.copy_(points)
    state = renamed_back(library, BACK_SAM2)
    kinds = state.pop("sam_prompt_encoder.point_embed.weight")
    for index, kind in enumerate(kinds):
        state[f"sam_prompt_encoder.point_embeddings.{index}.weight"] = kind[None].clone()
    state["maskmem_tpos_enc"] = torch.zeros(7, 1, 1, 64)
    state["memory_attention.layers.0.norm1.weight"] = torch.ones(256)
    return library, state


def test_a_released_sam2_gives_what_it_was_made_from(released_sam2, tmp_path):
    library, state = released_sam2
    # names as they stand in sam2.1_hiera_tiny.pt
    for name in (
        "image_encoder.trunk.pos_embed_window",
        "image_encoder.trunk.patch_embed.proj.bias",
        "image_encoder.trunk.blocks.1.proj.weight",
        "image_encoder.trunk.blocks.11.mlp.layers.1.weight",
        "image_encoder.trunk.blocks.0.norm2.weight",
        "image_encoder.neck.convs.3.conv.weight",
        "sam_prompt_encoder.mask_downscaling.6.weight",
        "sam_mask_decoder.transformer.layers.0.self_attn.out_proj.weight",
        "sam_mask_decoder.transformer.layers.1.mlp.layers.0.weight",
        "sam_mask_decoder.pred_obj_score_head.layers.1.weight",
        "sam_mask_decoder.iou_prediction_head.layers.0.weight",
        "sam_mask_decoder.conv_s0.weight",
        "sam_mask_decoder.obj_score_token.weight",
        "no_mem_embed",
    ):
        assert name in state
    torch.save({"model": state}, tmp_path / "sam2.1_hiera_tiny.pt")
    model = load_segmenter(str(tmp_path / "sam2.1_hiera_tiny.pt"), side=SIDE)
    assert isinstance(model, Sam2)
    assert relative_error(masks(model), masks(Sam2(library, side=SIDE))) < TOLERANCE


def test_a_sam2_of_other_stages_says_what_to_do(released_sam2):
    state = {
        name: tensor
        for name, tensor in released_sam2[1].items()
        if not name.startswith("image_encoder.trunk.blocks.11.")
    }
    with pytest.raises(InputError, match=r"\(1, 2, 7, 1\) blocks .*convert it to a transformers"):
        sam2_config(state)


@pytest.mark.parametrize(
    ("depths", "name"),
    [
        (depths, f"sam2.1-hiera-{size}")
        for depths, size in zip(
            HIERA_BY_DEPTHS, ("tiny", "small", "base-plus", "large"), strict=True
        )
    ],
)
def test_the_released_sizes_of_sam2_have_the_known_number_of_parameters(depths, name):
    width = {"tiny": 96, "small": 96, "base-plus": 112, "large": 144}[name[13:]]
    widths = [width * 2**stage for stage, blocks in enumerate(depths) for _ in range(blocks)]
    background = 14 if width == 112 else 7
    state = {
        f"image_encoder.trunk.blocks.{index}.attn.qkv.weight": torch.zeros(3 * own, 1)
        for index, own in enumerate(widths)
    } | {"image_encoder.trunk.pos_embed": torch.zeros(1, width, background, background)}
    with torch.device("meta"):
        library = Sam2Model(sam2_config(state))
    assert sum(p.numel() for p in library.parameters()) == KNOWN_MODELS[name].parameters
