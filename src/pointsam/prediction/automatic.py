"""Automatic masks: prompts on a grid, without clicks, of which only good masks are kept.

Every grid point gives some mask, also on background. Three numbers that need no annotation judge
each mask, and NMS removes those of an object that another mask already covers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from pointsam.errors import InputError
from pointsam.frames import ModelFrame, to_edges, to_middles
from pointsam.masks import iou_of_areas, mask_features, pairwise_iou, threshold
from pointsam.models.segment import segment
from pointsam.models.segmenter import Embedding, Segmenter
from pointsam.prediction.ranking import Factor, best_first, nms, rank
from pointsam.prompts import POSITIVE, Prompts

ANYTHING = "object"
"""Category of automatic masks, which have no class of their own."""

STABILITY_OFFSET = 1.0
"""Logits by which the threshold is moved either way.

Source: segment_anything, utils/amg.py, ``calculate_stability_score``.
"""

DECODED_AT_ONCE = 64
"""Grid points whose full logits are held at once."""


@dataclass(frozen=True)
class AutomaticSettings:
    """Which masks of a grid are kept."""

    grid: int = 32
    """Points along the longer side of the image, at the same distance along the other."""
    min_iou: float = 0.7
    """SAM's own estimate of a mask's IoU, at least."""
    min_stability: float = 0.85
    """IoU of the mask at a higher and at a lower threshold, at least."""
    max_overlap: float = 0.7
    """IoU of two masks above which NMS removes the lower-ranked one."""
    max_area: float = 0.5
    """Share of the image above which a mask is no object."""
    rank_by: tuple[Factor, ...] = ("iou", "stability", "similarity")
    """Factors whose product ranks masks; similarity counts where prototypes are known."""

    def __post_init__(self) -> None:
        if self.grid < 1:
            raise InputError(f"grid {self.grid}: give at least 1 point along the longer side.")
        for name in ("min_iou", "min_stability", "max_overlap", "max_area"):
            if not 0 <= getattr(self, name) <= 1:
                limit = name.replace("_", "-")
                raise InputError(f"{limit} is a share in [0, 1], got {getattr(self, name)}.")
        if not self.rank_by:
            raise InputError("at least one factor ranks masks: iou, stability or similarity.")


@dataclass(frozen=True, eq=False)
class AutomaticMasks:
    """Automatic masks of one image, the best first."""

    low_res_logits: Float[Tensor, "masks rows cols"]
    points: Float[Tensor, "masks 2"]
    """``(x, y)`` of the grid that gave them, in the model frame."""
    iou_prediction: Float[Tensor, " masks"]
    stability: Float[Tensor, " masks"]
    similarity: Float[Tensor, " masks"]
    """Cosine of the mask's mean feature with the nearest target prototype; 1 without any."""
    rank: Float[Tensor, " masks"]
    """Product of the factors that rank masks."""

    def __getitem__(self, masks: Tensor) -> "AutomaticMasks":
        """Keep these masks."""
        return AutomaticMasks(
            self.low_res_logits[masks],
            self.points[masks],
            self.iou_prediction[masks],
            self.stability[masks],
            self.similarity[masks],
            self.rank[masks],
        )


@torch.no_grad()
def automatic_masks(
    model: Segmenter,
    embedding: Embedding,
    frame: ModelFrame,
    settings: AutomaticSettings,
    *,
    prototypes: Float[Tensor, "prototypes channels"] | None,
) -> AutomaticMasks:
    """Prompt one image with a grid, and keep the good masks without duplicates.

    Args:
        model: that made `embedding`.
        embedding: of the image.
        frame: of the image.
        settings: what is kept.
        prototypes: target prototypes of the adapter; None ranks without similarity.
    """
    features = model.feature_map(embedding)[0]
    found = []
    for points in grid_points(frame, settings.grid).to(model.device).split(DECODED_AT_ONCE):
        labels = torch.full((len(points), 1), POSITIVE, device=model.device)
        decoded = segment(model, embedding, Prompts(points[:, None], labels))
        masks = _judged(
            decoded.low_res_logits.float(),
            points,
            decoded.iou_prediction.float(),
            features=features.float(),
            prototypes=prototypes,
            rank_by=settings.rank_by,
        )
        found.append(masks[_worth_keeping(masks, frame, settings)])
    together = _join(found)
    ordered = together[best_first(together.rank)]
    inside = threshold(ordered.low_res_logits) & frame.low_res_valid().to(model.device)
    return ordered[distinct(inside, max_overlap=settings.max_overlap)]


