"""Candidates: SAM's three masks of each clicked object, in the whole image and closer looks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from pointsam.frames import LOW_RES_STRIDE, ModelFrame, to_edges, to_middles
from pointsam.labelling.label_frame import (
    LABEL_STRIDE,
    label_size,
    pack,
    unpack,
)
from pointsam.labelling.looks import ALL_LOOKS, Looks
from pointsam.labelling.turns import turned_back, turned_clicks, turned_image
from pointsam.labelling.windows import CloserWindow, closer_windows
from pointsam.masks import threshold
from pointsam.models.encoding import Precision, encode_image, encode_with
from pointsam.models.segment import candidates as all_masks
from pointsam.models.segmenter import Embedding, Segmenter
from pointsam.prompts import NEGATIVE, PADDING, POSITIVE, Prompts

PER_LOOK = 3
"""SAM's masks of three sizes. Its single mask is left out: measured, it was never chosen."""
CLOSER_SHARE = 0.5
"""Side of a closer look over the longest side of the image."""
_AT_ONCE = 64
"""Objects whose logits are held at once."""
_BORDER = 2
"""Pixels of the label frame; a mask this near to its window's border counts as cut."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidate masks of the objects of one image, in the label frame, eight pixels a byte."""

    size: tuple[int, int]
    """Height and width of the label frame."""
    packed: UInt8[np.ndarray, "objects candidates bytes"]
    iou_prediction: Float[np.ndarray, "objects candidates"]
    """SAM's own estimate."""
    cut: Bool[np.ndarray, "objects candidates"]
    """Whether the closer look cuts the mask, or does not show the object."""

    def masks(self, index: int) -> Bool[np.ndarray, "candidates rows cols"]:
        """Give all candidates of one object."""
        return unpack(self.packed[index], self.size)


@torch.no_grad()
def find_candidates(
    model: Segmenter,
    image: UInt8[np.ndarray, "height width 3"],
    prompts: Prompts,
    *,
    looks: Looks = ALL_LOOKS,
    precision: Precision = "float32",
) -> tuple[Candidates, Embedding]:
    """Decode the clicks of one image in the whole image and in the looks that are asked for.

    The whole image is encoded once, and each window once, however many objects share it.

    Args:
        model: any segmenter.
        image: RGB.
        prompts: the clicks in the model frame of `image`, at least one positive an object.
        looks: what is decoded beside the whole image.
        precision: of the encoder.

    Returns:
        The candidates, and the embedding of the whole image.
    """
    frame, whole = encode_image(model, image, precision=precision)
    found = _look_at(model, image, prompts, whole, closer=looks.closer, precision=precision)
    if looks.turned:
        clicks = turned_clicks(prompts, frame.resized_size[1])
        rotated = turned_image(image)
        _, seen = encode_image(model, rotated, precision=precision)
        more = _look_at(model, rotated, clicks, seen, closer=looks.closer, precision=precision)
        found += [_turned_back(look, label_size(frame)[::-1]) for look in more]
    packed, iou_prediction, cut = (
        np.concatenate(parts, axis=1) for parts in zip(*found, strict=True)
    )
    return Candidates(label_size(frame), packed, iou_prediction, cut), whole


_Look = tuple[
    UInt8[np.ndarray, "objects masks bytes"],
    Float[np.ndarray, "objects masks"],
    Bool[np.ndarray, "objects masks"],
]


def _look_at(
    model: Segmenter,
    image: UInt8[np.ndarray, "height width 3"],
    prompts: Prompts,
    embedding: Embedding,
    *,
    closer: bool,
    precision: Precision,
) -> list[_Look]:
    """Decode all objects in the whole image and, with `closer`, in its windows."""
    frame = ModelFrame(image.shape[:2], model.side, model.stride)
    whole = _whole_look(model, prompts, embedding, frame)
    if not closer:
        return [whole]
    return [whole, _closer_look(model, image, prompts, frame, precision=precision)]


