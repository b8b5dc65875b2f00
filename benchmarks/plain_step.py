"""A training step as one would first write it: the yardstick of ``step.py``, no part of the tool.

Three encoder passes (teacher, teacher again for the calibrated prompts, student), the student's
with a graph from the pixels on; the decoder is the library's own forward with all objects in one
call; losses at the full side; the IoU of every two masks by itself, in Python. What is computed is
what ``pointsam.training.step`` computes, except that masks and losses have four times the side;
``full=False`` takes the low-res ones, and then the gradients are the same
(tests/test_benchmarks.py).

Source: the shape of PointSAM's release (arXiv:2409.13401, December 2024); written anew.
"""

from dataclasses import dataclass, field

import torch
from torch.nn import functional as F

from pointsam.masks import threshold
from pointsam.models.adapters.lora import Adapter
from pointsam.models.segmenter import Segmenter
from pointsam.prompts import calibrate_negatives
from pointsam.training import pseudo_labels
from pointsam.training.losses import dice_loss, focal_loss, iou_head_loss
from pointsam.training.prototypes import PrototypeRegularizer, point_features
from pointsam.training.report import PartTimer
from pointsam.training.stages import LossSettings, TeacherSettings


@dataclass(frozen=True, eq=False)
class PlainStep:
    """One image a step; the teacher is the frozen model."""

    model: Segmenter
    adapter: Adapter
    teacher: TeacherSettings
    weights: LossSettings
    regularizer: PrototypeRegularizer | None = None
    full: bool = True
    """Masks and losses at the full side, as the release has them."""
    cut: bool = False
    """Let autograd keep no graph below the first adapted block."""
    timer: PartTimer = field(default_factory=PartTimer)

    def step(self, view):
        """Leave the gradient of one view on the adapter; give the weighted losses."""
        targets, accepted = self.label(view.sample)
        with self.timer.part("encode strong"):
            image = self.encode(view.strong_pixels, graph=not self.cut)
        with self.timer.part("decode strong"):
            low_res, sureness = library_decode(self.model, image, view.sample.prompts[accepted])
            logits = self.shown(low_res)
        with self.timer.part("losses"):
            losses = self.losses(logits, sureness, targets[accepted], view.sample.frame)
        if self.regularizer is not None:
            with self.timer.part("prototypes"):
                features = point_features(image[0], view.sample.frame, view.sample.prompts)
                losses["prototype"] = self.weights.prototype * self.regularizer.loss(features)
                self.regularizer.push(features)
        with self.timer.part("backward"):
            for parameter in self.adapter.parameters():
                parameter.grad = None
            torch.stack(list(losses.values())).sum().backward()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    @torch.no_grad()
    def label(self, sample):
        """Give the teacher's masks and which are accepted; the image is encoded twice."""
        with self.adapter.disabled():
            with self.timer.part("encode weak"):
                image = self.encode(sample.pixels, graph=False)
            with self.timer.part("decode weak"):
                low_res, _ = library_decode(self.model, image, sample.prompts)
                masks = threshold(self.shown(low_res))
            with self.timer.part("calibrate"):
                prompts = calibrate_negatives(
                    sample.prompts,
                    rivals_one_by_one(masks, iou_threshold=self.teacher.iou_threshold),
                    max_negatives=self.teacher.max_negatives,
                )
            with self.timer.part("encode weak again"):
                image = self.encode(sample.pixels, graph=False)
            with self.timer.part("decode weak again"):
                low_res, sureness = library_decode(self.model, image, prompts)
                targets = threshold(self.shown(low_res))
        with self.timer.part("calibrate"):
            accepted = pseudo_labels.agree_with_clicks(threshold(low_res), sample.prompts)
            return targets, accepted & (sureness >= self.teacher.min_iou_prediction)

    def encode(self, pixels, *, graph):
        """Give the image embedding, with a graph from the pixels on where asked for."""
        given = self.model.normalise([pixels]).requires_grad_(graph)
        if not graph:
            return self.model.encode_adapted(self.model.encode_frozen(given)).image
        # The frozen part's own decorator keeps autograd out; this is the function below it.
        frozen = type(self.model).encode_frozen.__wrapped__
        return self.model.encode_adapted(frozen(self.model, given)).image

    def shown(self, low_res_logits):
        """Bring low-res logits to the side that masks and losses have."""
        if not self.full:
            return low_res_logits
        side = (self.model.side, self.model.side)
        return F.interpolate(low_res_logits[:, None], side, mode="bilinear")[:, 0]

    def losses(self, logits, sureness, targets, frame):
        """Give the weighted terms: focal summed over instances, the others averaged."""
        weights, valid = self.weights, frame.low_res_valid()
        if self.full:
            height, width = frame.resized_size
            valid = torch.zeros(logits.shape[1:], dtype=torch.bool)
            valid[:height, :width] = True
        focal = focal_loss(logits, targets, valid, gamma=weights.gamma)
        return {
            "focal": weights.focal * focal.sum(),
            "dice": weights.dice * dice_loss(logits, targets, valid).mean(),
            "iou": weights.iou * iou_head_loss(sureness, logits, targets, valid).mean(),
        }


def rivals_one_by_one(masks, *, iou_threshold):
    """Compare every mask with every other one, pair after pair."""
    rivals = torch.zeros(len(masks), len(masks), dtype=torch.bool)
    for i in range(len(masks)):
        for j in range(len(masks)):
            both = (masks[i] & masks[j]).sum().item()
            either = (masks[i] | masks[j]).sum().item()
            rivals[i, j] = i != j and both / max(either, 1) > iou_threshold
    return rivals


def library_decode(model, image, prompts):
    """Masks and IoU predictions of SAM's or MobileSAM's library decoder, all in one call.

    Args:
        model: whose modules are used.
        image: embedding of one image.
        prompts: in the model frame; the library attends to padding as to a point.

    Returns:
        Logits (instances rows cols) and IoU predictions (instances), for the single mask.
    """
    root = model.peft_root
    cells = image.shape[-1]
    centre = (torch.arange(cells, dtype=image.dtype) + 0.5) / cells
    x, y = torch.meshgrid(centre, centre, indexing="xy")
    encoder = getattr(root, "shared_image_embedding", root.prompt_encoder.shared_embedding)
    position = encoder(torch.stack([x, y], dim=-1)[None]).permute(0, 3, 1, 2)
    # The library's own map of "no mask" has the side that it was built for.
    no_mask = root.prompt_encoder.no_mask_embed.weight.view(1, -1, 1, 1)
    sparse, _ = root.prompt_encoder(
        input_points=prompts.points[None].to(image.dtype),
        input_labels=prompts.labels[None],
        input_boxes=None,
        input_masks=None,
    )
    masks, sureness = root.mask_decoder(
        image_embeddings=image,
        image_positional_embeddings=position,
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=no_mask.expand(1, -1, cells, cells),
        multimask_output=False,
    )
    return masks[0, :, 0], sureness[0, :, 0]
