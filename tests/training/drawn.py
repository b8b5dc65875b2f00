"""Small drawn scenes and learners for the training tests."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pointsam.data.augment import training_sample
from pointsam.data.coco.annotations import write_points
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord
from pointsam.data.sample import Sample, TrainingSample
from pointsam.frames import ModelFrame
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.segmenter import QUERY_VALUE, LayerKind, Segmenter
from pointsam.prompts import Prompts
from pointsam.training.frozen_features import encoded_frozen_features
from pointsam.training.settings import TrainSettings, train_settings
from pointsam.training.setup import make_trainer
from pointsam.training.step import Trainer

SIDE = 128


def settings(**values: object) -> TrainSettings:
    small = {
        "precision": "float32",
        "model": {"side": SIDE},
        "teacher": {"min_iou_prediction": 0.0},
        "prototypes": {"bank": 4, "min_clusters": 2, "images": 4, "interval": 3},
        "monitor": {"interval": 2},
        "schedule": {"epochs": 2},
    }
    return train_settings({**small, **values}, source="test")


def sample(image_id: int, instances: int, *, height: int = 100, width: int = 128) -> Sample:
    """An image of bright squares on a dark ground, a point in each square."""
    generator = torch.Generator().manual_seed(image_id)
    pixels = torch.randint(0, 60, (3, height, width), generator=generator, dtype=torch.uint8)
    masks = torch.zeros(instances, height, width, dtype=torch.bool)
    rows = []
    for index in range(instances):
        x, y = 4 + 14 * (index % 8), 4 + 14 * (index // 8)
        masks[index, y : y + 10, x : x + 10] = True
        pixels[:, y : y + 10, x : x + 10] = 120 + 15 * (index % 8)
        rows.append([(x + 5.0, y + 5.0, 1), (width - 3.0, height - 3.0, 0)])
    return Sample(
        image_id=image_id,
        file_name=f"{image_id}.png",
        frame=ModelFrame((height, width), SIDE),
        pixels=pixels,
        prompts=Prompts.from_rows(rows),
        instance_ids=tuple(range(instances)),
        categories=("square",) * instances,
        masks=masks,
    )


def view(image_id: int, instances: int) -> TrainingSample:
    return training_sample(sample(image_id, instances), seed=0, view=0)


def trainer(model: Segmenter, chosen: TrainSettings) -> Trainer:
    """A trainer as a run sets it up, on drawn target prototypes."""
    adapter = attach_adapter(
        model,
        rank=2,
        first_block=model.first_block,
        seed=1,
        adapt=chosen.model.adapt,
        alpha=chosen.model.alpha,
    )
    target = torch.randn(3, 256, generator=torch.Generator().manual_seed(5)).to(model.dtype)
    return make_trainer(
        model,
        adapter,
        chosen,
        frozen_features=partial(encoded_frozen_features, model),
        target=target if chosen.loss.prototype else None,
    )


def stir(built: Trainer, seed: int = 0, adapt: Sequence[LayerKind] = QUERY_VALUE) -> None:
    """Move the adapter off zero, both of its factors, within the entries it may use."""
    generator = torch.Generator().manual_seed(seed)
    state = built.adapter.state()
    for name, tensor in state.items():
        if "lora_A" in name:
            tensor.normal_(std=0.1, generator=generator)
    for module in built.model.adapted_modules(adapt):
        [name] = [n for n in state if n.endswith(f"{module.name}.lora_B.default.weight")]
        rank = state[name].shape[1] // 2
        halves = [(slice(None), slice(None))]
        if module.query_rows is not None:
            halves = [
                (module.query_rows, slice(None, rank)),
                (module.value_rows, slice(rank, None)),
            ]
        for rows, half in halves:
            part = state[name][rows, half]
            state[name][rows, half] = 0.1 * torch.randn(part.shape, generator=generator).to(part)
    built.adapter.load_state(state)


def write_dataset(folder: Path, images: int = 4, instances: int = 3) -> tuple[Dataset, Path, Path]:
    """Write drawn images and a point file; give the data, the image folder and the file."""
    (folder / "images").mkdir(parents=True)
    records = []
    for image_id in range(1, images + 1):
        drawn = sample(image_id, instances)
        array = np.ascontiguousarray(drawn.pixels.permute(1, 2, 0).numpy())
        Image.fromarray(array).save(folder / "images" / drawn.file_name)
        records.append(
            ImageRecord(
                id=image_id,
                file_name=drawn.file_name,
                size=drawn.frame.image_size,
                instances=tuple(
                    InstanceRecord(
                        id=100 * image_id + index,
                        category="square",
                        points=tuple(
                            (x, y, int(label))
                            for (x, y), label in zip(points.tolist(), labels.tolist(), strict=True)
                        ),
                    )
                    for index, (points, labels) in enumerate(
                        zip(drawn.prompts.points, drawn.prompts.labels, strict=True)
                    )
                ),
            )
        )
    data = Dataset(tuple(records), ("square",))
    write_points(data, folder / "points.json")
    return data, folder / "images", folder / "points.json"


def without_masks(given: TrainingSample) -> TrainingSample:
    return replace(given, cover=None)