def _turned_back(look: _Look, size: tuple[int, int]) -> _Look:
    """Turn the masks of a look, object by object, to the image as it is."""
    packed, estimate, cut = look
    masks = (unpack(of_object, size) for of_object in packed)
    return np.stack([pack(turned_back(few)) for few in masks]), estimate, cut


def _whole_look(
    model: Segmenter, prompts: Prompts, embedding: Embedding, frame: ModelFrame
) -> _Look:
    """Decode all objects in the whole image."""
    rows, cols = label_size(frame)
    few = _few(prompts)
    packed, scores = [], []
    for part in torch.arange(len(prompts)).split(_AT_ONCE):
        logits, estimate = _sizes(model, embedding, few[part], prompts[part])
        logits = F.interpolate(logits, scale_factor=LOW_RES_STRIDE / LABEL_STRIDE, mode="bilinear")
        packed.append(pack(threshold(logits)[..., :rows, :cols].numpy()))
        scores.append(estimate.numpy())
    of_all = np.concatenate(scores)
    return np.concatenate(packed), of_all, np.zeros(of_all.shape, dtype=bool)


def _closer_look(
    model: Segmenter,
    image: UInt8[np.ndarray, "height width 3"],
    prompts: Prompts,
    frame: ModelFrame,
    *,
    precision: Precision,
) -> _Look:
    """Decode every object in its window, at the scale of the label frame."""
    rows, cols = label_size(frame)
    side = int(model.side * CLOSER_SHARE) // LABEL_STRIDE
    few = _few(prompts)
    clicks = np.stack([_middle(prompts, index) for index in range(len(prompts))]) / LABEL_STRIDE
    packed = np.zeros((len(prompts), PER_LOOK, -(-rows * cols // 8)), dtype=np.uint8)
    scores = np.zeros((len(prompts), PER_LOOK), dtype=np.float32)
    cut = np.ones((len(prompts), PER_LOOK), dtype=bool)
    picture = Image.fromarray(image)
    for window in closer_windows(clicks, (rows, cols), side=side):
        embedding = encode_with(
            model, [_enlarged(picture, window, frame, model.side // side)], precision=precision
        )
        local, local_few = (
            _local_prompts(given, window, enlarge=model.side // side) for given in (prompts, few)
        )
        for part in torch.arange(len(local)).split(_AT_ONCE):
            logits, estimate = _sizes(model, embedding, local_few[part], local[part])
            seen = threshold(logits)[..., : window.height, : window.width].numpy()
            masks = np.zeros((len(part), PER_LOOK, rows, cols), dtype=bool)
            masks[..., window.y :, window.x :][..., : window.height, : window.width] = seen
            objects = window.objects[part.numpy()]
            packed[objects] = pack(masks)
            scores[objects] = estimate
            cut[objects] = _touches(seen, window, (rows, cols))
    return packed, scores, cut


def _sizes(
    model: Segmenter, embedding: Embedding, few: Prompts, prompts: Prompts
) -> tuple[Float[Tensor, "objects masks rows cols"], Float[Tensor, "objects masks"]]:
    """Give the masks of three sizes, without the single one, and SAM's estimates, on the CPU.

    SAM is asked with `few` clicks of each object; where each of the three masks holds a negative
    click, with all of them.
    """
    logits, estimate = _decoded(model, embedding, few)
    held = _holds_negative(logits, prompts).all(dim=1) & (prompts.counts > few.counts)
    if held.any():
        logits[held], estimate[held] = _decoded(model, embedding, prompts[held.nonzero()[:, 0]])
    return logits, estimate


def _decoded(
    model: Segmenter, embedding: Embedding, prompts: Prompts
) -> tuple[Float[Tensor, "objects masks rows cols"], Float[Tensor, "objects masks"]]:
    decoded = all_masks(model, embedding, prompts.to(model.device))
    return decoded.low_res_logits[:, 1:].float().cpu(), decoded.iou_prediction[:, 1:].float().cpu()


def _few(prompts: Prompts) -> Prompts:
    """Keep the positive clicks of each object and its first negative one.

    SAM's masks are worse for many negative clicks; the others speak in the choice.
    """
    rows: list[Sequence[tuple[float, float, int]]] = []
    for points, labels in zip(prompts.points, prompts.labels, strict=True):
        negative = labels == NEGATIVE
        kept = (labels == POSITIVE) | (negative & (negative.cumsum(dim=0) == 1))
        clicks = zip(points[kept].tolist(), labels[kept].tolist(), strict=True)
        rows.append([(x, y, label) for (x, y), label in clicks])
    return Prompts.from_rows(rows)


def _holds_negative(
    logits: Float[Tensor, "objects masks rows cols"], prompts: Prompts
) -> Bool[Tensor, "objects masks"]:
    """Say which masks hold a negative click of their own object."""
    cells = (to_edges(prompts.points) / LOW_RES_STRIDE).long()
    cols = cells[..., 0].clamp(0, logits.shape[-1] - 1)
    rows = cells[..., 1].clamp(0, logits.shape[-2] - 1)
    objects = torch.arange(len(prompts))[:, None]
    inside = threshold(logits[objects, :, rows, cols])  # objects, clicks, masks
    return (inside & (prompts.labels == NEGATIVE)[..., None]).any(dim=1)


def _middle(prompts: Prompts, index: int) -> Float[np.ndarray, "2"]:
    """Give the mean of an object's positive clicks."""
    positive = prompts.points[index][prompts.labels[index] == POSITIVE]
    return np.asarray(positive.mean(dim=0).cpu().numpy(), dtype=np.float64)


def _enlarged(
    picture: Image.Image, window: CloserWindow, frame: ModelFrame, enlarge: int
) -> UInt8[Tensor, "3 _ _"]:
    """Cut a window out of the image as it was read, and resize it to the model's input."""
    scale_x, scale_y = (LABEL_STRIDE / scale for scale in frame.scale_xy)
    box = (
        window.x * scale_x,
        window.y * scale_y,
        min((window.x + window.width) * scale_x, picture.width),
        min((window.y + window.height) * scale_y, picture.height),
    )
    size = window.width * enlarge, window.height * enlarge
    resized = picture.resize(size, Image.Resampling.BILINEAR, box=box)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1)


def _local_prompts(prompts: Prompts, window: CloserWindow, *, enlarge: int) -> Prompts:
    """Move the clicks of a window's objects to its frame, without those outside it."""
    zoom = enlarge / LABEL_STRIDE
    origin = prompts.points.new_tensor([window.x, window.y]) * LABEL_STRIDE
    last = prompts.points.new_tensor([window.width, window.height]) * enlarge - 1
    rows: list[Sequence[tuple[float, float, int]]] = []
    for index in window.objects.tolist():
        points = to_middles(to_edges(prompts.points[index] - origin) * zoom)
        labels = prompts.labels[index]
        inside = ((points >= 0) & (points <= last)).all(dim=1) & (labels != PADDING)
        if not (inside & (labels == POSITIVE)).any():
            inside |= labels == POSITIVE
        clamped = points.clamp(min=torch.zeros(2), max=last)
        kept = zip(clamped[inside].tolist(), labels[inside].tolist(), strict=True)
        rows.append([(x, y, label) for (x, y), label in kept])
    return Prompts.from_rows(rows)


def _touches(
    masks: Bool[np.ndarray, "objects masks rows cols"], window: CloserWindow, size: tuple[int, int]
) -> Bool[np.ndarray, "objects masks"]:
    """Say which masks touch a border of the window that is not a border of the image."""
    edges = []
    if window.x > 0:
        edges.append(masks[..., :, :_BORDER])
    if window.y > 0:
        edges.append(masks[..., :_BORDER, :])
    if window.x + window.width < size[1]:
        edges.append(masks[..., :, -_BORDER:])
    if window.y + window.height < size[0]:
        edges.append(masks[..., -_BORDER:, :])
    cut = np.zeros(masks.shape[:2], dtype=bool)
    for edge in edges:
        cut |= edge.any(axis=(2, 3))
    return cut
