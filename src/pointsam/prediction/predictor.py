"""The predictor of the Python library: image and points in, masks out, all as arrays."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from pointsam.errors import InputError
from pointsam.frames import ModelFrame
from pointsam.masks import masks_in_image
from pointsam.models.adapters.by_name import find_adapter
from pointsam.models.adapters.card import AdapterCard, read_card
from pointsam.models.adapters.lora import Adapter
from pointsam.models.encoding import Precision, PrecisionChoice, choose_precision, encode_image
from pointsam.models.loading.checkpoints import EMBEDDED, load_adapter, load_segmenter
from pointsam.models.loading.registry import KNOWN_MODELS
from pointsam.models.segment import segment
from pointsam.models.segmenter import Embedding, Segmenter
from pointsam.prediction import showing
from pointsam.prediction.arrays import Given, pixels_of, prompts_of, transform_of
from pointsam.prediction.polygons import PolygonRules
from pointsam.prompts import Prompts

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

USUAL_SIDE = 1024
"""Side of the model's input where no adapter says otherwise, in pixels."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Masks of the instances of one image, in the order of the points."""

    masks: Bool[np.ndarray, "instances height width"]
    """In the image frame."""
    scores: Float[np.ndarray, " instances"]
    """SAM's own estimate of each mask's IoU."""
    low_res_logits: Float[np.ndarray, "instances rows cols"]
    """A mask is where its logits are positive."""
    image: UInt8[np.ndarray, "height width 3"] | None = None
    """The image that the masks are of, for pictures."""
    prompts: Prompts | None = None
    """Points and boxes of the call, in the image frame."""

    def plot(self) -> Image.Image:
        """Give a picture of image, masks and points, which a notebook shows."""
        given = self.prompts
        if given is None or not given.labels.shape[1]:
            return showing.picture(self.masks, self.image, None, None)
        points, labels = given.points.cpu().numpy(), given.labels.cpu().numpy()
        return showing.picture(self.masks, self.image, points, labels)

    def _repr_png_(self) -> bytes:
        """Give the picture that a notebook shows."""
        return showing.as_png(self.plot())

    def to_coco(self, *, file_name: str = "image", category: str = "object") -> dict[str, Any]:
        """Give the content of a COCO file of this image: masks as RLE, boxes, scores."""
        return showing.coco_of(self.masks, self.scores, file_name=file_name, category=category)

    def to_geodataframe(
        self,
        *,
        transform: Given | None = None,
        crs: str | None = None,
        rules: PolygonRules = PolygonRules(),  # noqa: B008 (frozen)
    ) -> "GeoDataFrame":
        """Give a polygon, a score and an area in pixels for each instance; needs geopandas.

        Args:
            transform: pixel corners to map, rasterio's Affine or its ``(a, b, c, d, e, f)``; pixels
                if None.
            crs: of the map, in any form geopandas takes.
            rules: for the polygons, lengths in pixels.

        Raises:
            InputError: geopandas is not installed, or other numbers than a transform's.
        """
        return showing.geodataframe_of(
            self.masks,
            self.scores,
            transform=None if transform is None else transform_of(transform),
            crs=crs,
            rules=rules,
        )


