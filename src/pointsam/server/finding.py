"""Finds more objects: automatic masks, ranked by likeness to the clicked ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from pointsam.data.rasters.windows import Window
from pointsam.errors import InputError
from pointsam.masks import mask_features, threshold
from pointsam.models.segment import segment
from pointsam.prediction.automatic import AutomaticSettings, automatic_masks
from pointsam.server.clicked import ClickedObject
from pointsam.server.crops import MaskCrop
from pointsam.server.engine import View
from pointsam.server.pictures import Picture
from pointsam.server.session import Session

SETTINGS = AutomaticSettings(
    grid=20, min_iou=0.5, min_stability=0.7, max_overlap=0.5, rank_by=("similarity",)
)
MAX_OFFERS = 24
MAX_EXAMPLES = 32
"""Most clicked objects whose features are compared."""
MAX_VIEWS = 3
"""Most windows that examples are taken from."""
MAX_OVERLAP = 0.3
"""IoU with a clicked object above which a mask is that object."""
SIZES = 5.0
"""A like object has at most this factor more or less than the clicked ones' median area."""


@dataclass(frozen=True, eq=False)
class Offer:
    """A mask that may be an object of the class."""

    point: tuple[float, float]
    """The click that gives the mask, in the image frame."""
    mask: MaskCrop
    likeness: float
    """Cosine of its mean feature with the nearest clicked object's."""

    def plain(self, category: str) -> dict[str, Any]:
        """Give the offer as the page draws it."""
        return {
            "point": [round(self.point[0], 2), round(self.point[1], 2)],
            "rings": self.mask.rings(),
            "area": self.mask.area,
            "likeness": round(self.likeness, 3),
            "class": category,
        }


def find_more(
    session: Session, number: int, box: tuple[float, float, float, float], category: str
) -> list[Offer]:
    """Find masks in the window around the middle of the view, the most alike first.

    Raises:
        InputError: an unknown image, a class without a clicked object, or an image that cannot
            be read.
    """
    picture = session.project.picture(number)
    examples = list(_examples(session, number, category))
    if not examples:
        raise InputError(f"click an object of class {category!r} first, to find more like it.")
    height, width = picture.size
    x = min(max((box[0] + box[2]) / 2, 0), width - 1)
    y = min(max((box[1] + box[3]) / 2, 0), height - 1)
    window = session.engine.window_of(picture, ((x, y, 1),))
    prototypes = _prototypes(session, examples)
    view = session.engine.view(picture, window)
    found = automatic_masks(
        session.engine.model, view.embedding, view.frame, SETTINGS, prototypes=prototypes
    )
    areas = [one.mask.area for _, one in examples if one.mask is not None and one.mask.area]
    usual = median(areas) if areas else 0
    known = list(session.project.states[number].objects.values())
    offers: list[Offer] = []
    for place, point in enumerate(view.to_image(found.points)):
        mask = view.mask(found.low_res_logits[place])
        odd = usual and not usual / SIZES <= mask.area <= usual * SIZES
        if odd or not mask.area or _known(mask, point, known):
            continue
        offers.append(Offer(point, mask, float(found.similarity[place])))
        if len(offers) == MAX_OFFERS:
            break
    return offers


def _known(mask: MaskCrop, point: tuple[float, float], objects: Iterable[ClickedObject]) -> bool:
    """Say whether a mask is an object that was clicked already."""
    made = (one.mask for one in objects if one.mask is not None)
    return any(other.holds(point) or mask.iou(other) > MAX_OVERLAP for other in made)


def _examples(
    session: Session, number: int, category: str
) -> Iterable[tuple[Picture, ClickedObject]]:
    """List clicked objects of a class, those of the open image first."""
    states = session.project.states
    for key in sorted(states, key=lambda key: key != number):
        for one in states[key].objects.values():
            if one.category == category:
                yield session.project.pictures[key], one


def _prototypes(
    session: Session, examples: list[tuple[Picture, ClickedObject]]
) -> Float[Tensor, "objects channels"]:
    """Give each example's mean feature under its mask."""
    groups: dict[tuple[Picture, Window], list[ClickedObject]] = {}
    for picture, one in examples[:MAX_EXAMPLES]:
        key = (picture, session.engine.window_of(picture, one.points))
        if key in groups or len(groups) < MAX_VIEWS:
            groups.setdefault(key, []).append(one)
    features = [
        _features(session, session.engine.view(picture, window), objects)
        for (picture, window), objects in groups.items()
    ]
    return torch.cat(features)


@torch.no_grad()
def _features(
    session: Session, view: View, objects: list[ClickedObject]
) -> Float[Tensor, "objects channels"]:
    model = session.engine.model
    decoded = segment(model, view.embedding, view.prompts([one.points for one in objects]))
    features = model.feature_map(view.embedding)[0].float()
    return F.normalize(mask_features(features, threshold(decoded.low_res_logits)), dim=1)
