"""Meta's ``sam_vit_{b,l,h}_*.pth`` to the library's SamModel: sizes from shapes, names by rule.

Source: segment_anything, modeling/image_encoder.py and build_sam.py, for names and sizes.
"""

import re

from transformers import SamConfig, SamMaskDecoderConfig, SamPromptEncoderConfig, SamVisionConfig

from pointsam.models.loading.official import DECODER_PREFIXES, rename
from pointsam.models.loading.state_files import State

MARK = "image_encoder.blocks.0.attn.qkv.weight"
"""A name that only such files hold."""

_ENCODER = [
    (r"^image_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
    (r"^image_encoder\.blocks\.(\d+)\.norm(\d)\.", r"vision_encoder.layers.\1.layer_norm\2."),
    (r"^image_encoder\.blocks\.", "vision_encoder.layers."),
    (r"^image_encoder\.neck\.0\.", "vision_encoder.neck.conv1."),
    (r"^image_encoder\.neck\.1\.", "vision_encoder.neck.layer_norm1."),
    (r"^image_encoder\.neck\.2\.", "vision_encoder.neck.conv2."),
    (r"^image_encoder\.neck\.3\.", "vision_encoder.neck.layer_norm2."),
    (r"^image_encoder\.", "vision_encoder."),
]
_RELEASED = [
    (r"^vision_encoder\.patch_embed\.projection\.", "image_encoder.patch_embed.proj."),
    (r"^vision_encoder\.layers\.(\d+)\.layer_norm(\d)\.", r"image_encoder.blocks.\1.norm\2."),
    (r"^vision_encoder\.layers\.", "image_encoder.blocks."),
    (r"^vision_encoder\.neck\.conv1\.", "image_encoder.neck.0."),
    (r"^vision_encoder\.neck\.layer_norm1\.", "image_encoder.neck.1."),
    (r"^vision_encoder\.neck\.conv2\.", "image_encoder.neck.2."),
    (r"^vision_encoder\.neck\.layer_norm2\.", "image_encoder.neck.3."),
    (r"^vision_encoder\.", "image_encoder."),
]
_POSITION = "prompt_encoder.shared_embedding.positional_embedding"
_SHARED = "shared_image_embedding.positional_embedding"
_PIXELS = ("pixel_mean", "pixel_std")


def vit_config(state: State) -> SamConfig:
    """Read the sizes of a released SAM off the shapes of its weights.

    Raises:
        KeyError: a weight that the sizes are read from is missing.
    """
    patch = state["image_encoder.patch_embed.proj.weight"].shape[-1]
    _, grid, _, width = state["image_encoder.pos_embed"].shape
    blocks = 1 + max(int(n.split(".")[2]) for n in state if n.startswith("image_encoder.blocks."))
    distances = [state[f"image_encoder.blocks.{i}.attn.rel_pos_h"] for i in range(blocks)]
    sides = [(len(table) + 1) // 2 for table in distances]
    vision = SamVisionConfig(
        hidden_size=width,
        num_hidden_layers=blocks,
        num_attention_heads=width // distances[0].shape[1],
        mlp_dim=state["image_encoder.blocks.0.mlp.lin1.weight"].shape[0],
        output_channels=state["image_encoder.neck.0.weight"].shape[0],
        image_size=grid * patch,
        patch_size=patch,
        window_size=min(sides),
        global_attn_indexes=[index for index, side in enumerate(sides) if side == grid],
    )
    return SamConfig(
        vision_config=vision,
        prompt_encoder_config=SamPromptEncoderConfig(image_size=grid * patch, patch_size=patch),
        # The released decoder's norms; the library's own default is 1e-6.
        mask_decoder_config=SamMaskDecoderConfig(layer_norm_eps=1e-5),
    )


def from_official_vit(state: State) -> State:
    """Rename a released SAM state dict to the library's."""
    renamed = {
        rename(_by_first_rule(name, _ENCODER), DECODER_PREFIXES): tensor
        for name, tensor in state.items()
        if name not in _PIXELS
    }
    if _POSITION in renamed:
        renamed[_SHARED] = renamed[_POSITION]
    return renamed


def to_official_vit(state: State) -> State:
    """Name the state dict of a SamModel as the released model does."""
    back = [(ours, released) for released, ours in DECODER_PREFIXES]
    return {
        rename(_by_first_rule(name, _RELEASED), back): tensor
        for name, tensor in state.items()
        if name != _SHARED
    }


def _by_first_rule(name: str, rules: list[tuple[str, str]]) -> str:
    """Rename by the first rule that fits."""
    for pattern, replacement in rules:
        renamed, hits = re.subn(pattern, replacement, name)
        if hits:
            return renamed
    return name
