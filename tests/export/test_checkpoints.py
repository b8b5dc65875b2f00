"""Files under released names come back as the same model."""

import pytest
import torch
from tests.models.tiny_models import (
    drawn_prompts,
    fitting_side,
    pixels,
    relative_error,
    small_library_sam,
    small_segmenter,
    spread,
    vit_config,
)
from transformers import Sam2Config, Sam2Model, SamHQConfig, SamHQModel

from pointsam.errors import InputError
from pointsam.export.checkpoints import export_checkpoint
from pointsam.models.families.sam import Sam
from pointsam.models.families.sam2 import Sam2
from pointsam.models.families.sam_hq import SamHQ
from pointsam.models.loading.checkpoints import base_hash, load_segmenter

SIDE = 128
TOLERANCE = 1e-5


@torch.no_grad()
def masks(model):
    embedding = model.encode_adapted(model.encode_frozen(pixels(model.side)))
    prompts = drawn_prompts(model.side, [1, 2])
    return model.decode(embedding, prompts, multimask=True).low_res_logits


def one_position(library):
    """Let points and cells share one position, as in a released file."""
    points = library.prompt_encoder.shared_embedding.positional_embedding
    library.shared_image_embedding.positional_embedding.copy_(points)
    return library


def released(family):
    """A small model with norms as released; SAM 2 at its smallest real size."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        if family == "sam":
            return Sam(one_position(small_library_sam(SIDE)), side=SIDE)
        if family == "sam2":
            return Sam2(one_position(spread(Sam2Model(Sam2Config()))), side=SIDE)
        config = SamHQConfig(
            vision_config=vit_config(SIDE),
            prompt_encoder_config={"image_size": SIDE},
            mask_decoder_config={"vit_dim": 48, "layer_norm_eps": 1e-5},
        )
        return SamHQ(one_position(spread(SamHQModel(config))), side=SIDE)


@pytest.mark.parametrize(
    ("family", "ending", "names"),
    [
        ("sam", "pth", ["image_encoder.blocks.3.norm2.bias", "image_encoder.neck.2.weight"]),
        ("sam", "safetensors", ["prompt_encoder.mask_downscaling.6.weight"]),
        ("sam_hq", "pth", ["mask_decoder.hf_mlp.layers.1.weight", "mask_decoder.hf_token.weight",
                           "mask_decoder.compress_vit_feat.3.bias",
                           "mask_decoder.embedding_maskfeature.0.weight"]),
        ("sam2", "pt", ["sam_mask_decoder.pred_obj_score_head.layers.2.weight", "no_mem_embed",
                        "sam_prompt_encoder.point_embeddings.3.weight",
                        "image_encoder.trunk.blocks.1.mlp.layers.0.weight"]),
    ],
)  # fmt: skip
def test_a_released_file_comes_back_as_the_same_model(family, ending, names, tmp_path):
    model = released(family)
    path = tmp_path / f"plain.{ending}"
    count = export_checkpoint(model, path)
    if ending != "safetensors":
        state = torch.load(path, weights_only=True)
        state = state["model"] if family == "sam2" else state
        assert set(names) <= state.keys()
        assert len(state) == count
    again = load_segmenter(str(path), side=SIDE)
    assert type(again) is type(model)
    assert base_hash(again) == base_hash(model)
    assert relative_error(masks(again), masks(model)) < TOLERANCE


def test_video_memory_comes_from_the_file_that_has_it(tmp_path):
    memory = {"maskmem_tpos_enc": torch.ones(7, 1, 1, 64)}
    torch.save({"model": memory | {"no_mem_embed": torch.ones(3)}}, tmp_path / "base.pt")
    model = released("sam2")
    export_checkpoint(model, tmp_path / "plain.pt", memory_from=tmp_path / "base.pt")
    state = torch.load(tmp_path / "plain.pt", weights_only=True)["model"]
    assert torch.equal(state["maskmem_tpos_enc"], memory["maskmem_tpos_enc"])
    assert state["no_mem_embed"].shape == (1, 1, 256)
    with pytest.raises(InputError, match="a sam model has no video memory"):
        export_checkpoint(released("sam"), tmp_path / "a.pt", memory_from=tmp_path / "base.pt")
    with pytest.raises(InputError, match="holds no video memory"):
        export_checkpoint(model, tmp_path / "b.pt", memory_from=sam_file(tmp_path))


def sam_file(folder):
    torch.save({"pixel_mean": torch.ones(3)}, folder / "sam.pth")
    return folder / "sam.pth"


def test_what_cannot_be_written_is_refused_in_one_line(tmp_path):
    sam3 = small_segmenter("sam3_tracker", side=fitting_side("sam3_tracker"))
    with pytest.raises(InputError, match="a sam3_tracker model has no released checkpoint"):
        export_checkpoint(sam3, tmp_path / "plain.pt")
    with pytest.raises(InputError, match=r"expected a file that ends in \.pt, \.pth"):
        export_checkpoint(small_segmenter("sam"), tmp_path / "plain")
    (tmp_path / "there.pth").write_text("precious")
    with pytest.raises(InputError, match="exists already"):
        export_checkpoint(small_segmenter("sam"), tmp_path / "there.pth")
