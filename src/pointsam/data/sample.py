"""Samples for training and evaluation: pixels and prompts in the model frame."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from pointsam.frames import ModelFrame
from pointsam.masks import HALF
from pointsam.prompts import Prompts


@dataclass(frozen=True, eq=False)
class Sample:
    """One image resized to the model frame, unpadded, with its point prompts."""

    image_id: int
    file_name: str
    frame: ModelFrame
    pixels: UInt8[Tensor, "3 rows cols"]
    """RGB at ``frame.resized_size``."""
    prompts: Prompts
    """In the model frame; background clicks of the image are in every instance's row."""
    instance_ids: tuple[int, ...]
    categories: tuple[str, ...]
    masks: Bool[Tensor, "instances height width"] | None = None
    """Annotated masks in the image frame; only where they were asked for."""
    weights: tuple[float, ...] | None = None
    """Trust in each mask, in [0, 1]; goes with the masks."""


@dataclass(frozen=True, eq=False)
class TrainingSample:
    """A weak and a strong view of one image: the same geometry, other colours."""

    sample: Sample
    """The weak view: flipped or not. Its prompts are flipped with it."""
    strong_pixels: UInt8[Tensor, "3 height width"]
    """The weak view with other colours; objects keep their places."""
    view: int
    """Number of this view in the image's pool."""
    cover: Float[Tensor, "instances rows cols"] | None = None
    """Share of each low-res pixel that this view's masks cover, where given masks are learned."""
    background: Prompts | None = None
    """Clicks off all objects, one a prompt; None where the view has none."""

    @property
    def low_res_masks(self) -> Bool[Tensor, "instances rows cols"] | None:
        """Give the low-res pixels over half covered."""
        return None if self.cover is None else self.cover > HALF
