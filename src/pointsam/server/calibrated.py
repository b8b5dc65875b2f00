"""Calibrated masks of the objects of one window, updated while clicks change."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from pointsam.data.rasters.windows import Window
from pointsam.data.records import Point
from pointsam.masks import iou_of_areas, threshold
from pointsam.models.calibration import Calibration
from pointsam.models.segment import segment
from pointsam.prompts import PADDING, Prompts, calibrate_negatives
from pointsam.server.clicked import ClickedObject
from pointsam.server.crops import MaskCrop
from pointsam.server.engine import MAX_EMBEDDINGS, Engine, View
from pointsam.server.pictures import Picture

MAX_WINDOWS = MAX_EMBEDDINGS
"""Windows whose first masks are kept: a click in another one decodes all of its objects again."""

Row = tuple[tuple[float, float, int], ...]
"""Points and labels that an object's mask was decoded from, in the model frame."""


JOINT = Calibration(iou_threshold=0.1, max_negatives=3)
"""Rule by which rivals are decoded again, as the teacher does."""


@dataclass(frozen=True, eq=False)
class NewMask:
    """The mask of an object's clicks."""

    mask: MaskCrop
    score: float
    calibrated: bool


@dataclass(eq=False)
class _First:
    """An object's mask without the points of its rivals."""

    points: tuple[Point, ...]
    bits: UInt8[np.ndarray, " bytes"]
    """Its low-res mask, eight pixels a byte."""
    area: int
    rivals: set[int] = field(default_factory=set)
    decoded: Row | None = None
    """Points that its present mask was decoded from."""


class WindowMasks:
    """Keeps the masks of the objects of windows, and decodes only those that a click changes.

    The masks equal those that `decode_jointly` gives for all objects of the window at once.
    """

    def __init__(self, engine: Engine, rule: Calibration = JOINT) -> None:
        self._engine = engine
        self._rule = rule
        self._windows: OrderedDict[tuple[int, int, Window], dict[int, _First]] = OrderedDict()

    def update(
        self,
        picture: Picture,
        window: Window,
        objects: Sequence[ClickedObject],
        *,
        joint: bool,
    ) -> dict[int, NewMask]:
        """Give the masks that are new or changed, by the objects' ids.

        Args:
            picture: that shows the objects.
            window: in which the model sees them.
            objects: all that lie in it, in the order of their making.
            joint: whether rivals get each other's points as negatives.
        """
        key = (self._engine.generation, picture.number, window)
        known = self._windows.setdefault(key, {})
        self._windows.move_to_end(key)
        while len(self._windows) > MAX_WINDOWS:
            self._windows.popitem(last=False)
        if not objects:
            known.clear()
            return {}
        view = self._engine.view(picture, window)
        self._forget_changed(known, objects)
        fresh = self._decode_first(view, known, objects)
        return self._decode_changed(view, known, objects, fresh, joint=joint)

    def doubt(self, picture: Picture, objects: Iterable[int]) -> None:
        """Decode these objects again at the next update, since their masks may have changed."""
        doubted = set(objects)
        for (_, number, _), known in self._windows.items():
            if number == picture.number:
                for key in doubted & known.keys():
                    known[key].decoded = None

    def forget(self, picture: Picture) -> None:
        """Drop all masks of an image."""
        for key in [key for key in self._windows if key[1] == picture.number]:
            del self._windows[key]

    def _forget_changed(self, known: dict[int, _First], objects: Sequence[ClickedObject]) -> None:
        """Drop objects that were removed or have other clicks."""
        present = {one.id: one.points for one in objects}
        for number in [n for n, first in known.items() if present.get(n) != first.points]:
            for rival in known.pop(number).rivals:
                if rival in known:
                    known[rival].rivals.discard(number)

    def _decode_first(
        self, view: View, known: dict[int, _First], objects: Sequence[ClickedObject]
    ) -> dict[int, tuple[Tensor, float]]:
        """Decode new objects alone, and find their rivals.

        Returns:
            Low-res logits and score of the new ones.
        """
        new = [one for one in objects if one.id not in known]
        if not new:
            return {}
        prompts = view.prompts([one.points for one in new])
        decoded = segment(self._engine.model, view.embedding, prompts)
        masks = threshold(decoded.low_res_logits).cpu().numpy()
        for one, mask in zip(new, masks, strict=True):
            first = _First(one.points, np.packbits(mask), int(np.count_nonzero(mask)))
            for number, other in known.items():
                if _iou(first, other) > self._rule.iou_threshold:
                    first.rivals.add(number)
                    other.rivals.add(one.id)
            known[one.id] = first
        logits, scores = decoded.low_res_logits, decoded.iou_prediction.tolist()
        ids = (one.id for one in new)
        return dict(zip(ids, zip(logits, scores, strict=True), strict=True))

    def _decode_changed(
        self,
        view: View,
        known: Mapping[int, _First],
        objects: Sequence[ClickedObject],
        fresh: dict[int, tuple[Tensor, float]],
        *,
        joint: bool,
    ) -> dict[int, NewMask]:
        """Decode the objects whose clicks, or whose rivals' clicks, have changed."""
        prompts = view.prompts([one.points for one in objects])
        given = prompts
        if joint:
            rivals = _rival_matrix(known, objects)
            given = calibrate_negatives(prompts, rivals, max_negatives=self._rule.max_negatives)
        own = [_row(prompts, index) for index in range(len(objects))]
        rows = [_row(given, index) for index in range(len(objects))]
        changed = [i for i, one in enumerate(objects) if known[one.id].decoded != rows[i]]
        lent = [i for i in changed if rows[i] != own[i] or objects[i].id not in fresh]
        if lent:
            decoded = segment(self._engine.model, view.embedding, given[torch.tensor(lent)])
            logits, scores = decoded.low_res_logits, decoded.iou_prediction.tolist()
            for index, mask_logits, score in zip(lent, logits, scores, strict=True):
                fresh[objects[index].id] = mask_logits, score
        found: dict[int, NewMask] = {}
        for index in changed:
            number = objects[index].id
            known[number].decoded = rows[index]
            mask_logits, score = fresh[number]
            found[number] = NewMask(view.mask(mask_logits), score, rows[index] != own[index])
        return found


def _rival_matrix(
    known: Mapping[int, _First], objects: Sequence[ClickedObject]
) -> Bool[Tensor, "objects objects"]:
    rivals = torch.zeros(len(objects), len(objects), dtype=torch.bool)
    place = {one.id: index for index, one in enumerate(objects)}
    for one in objects:
        for rival in known[one.id].rivals:
            rivals[place[one.id], place[rival]] = True
    return rivals


def _iou(one: _First, other: _First) -> float:
    # Counted by numpy: a sum of so few pixels by torch waits for its threads.
    both = np.count_nonzero(np.unpackbits(one.bits & other.bits))
    return float(iou_of_areas(*torch.tensor([both, one.area, other.area])))


def _row(prompts: Prompts, index: int) -> Row:
    real = prompts.labels[index] != PADDING
    points, labels = prompts.points[index][real].tolist(), prompts.labels[index][real].tolist()
    return tuple((x, y, label) for (x, y), label in zip(points, labels, strict=True))
