"""The families of models: how each is told by its folder or its released file, and what wraps it.

A new family is one row here and one file in ``families/``. The table lies in this room, as reading
released files does, which the families know nothing of.
"""

from collections.abc import Callable
from dataclasses import dataclass

from transformers import PreTrainedModel, Sam2Model, Sam3TrackerModel, SamHQModel, SamModel

from pointsam.models.families.mobile_sam import MobileSam
from pointsam.models.families.sam import Sam
from pointsam.models.families.sam2 import Sam2
from pointsam.models.families.sam3 import Sam3Tracker
from pointsam.models.families.sam_hq import SamHQ
from pointsam.models.loading import official_hq, official_sam2, official_vit
from pointsam.models.loading.official import MOBILE_SAM_MARK, from_official
from pointsam.models.loading.state_files import State, fill
from pointsam.models.segmenter import Segmenter


@dataclass(frozen=True)
class Released:
    """How a released file of a family is told, and read."""

    title: str
    """Of the family, for messages."""
    mark: str
    """A name, or the beginning of names, that only such files hold."""
    read: Callable[[State, str, int], Segmenter]
    """Makes the model of a state dict, for a file's name and a side in pixels.

    Raises KeyError where a weight is missing that sizes are read from.
    """


@dataclass(frozen=True)
class Family:
    """One row: a segmenter, and the models of the library and the released files it wraps."""

    segmenter: Callable[..., Segmenter]
    library: type[PreTrainedModel] | None = None
    """None where it is not one of the library's."""
    model_types: tuple[str, ...] = ()
    """The ``model_type`` of their ``config.json``."""
    released: Released | None = None
    """None where it is only loaded from folders."""


def _mobile_sam(state: State, name: str, side: int) -> Segmenter:
    model = MobileSam(side=side)
    fill(model, from_official(state), name)
    return model


def _sam(state: State, name: str, side: int) -> Segmenter:
    library = SamModel(official_vit.vit_config(state))
    fill(library, official_vit.from_official_vit(state), name)
    return Sam(library, side=side)


def _sam_hq(state: State, name: str, side: int) -> Segmenter:
    library = SamHQModel(official_hq.hq_config(state))
    fill(library, official_hq.from_official_hq(state), name)
    return SamHQ(library, side=side)


def _sam2(state: State, name: str, side: int) -> Segmenter:
    library = Sam2Model(official_sam2.sam2_config(state))
    fill(library, official_sam2.from_official_sam2(state), name)
    return Sam2(library, side=side)


FAMILIES = (
    Family(MobileSam, released=Released("MobileSAM", MOBILE_SAM_MARK, _mobile_sam)),
    Family(Sam, SamModel, ("sam",), Released("SAM", official_vit.MARK, _sam)),
    Family(SamHQ, SamHQModel, ("sam_hq",), Released("SAM-HQ", official_hq.MARK, _sam_hq)),
    # The released SAM 2.1 repositories describe the video model, which holds the image model.
    Family(Sam2, Sam2Model, ("sam2", "sam2_video"), Released("SAM 2", official_sam2.MARK, _sam2)),
    Family(Sam3Tracker, Sam3TrackerModel, ("sam3_tracker",)),
)

BY_MODEL_TYPE = {kind: family for family in FAMILIES for kind in family.model_types}
RELEASED = tuple(family.released for family in FAMILIES if family.released is not None)


def released_as(state: State) -> Released | None:
    """Tell the family whose released names a state dict has.

    A file of SAM-HQ holds all names of SAM, too: where two fit, the later row is meant.
    """
    fitting = [
        released for released in RELEASED if any(name.startswith(released.mark) for name in state)
    ]
    return fitting[-1] if fitting else None
