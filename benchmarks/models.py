"""Seconds and memory of one model, random weights: an image, ten masks, a training step.

    python benchmarks/models.py sam-vit-b --train
    python benchmarks/models.py sam-vit-b --train --checkpointing

Each call measures one case in its own process, since a process's peak memory never falls, and
prints one JSON line. Random weights cost what trained ones cost; nothing is downloaded. Beside
wall time stands the CPU time of all threads, which a busy machine changes less.
"""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from transformers import Sam2Config, Sam2Model, SamConfig, SamHQConfig, SamHQModel, SamModel

from pointsam.data.augment import training_sample
from pointsam.data.sample import Sample
from pointsam.frames import ModelFrame
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.families.sam import Sam
from pointsam.models.families.sam2 import Sam2
from pointsam.models.families.sam_hq import SamHQ
from pointsam.models.loading.checkpoints import load_segmenter
from pointsam.models.loading.official_sam2 import HIERA_BY_DEPTHS
from pointsam.models.segmenter import Segmenter
from pointsam.prompts import Prompts
from pointsam.training import setup
from pointsam.training.frozen_features import encoded_frozen_features
from pointsam.training.settings import train_settings
from pointsam.training.step import Trainer

VIT = {
    "b": {},
    "l": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "global_attn_indexes": [5, 11, 17, 23],
    },
    "h": {
        "hidden_size": 1280,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "global_attn_indexes": [7, 15, 23, 31],
    },
    "slim-50": {"hidden_size": 384, "mlp_dim": 1536},
    "slim-77": {"hidden_size": 168, "mlp_dim": 696},
}
HIERA = dict(
    zip(
        ("tiny", "small", "base-plus", "large"),
        zip(HIERA_BY_DEPTHS.items(), ((96, 7), (96, 7), (112, 14), (144, 7)), strict=True),
        strict=True,
    )
)


def make_model(name: str, *, side: int) -> Segmenter:
    """Build a model of a known size with random weights."""
    torch.manual_seed(0)
    if name == "mobile_sam":
        return load_segmenter(name, side=side)
    if name.startswith("sam2.1-hiera-"):
        model = Sam2(Sam2Model(_sam2_config(HIERA[name.removeprefix("sam2.1-hiera-")])), side=side)
    elif name.startswith("sam-hq-vit-"):
        vision = {"initializer_range": 0.02, **VIT[name.removeprefix("sam-hq-vit-")]}
        decoder = {"vit_dim": vision.get("hidden_size", 768)}
        config = SamHQConfig(vision_config=vision, mask_decoder_config=decoder)
        model = SamHQ(SamHQModel(config), side=side)
    else:
        size = name.removeprefix("sam-vit-").replace("slimsam", "slim")
        vision = {"initializer_range": 0.02, **VIT[size]}
        model = Sam(SamModel(SamConfig(vision_config=vision)), side=side)
    return model.requires_grad_(False).eval()


def _sam2_config(size: tuple) -> Sam2Config:
    (depths, sizes), (width, background) = size
    widths = [width * 2**stage for stage in range(4)]
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": width,
        "num_attention_heads": sizes.heads,
        "blocks_per_stage": list(depths),
        "embed_dim_per_stage": widths,
        "num_attention_heads_per_stage": [sizes.heads * 2**stage for stage in range(4)],
        "window_size_per_stage": list(sizes.windows),
        "window_positional_embedding_background_size": [background, background],
        "global_attention_blocks": list(sizes.global_blocks),
    }
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": backbone,
        "backbone_channel_list": widths[::-1],
    }
    return Sam2Config(vision_config=vision)


def drawn_sample(model: Segmenter, *, objects: int) -> Sample:
    """An image of noise with one positive and one negative point an object."""
    generator = torch.Generator().manual_seed(0)
    side = model.side
    pixels = torch.randint(0, 256, (3, side, side), generator=generator, dtype=torch.uint8)
    points = torch.rand(objects, 2, 2, generator=generator) * (side - 1)
    labels = torch.tensor([[1, 0]]).expand(objects, 2)
    return Sample(
        image_id=1,
        file_name="noise",
        frame=ModelFrame((side, side), side, model.stride),
        pixels=pixels,
        prompts=Prompts(points, labels),
        instance_ids=tuple(range(objects)),
        categories=("object",) * objects,
    )


def seconds(action: Callable[[], object], *, times: int) -> dict[str, float]:
    """Medians of wall and CPU time over some calls, after one that is not counted."""
    action()
    wall, CPU = [], []
    for _ in range(times):
        start = time.perf_counter(), time.process_time()
        action()
        wall.append(time.perf_counter() - start[0])
        CPU.append(time.process_time() - start[1])
    return {
        "wall_s": round(statistics.median(wall), 2),
        "processor_s": round(statistics.median(CPU), 2),
    }


def make_trainer(model: Segmenter, *, precision: str) -> Trainer:
    """What `pointsam train` steps with, on random target prototypes."""
    values = {"teacher": {"min_iou_prediction": 0.0}, "precision": precision}
    settings = train_settings(values, source="benchmark")
    adapter = attach_adapter(model, rank=4, first_block=model.first_block, seed=0)
    return setup.make_trainer(
        model,
        adapter,
        settings,
        frozen_features=partial(encoded_frozen_features, model),
        target=torch.randn(8, 256),
    )


def main() -> None:
    """Measure one case."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--objects", type=int, default=10)
    parser.add_argument("--train", action="store_true", help="a training step; else an image")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    model = make_model(args.model, side=args.side)
    model.checkpointing = args.checkpointing
    sample = drawn_sample(model, objects=args.objects)
    result = vars(args) | {"parameters": sum(p.numel() for p in model.parameters())}
    if args.train:
        trainer = make_trainer(model, precision=args.precision)
        view = training_sample(sample, seed=0, view=0)
        step = partial(trainer.step, [view], measured=False)
        result["step"] = seconds(step, times=args.times)
    else:
        with torch.no_grad():
            result["encode"] = seconds(partial(model.encode, [sample.pixels]), times=args.times)
            embedding = model.encode([sample.pixels])
            decode = partial(model.decode, embedding, sample.prompts)
            result["decode"] = seconds(decode, times=args.times)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(result | {"peak_gib": round(peak / 2**20, 2)}))


if __name__ == "__main__":
    main()
