"""What a run says of itself at its end: the frozen and the adapted model on the same clicks.

No mask is read. Three numbers judge the masks of both models: whether they agree with all clicks,
what speaks against them in a choice over the masks of both, and whether the mirrored image gives
the same. `docs/results.md` shows how well they foretell what annotated masks say.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from pointsam.data.dataset import ImageSource
from pointsam.data.records import ImageRecord
from pointsam.evaluation.held_out import (
    FIGURE_NAME,
    SEEN_FIGURE_NAME,
    SEEN_IMAGES,
    HeldOut,
    Looked,
    compare,
    compare_masks,
    draw,
    largest,
    look_at,
    spread,
)
from pointsam.frames import LOW_RES_STRIDE
from pointsam.labelling.candidates import Candidates
from pointsam.labelling.consensus import Groups, choose
from pointsam.labelling.energy import trimmed
from pointsam.labelling.evidence import Evidence, join, measure
from pointsam.labelling.label_frame import LABEL_STRIDE, label_size
from pointsam.masks import threshold
from pointsam.training.result import AdapterWriter
from pointsam.training.step import Trainer

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """Whether a run made its model better, as far as clicks tell."""

    found: HeldOut
    held_out: bool
    """True if training used none of these clicks."""

    @property
    def worse(self) -> bool:
        """Say whether clicks speak against the adapted model."""
        found = self.found
        fewer = found.adapted_agreeing < found.direct_agreeing
        unlike = found.adapted_energy > found.direct_energy
        unsteady = found.adapted_steadiness < found.direct_steadiness
        return fewer or (unlike and unsteady)

    def __str__(self) -> str:
        found = self.found
        kind = "held-out" if self.held_out else "training"
        said = "worse than the frozen model" if self.worse else "at least as good as the frozen one"
        line = (
            f"judged by the clicks of {found.images} {kind} images, the adapted model is {said}: "
            f"masks that agree with all clicks {_percent(found.direct_agreeing)} -> "
            f"{_percent(found.adapted_agreeing)} %, energy against them {found.direct_energy:.2f} "
            f"-> {found.adapted_energy:.2f}, IoU with the mirrored image's "
            f"{_percent(found.direct_steadiness)} -> {_percent(found.adapted_steadiness)} %"
        )
        return f"{line}; look at its figures before you use the adapter." if self.worse else line


def look_back(
    trainer: Trainer,
    writer: AdapterWriter,
    images: ImageSource,
    *,
    held_out: Sequence[ImageRecord],
    learned: Sequence[ImageRecord],
) -> Verdict | None:
    """Compare direct and adapted model, and write the numbers into the adapter's card.

    Args:
        trainer: at the end of its run.
        writer: of the adapter folder.
        images: gives the pixels of all records.
        held_out: with clicks that the run did not see.
        learned: by the run: where nothing was held out, some of these show at least whether it
            broke.

    Returns:
        None where there is nothing to look at.
    """
    seen = not held_out
    records = spread(learned, SEEN_IMAGES) if seen else held_out
    if not records:
        return None
    found, weighed = [], []
    shown: list[Looked] = []
    for row in look_at(
        trainer.model,
        trainer.adapter,
        records,
        images,
        adapted=trainer.average.state,
        precision=trainer.precision,
    ):
        found.append(compare_masks(row))
        weighed.append(weigh(row, images))
        shown = largest([*shown, row])
    draw(shown, images, writer.folder / "figures" / (SEEN_FIGURE_NAME if seen else FIGURE_NAME))
    told = Verdict(compare(found, energies=energies(weighed)), held_out=not seen)
    writer.add_scores(told.found.scores(prefix="seen" if seen else "held_out"))
    if told.worse:
        _logger.warning("%s", told)
    return told


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


@dataclass(frozen=True)
class Weighed:
    """What the choice of labels would know of both models' masks in one image."""

    direct: Evidence
    adapted: Evidence
    categories: tuple[str, ...]
    """Of the objects."""


def weigh(row: Looked, images: ImageSource) -> Weighed:
    """Measure the masks of both models in one image."""
    image, points = images(row.record), row.record.clicks
    return Weighed(
        measure(_as_candidates(row.direct.logits, row), image, points),
        measure(_as_candidates(row.adapted.logits, row), image, points),
        tuple(instance.category for instance in row.record.instances),
    )


def energies(found: Sequence[Weighed]) -> tuple[float, float]:
    """Give the mean energy of the direct and of the adapted model's masks.

    Sizes and shapes are held against those of both models' masks together, class by class.
    """
    names = sorted({name for image in found for name in image.categories})
    parts: list[Evidence] = []
    group, place, adapted = [], [], []
    for number, image in enumerate(found):
        for is_adapted, evidence in enumerate((image.direct, image.adapted)):
            parts.append(evidence)
            group += [names.index(name) for name in image.categories]
            place += [number] * len(image.categories)
            adapted += [is_adapted] * len(image.categories)
    groups = Groups(group=np.array(group), image=np.array(place))
    energy = choose(join(parts), groups).energy
    kept = trimmed(energy)
    of_adapted = np.array(adapted) == 1
    return float(kept[~of_adapted].mean()), float(kept[of_adapted].mean())


def _as_candidates(logits: Float[Tensor, "instances rows cols"], row: Looked) -> Candidates:
    """Bring a model's masks to the label frame, one candidate an object.

    SAM's own estimates are left out: training changes what they mean.
    """
    rows, cols = label_size(row.sample.frame)
    large = F.interpolate(logits[:, None], scale_factor=LOW_RES_STRIDE / LABEL_STRIDE,
                          mode="bilinear")  # fmt: skip
    masks = threshold(large)[..., :rows, :cols].numpy().reshape(len(logits), 1, -1)
    alone: tuple[int, int] = (len(logits), 1)
    return Candidates(
        (rows, cols),
        np.packbits(masks, axis=-1),
        np.zeros(alone, dtype=np.float32),
        np.zeros(alone, dtype=bool),
    )
