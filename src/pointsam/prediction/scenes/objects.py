"""Objects of a scene of any size, window by window.

Each task is a window of the lattice with the objects that are most central in it. An object's mask
depends on the scene and on its own points, but not on other objects or on where the file was cut.
The owner of a shared pixel is decided later, from the logits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pointsam.data.rasters.scene import Scene
from pointsam.data.rasters.scene_points import SceneObject, points_in_window
from pointsam.data.rasters.windows import Grid, Window, follow, shrink_of, touches
from pointsam.frames import LOW_RES_STRIDE, ModelFrame
from pointsam.masks import threshold
from pointsam.models.encoding import Precision, encode_image
from pointsam.models.segment import segment
from pointsam.models.segmenter import Embedding, Segmenter
from pointsam.prediction.automatic import similarity, stability
from pointsam.prediction.scenes.logit_maps import LogitMap, clicked_extent, crop_logits
from pointsam.prompts import Prompts

DECODED_AT_ONCE = 64
"""Objects whose full logits are held at once: 17 MB at the usual side."""

BORDER_LOGITS = 2
"""A mask this near the border of its window, in low-res pixels, may go on beyond it."""

LARGEST_WINDOW = 8192
"""Scene pixels of the widest window an object can get; a longer object is cut and marked so."""


@dataclass(frozen=True, eq=False)
class SceneMask:
    """The mask of one object, and its numbers."""

    index: int
    """Of the object."""
    logits: LogitMap | None
    """None where the mask is empty."""
    score: float
    """SAM's own estimate of the mask's IoU."""
    window: int
    """Side, in scene pixels, of the window it was decoded in: above the model's side, the object
    was seen at a lower resolution."""
    cut: bool
    """Whether the mask may go on beyond the largest window."""
    stability: float = 1.0
    """IoU of the mask at a higher and at a lower threshold."""
    similarity: float = 1.0
    """Cosine with the nearest target prototype; 1 where none were given."""


@torch.no_grad()
def segment_task(
    model: Segmenter,
    scene: Scene,
    window: Window,
    objects: Sequence[SceneObject],
    *,
    background: Float[np.ndarray, "clicks 2"],
    largest: int = LARGEST_WINDOW,
    precision: Precision = "float32",
    prototypes: Float[Tensor, "prototypes channels"] | None = None,
) -> list[SceneMask]:
    """Segment the objects of one window; an object at its border gets a larger window.

    Args:
        model: any segmenter.
        scene: open.
        window: of the lattice.
        objects: that are most central in it.
        background: clicks on no object, in the global grid.
        largest: side of the widest window an object can get, in scene pixels.
        precision: of the encoder.
        prototypes: that masks are compared with.
    """
    masks: list[SceneMask] = []
    waiting: dict[tuple[Window, bool], list[SceneObject]] = {(window, False): list(objects)}
    while waiting:
        # Small windows come first, so that a window is complete when its turn comes.
        seen, moved = min(waiting, key=lambda key: (key[1], key[0].width))
        members = waiting.pop((seen, moved))
        view = _View.of(model, scene, seen, precision=precision)
        for answer in view.answers(model, members, background, prototypes=prototypes):
            onward = _onward(answer, scene.grid, moved=moved, largest=largest)
            if isinstance(onward, Window):
                waiting.setdefault((onward, True), []).append(answer.scene_object)
            else:
                masks.append(onward)
    return sorted(masks, key=lambda mask: mask.index)


@dataclass(frozen=True, eq=False)
class _Answer:
    """The decoder's answer for one object in one window."""

    scene_object: SceneObject
    window: Window
    scale: tuple[float, float]
    low_res_logits: Float[np.ndarray, "rows cols"]
    score: float
    stability: float
    similarity: float


@dataclass(frozen=True, eq=False)
class _View:
    """A window as the model sees it."""

    window: Window
    shrink: int
    frame: ModelFrame
    embedding: Embedding

    @classmethod
    def of(cls, model: Segmenter, scene: Scene, window: Window, *, precision: Precision) -> "_View":
        """Read a window, averaged down by a power of two where it is larger than the input."""
        shrink = shrink_of(window, side=model.side)
        pixels = scene.read(window, shrink=shrink)
        frame, embedding = encode_image(model, pixels, precision=precision)
        return cls(window, shrink, frame, embedding)

    @property
    def scale(self) -> tuple[float, float]:
        """Scene pixels under one low-res pixel."""
        across, down = self.frame.scale_xy
        return LOW_RES_STRIDE * self.shrink / across, LOW_RES_STRIDE * self.shrink / down

    def answers(
        self,
        model: Segmenter,
        objects: Sequence[SceneObject],
        background: Float[np.ndarray, "clicks 2"],
        *,
        prototypes: Float[Tensor, "prototypes channels"] | None,
    ) -> Iterator[_Answer]:
        """Decode objects, a limited number at once."""
        features = model.feature_map(self.embedding)[0].float()
        for start in range(0, len(objects), DECODED_AT_ONCE):
            chunk = objects[start : start + DECODED_AT_ONCE]
            rows = [
                points_in_window(one, background, self.window, shrink=self.shrink) for one in chunk
            ]
            prompts = Prompts.from_rows(rows).moved(self.frame.to_model)
            decoded = segment(model, self.embedding, prompts)
            logits = decoded.low_res_logits.float()
            alike = similarity(features, threshold(logits), prototypes=prototypes)
            numbers = zip(
                decoded.iou_prediction.tolist(),
                stability(logits).tolist(),
                alike.tolist(),
                strict=True,
            )
            for scene_object, mask, (score, stable, like) in zip(
                chunk, logits.cpu().numpy(), numbers, strict=True
            ):
                yield _Answer(scene_object, self.window, self.scale, mask, score, stable, like)


def _onward(answer: _Answer, grid: Grid, *, moved: bool, largest: int) -> Window | SceneMask:
    """Accept an answer, or give the window to decode the object in again."""
    window, positives = answer.window, answer.scene_object.positives
    extent = clicked_extent(answer.low_res_logits, positives, window, scale=answer.scale)
    cut = extent is not None and touches(
        extent, window, grid, within=BORDER_LOGITS * answer.scale[0]
    )
    if cut and extent is not None:
        low = np.minimum(extent[:2], np.floor(positives.min(axis=0)).astype(int)).tolist()
        high = np.maximum(extent[2:], np.ceil(positives.max(axis=0)).astype(int)).tolist()
        onward = follow((*low, *high), window, moved=moved, largest=largest)
        if onward is not None:
            return onward
    logits = crop_logits(answer.low_res_logits, window, scale=answer.scale)
    side = max(window.width, window.height)
    return SceneMask(
        answer.scene_object.index,
        logits,
        answer.score,
        side,
        cut,
        stability=answer.stability,
        similarity=answer.similarity,
    )