def grid_points(frame: ModelFrame, count: int) -> Float[Tensor, "points 2"]:
    """Spread points evenly over an image, `count` along its longer side, in the model frame.

    Each is the middle of a square; they are listed row by row.
    """
    height, width = frame.resized_size
    step = max(height, width) / count
    columns = torch.arange(max(1, round(width / step)))
    rows = torch.arange(max(1, round(height / step)))
    x = to_middles(to_edges(columns) * (width / len(columns)))
    y = to_middles(to_edges(rows) * (height / len(rows)))
    across, down = torch.meshgrid(x, y, indexing="xy")
    return torch.stack([across, down], dim=-1).flatten(0, 1)


def stability(
    low_res_logits: Float[Tensor, "masks rows cols"], *, offset: float = STABILITY_OFFSET
) -> Float[Tensor, " masks"]:
    """Give the IoU of each mask at thresholds `offset` above and below; 0 for an empty one."""
    strict = threshold(low_res_logits - offset).sum(dim=(1, 2))
    loose = threshold(low_res_logits + offset).sum(dim=(1, 2))
    return iou_of_areas(strict, strict, loose)


def similarity(
    features: Float[Tensor, "channels down across"],
    masks: Bool[Tensor, "masks rows cols"],
    *,
    prototypes: Float[Tensor, "prototypes _"] | None,
) -> Float[Tensor, " masks"]:
    """Give the cosine of each mask's mean feature with the nearest prototype; 1 without any.

    Raises:
        InputError: prototypes of another model.
    """
    if prototypes is None:
        return features.new_ones(len(masks))
    if prototypes.shape[1] != len(features):
        raise InputError(
            f"the adapter's prototypes have {prototypes.shape[1]} channels, the model's features "
            f"{len(features)}: the adapter folder is damaged, train again."
        )
    means = F.normalize(mask_features(features, masks), dim=1)
    return (means @ F.normalize(prototypes.to(means), dim=1).T).amax(dim=1)


def distinct(
    masks: Bool[Tensor, "masks rows cols"], *, max_overlap: float
) -> Bool[Tensor, " masks"]:
    """Mark the masks that NMS keeps.

    Args:
        masks: the best first.
        max_overlap: IoU above which two masks are one object.
    """
    overlap = pairwise_iou(masks).cpu()
    everyone = np.arange(len(masks))
    kept = nms(
        len(masks),
        near=lambda _: everyone,
        iou=lambda index, others: overlap[index, torch.from_numpy(others)],
        max_overlap=max_overlap,
    )
    return torch.from_numpy(kept).to(masks.device)


def _judged(
    low_res_logits: Float[Tensor, "masks rows cols"],
    points: Float[Tensor, "masks 2"],
    iou_prediction: Float[Tensor, " masks"],
    *,
    features: Float[Tensor, "channels down across"],
    prototypes: Float[Tensor, "prototypes _"] | None,
    rank_by: Sequence[Factor],
) -> AutomaticMasks:
    """Give the masks with the three factors and their product."""
    stable = stability(low_res_logits)
    alike = similarity(features, threshold(low_res_logits), prototypes=prototypes)
    factors: dict[Factor, Tensor]
    factors = {"iou": iou_prediction, "stability": stable, "similarity": alike}
    ranks = rank(factors, rank_by=rank_by)
    return AutomaticMasks(low_res_logits, points, iou_prediction, stable, alike, ranks)


def _worth_keeping(
    masks: AutomaticMasks, frame: ModelFrame, settings: AutomaticSettings
) -> Int[Tensor, " kept"]:
    """Give the indices of the masks within the limits of score, stability and size."""
    valid = frame.low_res_valid().to(masks.rank.device)
    area = (threshold(masks.low_res_logits) & valid).sum(dim=(1, 2))
    return (
        (
            (masks.iou_prediction >= settings.min_iou)
            & (masks.stability >= settings.min_stability)
            & (area > 0)
            & (area <= settings.max_area * valid.sum())
        )
        .nonzero()
        .flatten()
    )


def _join(parts: Sequence[AutomaticMasks]) -> AutomaticMasks:
    """Join the masks of several chunks."""
    return AutomaticMasks(
        torch.cat([part.low_res_logits for part in parts]),
        torch.cat([part.points for part in parts]),
        torch.cat([part.iou_prediction for part in parts]),
        torch.cat([part.stability for part in parts]),
        torch.cat([part.similarity for part in parts]),
        torch.cat([part.rank for part in parts]),
    )
