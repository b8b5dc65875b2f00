"""Released ``sam_hq_vit_*.pth`` to the library's SamHQModel and back: SAM's names and a few more.

Source: SAM-HQ (arXiv:2306.01567), released code, modeling/mask_decoder_hq.py, for the names.
"""

from transformers import (
    SamHQConfig,
    SamHQMaskDecoderConfig,
    SamHQPromptEncoderConfig,
    SamHQVisionConfig,
)

from pointsam.models.loading.official import rename
from pointsam.models.loading.official_vit import from_official_vit, to_official_vit, vit_config
from pointsam.models.loading.state_files import State

MARK = "mask_decoder.hf_token.weight"
"""A name that only such files hold."""

_HEAD = [
    ("mask_decoder.hf_token.", "mask_decoder.hq_token."),
    ("mask_decoder.hf_mlp.layers.0.", "mask_decoder.hq_mask_mlp.proj_in."),
    ("mask_decoder.hf_mlp.layers.1.", "mask_decoder.hq_mask_mlp.layers.0."),
    ("mask_decoder.hf_mlp.layers.2.", "mask_decoder.hq_mask_mlp.proj_out."),
    *(
        (f"mask_decoder.{released}.{index}.", f"mask_decoder.{ours}_{layer}.")
        for released, ours in (
            ("compress_vit_feat", "compress_vit"),
            ("embedding_encoder", "encoder"),
            ("embedding_maskfeature", "mask"),
        )
        for index, layer in (("0", "conv1"), ("1", "norm"), ("3", "conv2"))
    ),
]
"""``(released, library)`` prefixes of what SAM-HQ adds to SAM's decoder."""


def hq_config(state: State) -> SamHQConfig:
    """Read the sizes of a released SAM-HQ off the shapes of its weights.

    Raises:
        KeyError: a weight that the sizes are read from is missing.
    """
    plain = vit_config(state)
    vision = plain.vision_config.to_dict() | {"model_type": "sam_hq_vision_model"}
    side, patch = plain.vision_config.image_size, plain.vision_config.patch_size
    return SamHQConfig(
        vision_config=SamHQVisionConfig.from_dict(vision),
        prompt_encoder_config=SamHQPromptEncoderConfig(image_size=side, patch_size=patch),
        mask_decoder_config=SamHQMaskDecoderConfig(
            vit_dim=plain.vision_config.hidden_size, layer_norm_eps=1e-5
        ),
    )


def from_official_hq(state: State) -> State:
    """Rename a released SAM-HQ state dict to the library's."""
    return {rename(name, _HEAD): tensor for name, tensor in from_official_vit(state).items()}


def to_official_hq(state: State) -> State:
    """Name the state dict of a SamHQModel as the released model does."""
    back = [(ours, released) for released, ours in _HEAD]
    return {rename(name, back): tensor for name, tensor in to_official_vit(state).items()}