class Predictor:
    """A model, adapted or not, that keeps the embedding of the last image."""

    def __init__(
        self,
        model: Segmenter,
        adapter: Adapter | None = None,
        *,
        precision: Precision = "float32",
    ) -> None:
        self.model = model
        self.adapter = adapter
        self.precision: Precision = precision
        self._seen: tuple[bytes, ModelFrame, Embedding] | None = None

    def predict(
        self,
        image: Given,
        points: Given | None = None,
        labels: Given | None = None,
        *,
        boxes: Given | None = None,
    ) -> Prediction:
        """Segment one instance for each row of points, each box, or each of both.

        An image is encoded once: further calls with the same pixels use its embedding. All are
        arrays, or what numpy makes one of: lists, tensors, a PIL image.

        Args:
            image: RGB, uint8 ``(height, width, 3)``.
            points: ``(x, y)`` in pixels, an integer being the middle of a pixel; one point an
                instance, ``(instances, 2)``, or one row, ``(instances, points, 2)``.
            labels: 1 on the object, 0 off it, -1 no point (shorter rows); all 1 if not given;
                ``(instances, points)``.
            boxes: ``(x0, y0, x1, y1)`` around each instance, in the same pixels; ``(boxes, 4)``.

        Raises:
            InputError: no RGB bytes, points or boxes off the image, other labels, labels without
                points, a row without a positive point, a box without area, or neither points nor
                boxes.
        """
        pixels = pixels_of(image)
        prompts = prompts_of(points, labels, boxes, size=(pixels.shape[0], pixels.shape[1]))
        frame, embedding = self._encode(pixels)
        decoded = segment(self.model, embedding, prompts.moved(frame.to_model))
        logits = decoded.low_res_logits.float()
        masks = masks_in_image(logits, frame).numpy()
        scores = decoded.iou_prediction.float().cpu().numpy()
        return Prediction(masks, scores, logits.cpu().numpy(), pixels, prompts)

    def embedding(self, image: Given) -> Float[np.ndarray, "channels rows cols"]:
        """Give the image embedding, one cell every 16 pixels of the model's input.

        Raises:
            InputError: no RGB bytes.
        """
        return self._encode(pixels_of(image))[1].image[0].float().cpu().numpy()

    @contextmanager
    def direct(self) -> Iterator[None]:
        """Switch the adapter off inside a ``with`` block.

        Raises:
            InputError: there is no adapter.
        """
        if self.adapter is None:
            raise InputError("no adapter is loaded, so the model is the direct one already.")
        self.forget()
        try:
            with self.adapter.disabled():
                yield
        finally:
            self.forget()

    def forget(self) -> None:
        """Drop the embedding of the last image."""
        self._seen = None

    def _encode(self, image: UInt8[np.ndarray, "height width 3"]) -> tuple[ModelFrame, Embedding]:
        content = hashlib.blake2b(repr(image.shape).encode())
        content.update(np.ascontiguousarray(image).data)
        key = content.digest()
        if self._seen is None or self._seen[0] != key:
            frame, embedding = encode_image(self.model, image, precision=self.precision)
            self._seen = key, frame, embedding
        return self._seen[1], self._seen[2]


def load(
    name: str | Path | None = None,
    *,
    adapter: str | Path | None = None,
    side: int | None = None,
    device: str = "cpu",
    precision: PrecisionChoice = "auto",
    card: AdapterCard | None = None,
) -> Predictor:
    """Load a model, and an adapter on it, ready to predict.

    Args:
        name: as ``--model`` of the command line: a known name or a checkpoint file; the base that
            the adapter names, or ``mobile_sam``, if not given.
        adapter: folder that ``pointsam train`` wrote, or the name of a shipped adapter.
        side: of the model's input, in pixels; the adapter's own, or 1024.
        device: ``cpu``, ``cuda``, ``cuda:1``, ...
        precision: of the encoder: ``float32``, ``bfloat16``, or ``auto``, which is bfloat16 where
            the device multiplies it.
        card: of the adapter, where it has been read already.

    Raises:
        FileNotFoundError: no such model or adapter.
        InputError: damaged files, or an adapter of another base.
    """
    folder = None if adapter is None else find_adapter(adapter)
    if folder is not None and card is None:
        card = read_card(folder)
    base = usual_base(folder, card=card) if name is None else str(name)
    fitting = USUAL_SIDE if card is None else card.side
    model = load_segmenter(base, side=fitting if side is None else side, device=device)
    chosen = choose_precision(precision, device=device)
    if folder is None:
        return Predictor(model, precision=chosen)
    return Predictor(model.eval(), load_adapter(model, folder, card=card), precision=chosen)


def usual_base(adapter: Path | None, *, card: AdapterCard | None = None) -> str:
    """Name the model that is loaded where none is asked for: the adapter's base.

    Raises:
        InputError: the adapter's base is neither a known name nor a file on this machine. A base
            that only the card names is not downloaded: the user must name it.
    """
    if adapter is None:
        return EMBEDDED
    base = (read_card(adapter) if card is None else card).base
    known = {model.repo for model in KNOWN_MODELS.values()}
    if base in KNOWN_MODELS or base in known or Path(base).exists():
        return base
    raise InputError(
        f"{adapter} was trained on {base!r}, which is not here: give --model the path of that "
        "model, or its name on the hub."
    )
