"""A figure of the masks of teacher and student after each pass."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pointsam.data.sample import Sample
from pointsam.figures import draw_panel, save_picture, side_by_side, stack
from pointsam.frames import ModelFrame
from pointsam.masks import HALF, masks_in_image
from pointsam.models.segment import segment
from pointsam.training.step import Trainer
from pointsam.training.views import Views

IMAGES = 3
"""Training images in a figure: the first of the data, so that epochs can be compared."""


@torch.no_grad()
def draw_epoch(trainer: Trainer, views: Views, epoch: int, folder: Path) -> Path:
    """Draw the teacher's masks of weak views beside the student's of strong views.

    Both are decoded by the code that prediction uses. Where masks are given, labels or annotated
    ones, they stand in the teacher's place.

    Returns:
        The figure's path in `folder`.
    """
    rows = []
    for index in range(min(IMAGES, len(views.records))):
        view = views(index, epoch)
        sample = view.sample
        if trainer.teacher is not None:
            [label] = trainer.teacher.label(trainer.frozen_features([view], "weak"), [sample])
            target, prompts = label.joint.masks.low_res_logits, label.joint.prompts
            title = f"teacher, weak view: {int(label.accepted.sum())}/{len(prompts)} accepted"
        else:
            assert view.cover is not None
            target, prompts = view.cover - HALF, sample.prompts
            title = "masks that are learned"
        embedding = trainer.model.encode_adapted(trainer.frozen_features([view], "strong"))
        student = segment(trainer.model, embedding, sample.prompts)
        rows.append(
            side_by_side(
                [
                    draw_panel(
                        _picture(sample.pixels),
                        masks=_masks(target, sample),
                        points=prompts.points.cpu().numpy(),
                        labels=prompts.labels.cpu().numpy(),
                        title=title,
                    ),
                    draw_panel(
                        _picture(view.strong_pixels),
                        masks=_masks(student.low_res_logits, sample),
                        points=sample.prompts.points.numpy(),
                        labels=sample.prompts.labels.numpy(),
                        title=f"student, strong view, {sample.file_name}",
                    ),
                ]
            )
        )
    path = folder / f"epoch-{epoch + 1:03d}.png"
    save_picture(stack(rows), path)
    return path


def _picture(pixels: Tensor) -> np.ndarray:
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


def _masks(low_res_logits: Float[Tensor, "instances rows cols"], sample: Sample) -> np.ndarray:
    """Bring masks to the view, which lies in the model frame."""
    height, width = sample.frame.resized_size
    frame = ModelFrame((height, width), sample.frame.side, sample.frame.stride)
    return masks_in_image(low_res_logits.float(), frame).numpy()
