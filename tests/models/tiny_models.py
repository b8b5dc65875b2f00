"""Small models with weights of a real model's size, and what the tests compare them by.

Default initialisers leave weights so small that a deep model gives the same answer whatever it is
shown, and every comparison would pass: two unlike images differ by 0.07 % in the embedding of a
small MobileSAM as torch makes it, by about 20 % once its weights are doubled.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    Sam2Config,
    Sam2HieraDetConfig,
    Sam2Model,
    Sam2VisionConfig,
    Sam3TrackerConfig,
    Sam3TrackerModel,
    Sam3VisionConfig,
    Sam3ViTConfig,
    SamConfig,
    SamHQConfig,
    SamHQModel,
    SamModel,
)

from pointsam.models.families.mobile_sam import MobileSam
from pointsam.models.families.sam import Sam
from pointsam.models.families.sam2 import Sam2
from pointsam.models.families.sam3 import Sam3Tracker
from pointsam.models.families.sam_hq import SamHQ
from pointsam.models.families.tiny_vit import TinyViTSizes
from pointsam.models.segmenter import Segmenter
from pointsam.prompts import Prompts

GAIN = 2.0
"""What multiplies the weights of a default initialiser."""

SMALL_TINY_VIT = TinyViTSizes(
    channels=(8, 16, 24, 32), depths=(1, 1, 2, 1), heads=(1, 2, 3, 4), windows=(7, 3, 3, 2)
)


def spread(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give weights, biases and positions the size that trained ones have."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if name.endswith("positional_embedding"):
            tensor.data.normal_(generator=generator)
        elif any(
            part in name for part in ("rel_pos", "pos_embed", "attention_biases", "no_memory")
        ):
            tensor.data.normal_(std=0.2, generator=generator)
        elif name.endswith("bias"):
            tensor.data.normal_(std=0.05, generator=generator)
        elif name.endswith("weight") and tensor.ndim > 1 and not _is_embedding(name):
            tensor.data.mul_(GAIN)
    return model.requires_grad_(False).eval()


def _is_embedding(name: str) -> bool:
    """Say whether a parameter is a learned token, which starts at its real size."""
    return "embed." in name or "token" in name.split(".")[-2]


def small_mobile_sam(side: int = 128, seed: int = 0) -> MobileSam:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MobileSam(side=side, sizes=SMALL_TINY_VIT)
    spread(model, seed)
    model.first_block = 2
    return model


def pixels(side: int, images: int = 1, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(images, 3, 8, 8, generator=generator)
    fine = torch.randn(images, 3, side, side, generator=generator)
    return nn.functional.interpolate(coarse, (side, side), mode="bilinear") + 0.3 * fine


def drawn_prompts(side: int, counts: list[int], seed: int = 0) -> Prompts:
    """Ragged prompts: one row an instance, `counts` points in each, the first positive."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for count in counts:
        points = torch.rand(count, 2, generator=generator) * (side - 1)
        labels = torch.randint(0, 2, (count,), generator=generator).tolist()
        rows.append(
            [
                (x, y, 1 if index == 0 else label)
                for index, ((x, y), label) in enumerate(zip(points.tolist(), labels, strict=True))
            ]
        )
    return Prompts.from_rows(rows)


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Distance over the expected tensor's spread: a constant answer scores badly."""
    return ((found - expected).norm() / (expected - expected.mean()).norm()).item()


def vit_config(side: int, **changes: Any) -> dict[str, Any]:
    """Four blocks, two of them global; windows of five do not divide the map."""
    values = {
        "hidden_size": 48,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "mlp_dim": 96,
        "image_size": side,
        "window_size": 5,
        "global_attn_indexes": [1, 3],
    }
    return values | changes


def small_library_sam(side: int = 128, seed: int = 0, **vision: Any) -> SamModel:
    config = SamConfig(
        vision_config=vit_config(side, **vision),
        prompt_encoder_config={"image_size": side},
        mask_decoder_config={"layer_norm_eps": 1e-5},
    )
    return _made(SamModel, config, seed)


def small_library_hq(side: int = 128, seed: int = 0) -> SamHQModel:
    config = SamHQConfig(
        vision_config=vit_config(side),
        prompt_encoder_config={"image_size": side},
        mask_decoder_config={"vit_dim": 48},
    )
    return _made(SamHQModel, config, seed)


def small_library_sam2(side: int = 128, seed: int = 0, **decoder: Any) -> Sam2Model:
    channels = [16, 32, 64, 128]
    backbone = Sam2HieraDetConfig(
        hidden_size=16,
        image_size=[side, side],
        blocks_per_stage=[1, 2, 3, 2],
        embed_dim_per_stage=channels,
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[8, 4, 14, 7],
        global_attention_blocks=[4],
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=channels[::-1],
        backbone_feature_sizes=[[side // stride] * 2 for stride in (4, 8, 16)],
    )
    config = Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"image_size": side},
        mask_decoder_config=decoder,
    )
    return _made(Sam2Model, config, seed)


def small_library_sam3(side: int = 112, seed: int = 0) -> Sam3TrackerModel:
    backbone = Sam3ViTConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=side,
        pretrain_image_size=56,
        window_size=3,
        global_attn_indexes=[1, 3],
    )
    cells = side // 14
    vision = Sam3VisionConfig(
        backbone_config=backbone,
        backbone_feature_sizes=[[cells * finer] * 2 for finer in (4, 2, 1)],
    )
    config = Sam3TrackerConfig(vision_config=vision, prompt_encoder_config={"image_size": side})
    return _made(Sam3TrackerModel, config, seed)


def _made(kind: type[nn.Module], config: Any, seed: int) -> Any:
    """Make a model of the library with weights that do not vanish."""
    for part in (config, *vars(config).values()):
        if hasattr(part, "initializer_range"):
            part.initializer_range = 0.05
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config)
    return spread(model, seed)


def small_segmenter(family: str, *, side: int = 128, seed: int = 0) -> Segmenter:
    """Give a small model of a family, built at `side`, with its weights."""
    if family == "mobile_sam":
        return small_mobile_sam(side, seed)
    if family == "sam":
        return Sam(small_library_sam(side, seed), side=side)
    if family == "slimsam":
        # as SlimSAM prunes: heads of a width that is no power of two, a narrow MLP
        return Sam(small_library_sam(side, seed, hidden_size=28, mlp_dim=37), side=side)
    if family == "sam_hq":
        return SamHQ(small_library_hq(side, seed), side=side)
    if family == "sam3_tracker":
        return Sam3Tracker(small_library_sam3(side, seed), side=side)
    assert family == "sam2"
    return Sam2(small_library_sam2(side, seed), side=side)


def fitting_side(family: str) -> int:
    """Give a small side of the family: SAM 3's cells are 14 pixels wide."""
    return 112 if family == "sam3_tracker" else 128
