"""Meta's ``sam2_hiera_*.pt`` and ``sam2.1_hiera_*.pt`` to the library's Sam2Model.

Source: sam2 (facebookresearch), configs/sam2.1/*.yaml and modeling/backbones/hieradet.py, for
names and for the sizes that no shape tells.
"""

import re
from dataclasses import dataclass

import torch
from transformers import Sam2Config, Sam2HieraDetConfig, Sam2VisionConfig

from pointsam.errors import InputError
from pointsam.models.loading.official import DECODER_PREFIXES, rename
from pointsam.models.loading.state_files import State

MARK = "image_encoder.trunk.blocks.0.attn.qkv.weight"
"""A name that only such files hold."""


@dataclass(frozen=True)
class HieraSizes:
    """What the shapes of a Hiera's weights do not tell."""

    heads: int
    """Of the first stage; each later stage has twice as many."""
    windows: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]


HIERA_BY_DEPTHS: dict[tuple[int, ...], HieraSizes] = {
    (1, 2, 7, 2): HieraSizes(1, (8, 4, 14, 7), (5, 7, 9)),
    (1, 2, 11, 2): HieraSizes(1, (8, 4, 14, 7), (7, 10, 13)),
    (2, 3, 16, 3): HieraSizes(2, (8, 4, 14, 7), (12, 16, 20)),
    (2, 6, 36, 4): HieraSizes(2, (8, 4, 16, 8), (23, 33, 43)),
}
"""Tiny, small, base-plus and large, by the blocks of their stages."""

_VIDEO = re.compile(
    r"^(memory_attention|memory_encoder|mask_downsample|obj_ptr_proj|obj_ptr_tpos_proj)\."
    r"|^(maskmem_tpos_enc|no_mem_pos_enc|no_obj_ptr|no_obj_embed_spatial)$"
)
"""The memory of the video model, which a single image never reads."""

_RULES = [
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"\.patch_embed\.proj\.", ".patch_embed.projection."),
    (r"(\.blocks\.\d+)\.norm(\d)\.", r"\1.layer_norm\2."),
    (r"^image_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"\.mlp\.layers\.0\.", ".mlp.proj_in."),
    (r"\.mlp\.layers\.1\.", ".mlp.proj_out."),
    (r"^sam_(prompt_encoder|mask_decoder)\.", r"\1."),
    (r"\.pred_obj_score_head\.layers\.0\.", ".pred_obj_score_head.proj_in."),
    (r"\.pred_obj_score_head\.layers\.1\.", ".pred_obj_score_head.layers.0."),
    (r"\.pred_obj_score_head\.layers\.2\.", ".pred_obj_score_head.proj_out."),
    (r"^(mask_decoder\..*)\.out_proj\.", r"\1.o_proj."),
    (r"^no_mem_embed$", "no_memory_embedding"),
]
_RELEASED = [
    (r"^vision_encoder\.backbone\.", "image_encoder.trunk."),
    (r"\.patch_embed\.projection\.", ".patch_embed.proj."),
    (r"(\.blocks\.\d+)\.layer_norm(\d)\.", r"\1.norm\2."),
    (r"^vision_encoder\.neck\.convs\.(\d+)\.", r"image_encoder.neck.convs.\1.conv."),
    (r"\.pred_obj_score_head\.proj_out\.", ".pred_obj_score_head.layers.2."),
    (r"\.pred_obj_score_head\.layers\.0\.", ".pred_obj_score_head.layers.1."),
    (r"\.pred_obj_score_head\.proj_in\.", ".pred_obj_score_head.layers.0."),
    (r"\.mlp\.proj_in\.", ".mlp.layers.0."),
    (r"\.mlp\.proj_out\.", ".mlp.layers.1."),
    (r"^(mask_decoder\..*)\.o_proj\.", r"\1.out_proj."),
    (r"^(prompt_encoder|mask_decoder)\.", r"sam_\1."),
    (r"^no_memory_embedding$", "no_mem_embed"),
]
_POINT = re.compile(r"^prompt_encoder\.point_embed\.(\d)\.weight$")
_POINTS = "prompt_encoder.point_embed.weight"
_SHARED = "shared_image_embedding.positional_embedding"
_POSITION = "prompt_encoder.shared_embedding.positional_embedding"


def sam2_config(state: State) -> Sam2Config:
    """Read the sizes of a released SAM 2 off its shapes and the table of released models.

    Raises:
        InputError: a Hiera with other stages than the released ones.
        KeyError: a weight that the sizes are read from is missing.
    """
    trunk = "image_encoder.trunk"
    blocks = 1 + max(int(n.split(".")[3]) for n in state if n.startswith(f"{trunk}.blocks."))
    widths = [state[f"{trunk}.blocks.{i}.attn.qkv.weight"].shape[0] // 3 for i in range(blocks)]
    stages = sorted(set(widths))
    depths = tuple(widths.count(width) for width in stages)
    sizes = HIERA_BY_DEPTHS.get(depths)
    if sizes is None:
        raise InputError(
            f"a SAM 2 with stages of {depths} blocks is none of the released ones "
            f"({', '.join(map(str, HIERA_BY_DEPTHS))}): convert it to a transformers folder."
        )
    backbone = Sam2HieraDetConfig(
        hidden_size=stages[0],
        num_attention_heads=sizes.heads,
        blocks_per_stage=list(depths),
        embed_dim_per_stage=stages,
        num_attention_heads_per_stage=[sizes.heads * 2**stage for stage in range(4)],
        window_size_per_stage=list(sizes.windows),
        window_positional_embedding_background_size=list(state[f"{trunk}.pos_embed"].shape[-2:]),
        global_attention_blocks=list(sizes.global_blocks),
    )
    vision = Sam2VisionConfig(backbone_config=backbone, backbone_channel_list=stages[::-1])
    return Sam2Config(vision_config=vision)


def from_official_sam2(state: State) -> State:
    """Rename a released SAM 2 state dict to the library's; the memory of video is left out."""
    renamed: State = {}
    for name, tensor in state.items():
        if _VIDEO.search(name):
            continue
        for pattern, replacement in _RULES:
            name = re.sub(pattern, replacement, name)
        renamed[rename(name, DECODER_PREFIXES)] = tensor
    kinds = sorted(name for name in renamed if _POINT.match(name))
    if kinds:
        renamed[_POINTS] = torch.cat([renamed.pop(k) for k in kinds])
    if _POSITION in renamed:
        renamed[_SHARED] = renamed[_POSITION]
    return renamed


def to_official_sam2(state: State) -> State:
    """Name the state dict of a Sam2Model as the released model does; it holds no video memory."""
    back = [(ours, released) for released, ours in DECODER_PREFIXES]
    released: State = {}
    for name, tensor in state.items():
        if name == _SHARED:
            continue
        if name == _POINTS:
            kinds = {
                f"sam_prompt_encoder.point_embeddings.{i}.weight": row[None].clone()
                for i, row in enumerate(tensor)
            }
            released |= kinds
            continue
        name = rename(name, back)
        for pattern, replacement in _RELEASED:
            name = re.sub(pattern, replacement, name)
        released[name] = tensor
    return released


def video_memory(state: State) -> State:
    """Give what a released SAM 2 holds for videos: its own loader asks for that, too."""
    return {name: tensor for name, tensor in state.items() if _VIDEO.search(name)}
