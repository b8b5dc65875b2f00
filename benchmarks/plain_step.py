"""A training step as one would first write it: the yardstick of ``step.py``, no part of the tool.

Three encoder passes (teacher, teacher again for calibrated prompts, student), none without a graph;
the decoder is the library's forward, all objects in one call; losses at the full 1024 px; the IoU
of each pair of masks by itself. What is computed is what ``pointsam.training.step`` computes, but
for the resolution of masks and losses; ``full=False`` takes the low one, and then the gradients
are the same (tests/test_benchmarks.py).

Source: PointSAM's release has this shape (arXiv:2409.13401, train.py); written anew here.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from pointsam.config import LossSettings, TeacherSettings
from pointsam.masks import threshold
from pointsam.models.lora import Adapter
from pointsam.models.segmenter import Segmenter
from pointsam.prompts import calibrate_negatives
from pointsam.training.losses import dice_loss, focal_loss, iou_head_loss
from pointsam.training.pseudo_labels import believable


@dataclass
class PlainStep:
    """One image a step; the teacher is the student, as the paper has it."""

    model: Segmenter
    adapter: Adapter
    teacher: TeacherSettings
    weights: LossSettings
    full: bool = True

    def step(self, view):
        """Set the gradient of one view; give the weighted losses."""
        prompts = view.sample.prompts
        first, _ = self.decode(self.encode(view.sample.pixels), prompts)
        masks = threshold(first.detach())
        rivals = torch.zeros(len(masks), len(masks), dtype=torch.bool)
        for i in range(len(masks)):
            for j in range(len(masks)):
                both = (masks[i] & masks[j]).sum()
                either = (masks[i] | masks[j]).sum()
                rivals[i, j] = i != j and both > self.teacher.iou_threshold * either
        calibrated = calibrate_negatives(
            prompts, rivals, most_negatives=self.teacher.most_negatives
        )
        second, sureness = self.decode(self.encode(view.sample.pixels), calibrated)
        target = threshold(second.detach())
        low_res = target if not self.full else F.max_pool2d(target[None].float(), 4)[0] > 0
        believed = believable(low_res, prompts)
        believed &= sureness.detach() >= self.teacher.least_iou_prediction

        student, sureness = self.decode(self.encode(view.strong_pixels), prompts)
        student, sureness, target = student[believed], sureness[believed], target[believed]
        valid = view.sample.frame.low_res_valid()
        if self.full:
            valid = valid.repeat_interleave(4, 0).repeat_interleave(4, 1)
        count = len(target)
        losses = {
            "focal": self.weights.focal
            * focal_loss(student, target, valid, gamma=self.weights.gamma).sum(),
            "dice": self.weights.dice * dice_loss(student, target, valid).sum() / count,
            "iou": self.weights.iou * iou_head_loss(sureness, student, target, valid).sum() / count,
        }
        for parameter in self.adapter.parameters():
            parameter.grad = None
        torch.stack(list(losses.values())).sum().backward()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def encode(self, pixels):
        """Run the whole encoder with a graph wherever the adapter is."""
        return self.model.encode([pixels])

    def decode(self, embedding, prompts):
        """Decode all instances in one call of the library's forward."""
        low_res, sureness = library_decode(self.model, embedding.image, prompts)
        if not self.full:
            return low_res, sureness
        side = self.model.side
        return F.interpolate(low_res[:, None], (side, side), mode="bilinear")[:, 0], sureness


def library_decode(model, image, prompts):
    """Masks and IoU predictions by the library's own prompt encoder and mask decoder."""
    root = getattr(model, "sam", model)
    cells = image.shape[-1]
    centre = (torch.arange(cells, dtype=image.dtype) + 0.5) / cells
    x, y = torch.meshgrid(centre, centre, indexing="xy")
    position = root.prompt_encoder.shared_embedding(torch.stack([x, y], dim=-1)[None])
    sparse, dense = root.prompt_encoder(
        input_points=prompts.points[None].to(image.dtype),
        input_labels=prompts.labels[None],
        input_boxes=None,
        input_masks=None,
    )
    masks, sureness = root.mask_decoder(
        image_embeddings=image,
        image_positional_embeddings=position.permute(0, 3, 1, 2),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
    )[:2]
    return masks[0, :, 0].float(), sureness[0, :, 0].float()
