"""The model of the page: it keeps embeddings, and makes masks of clicks."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from pointsam.data.rasters.windows import Window
from pointsam.data.records import Point
from pointsam.frames import ModelFrame, to_edges, to_middles
from pointsam.masks import threshold
from pointsam.models.encoding import Precision, encode_image
from pointsam.models.segmenter import Embedding, Segmenter
from pointsam.prediction.predictor import Predictor
from pointsam.prompts import Prompts
from pointsam.server.crops import MaskCrop
from pointsam.server.pictures import Picture, Pixels, model_shrink
from pointsam.server.shown import Trained

MAX_EMBEDDINGS = 48
"""Windows whose embeddings are kept; one of the usual model takes 4 MB."""

_NOWHERE = Path("sent")
"""Number of an image that a client sent."""

Key = tuple[int, int, Window]
"""Generation of the model, number of the picture, window."""


@dataclass(frozen=True, eq=False)
class View:
    """A window of a picture with its embedding."""

    picture: Picture
    window: Window
    shrink: int
    frame: ModelFrame
    embedding: Embedding

    def prompts(self, rows: Sequence[Sequence[Point]]) -> Prompts:
        """Move objects' clicks from the image frame to the model frame."""
        return Prompts.from_rows([list(row) for row in rows]).moved(self.to_model)

    def to_model(self, points: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """Move points of the image frame to the model frame."""
        corner = points.new_tensor([self.window.x, self.window.y])
        read = to_middles((to_edges(points) - corner) / self.shrink)
        return self.frame.to_model(self.frame.clamped(read))

    def to_image(self, points: Float[Tensor, "points 2"]) -> list[tuple[float, float]]:
        """Move points of the model frame to the image frame."""
        corner = points.new_tensor([self.window.x, self.window.y])
        places = to_middles(to_edges(self.frame.to_image(points)) * self.shrink + corner)
        return [(x, y) for x, y in places.tolist()]

    def mask(self, low_res_logits: Float[Tensor, "rows cols"]) -> MaskCrop:
        """Resize the logits of one object to the image, and threshold them there."""
        logits = self.frame.logits_to_image(low_res_logits[None].float())
        if self.shrink > 1:
            size = (self.window.height, self.window.width)
            logits = F.interpolate(logits[:, None], size, mode="bilinear")[:, 0]
        mask = threshold(logits[0]).cpu().numpy()
        height, width = self.picture.size
        left, top = max(0, -self.window.x), max(0, -self.window.y)
        right, bottom = width - self.window.x, height - self.window.y
        inside = mask[top:bottom, left:right]
        return MaskCrop.cut(inside, x=self.window.x + left, y=self.window.y + top)


class Engine:
    """Holds one model at a time; each new model gets a new generation number."""

    def __init__(
        self,
        predictor: Predictor,
        pixels: Pixels,
        *,
        precision: Precision = "float32",
        max_embeddings: int = MAX_EMBEDDINGS,
        trained: Trained = Trained(),  # noqa: B008 (frozen)
    ) -> None:
        self.pixels = pixels
        self.precision: Precision = precision
        self._max_embeddings = max_embeddings
        self._views: OrderedDict[Key, View] = OrderedDict()
        self._busy: dict[Key, Lock] = {}
        self._lock = Lock()
        self._model = predictor.model.eval()
        self.trained = trained
        self._generation = 0

    @property
    def model(self) -> Segmenter:
        """The present model."""
        return self._model

    @property
    def generation(self) -> int:
        """Grows with every change of the model."""
        return self._generation

    def use(self, predictor: Predictor, *, trained: Trained) -> None:
        """Use another model, and drop all embeddings of the former one."""
        with self._lock:
            self._model = predictor.model.eval()
            self.trained = trained
            self._generation += 1
            self._views.clear()
            self._busy.clear()

    def window_of(self, picture: Picture, points: tuple[Point, ...]) -> Window:
        """Choose the window that the model sees for an object."""
        return picture.window(points, side=self._model.side, trained=self.trained.ground_size)

    def metres_shown(self, picture: Picture) -> float | None:
        """Give the metres on the ground of a pixel of the model; None where that is not known."""
        return picture.metres_shown(side=self._model.side, trained=self.trained.ground_size)

    def has(self, picture: Picture, window: Window) -> bool:
        """Say whether a window's embedding is kept."""
        with self._lock:
            return (self._generation, picture.number, window) in self._views

    def view(self, picture: Picture, window: Window) -> View:
        """Give a window with its embedding, which is encoded unless it is kept.

        Two threads that ask for one window wait for one encoding.

        Raises:
            FileNotFoundError: the image was removed.
            InputError: it is damaged.
        """
        with self._lock:
            model, key = self._model, (self._generation, picture.number, window)
            one_at_a_time = self._busy.setdefault(key, Lock())
        with one_at_a_time:
            with self._lock:
                if key in self._views:
                    self._views.move_to_end(key)
                    return self._views[key]
            view = self._encode(model, picture, window)
            with self._lock:
                self._busy.pop(key, None)
                if key[0] == self._generation:
                    self._views[key] = view
                while len(self._views) > self._max_embeddings:
                    self._views.popitem(last=False)
            return view

    def view_of_pixels(self, image: UInt8[np.ndarray, "height width 3"]) -> View:
        """Encode an image that a client sent; it is not kept."""
        height, width = image.shape[:2]
        nowhere = Picture(0, _NOWHERE, (height, width), None, None)
        return self._seen(self._model, nowhere, Window(0, 0, width, height), image, shrink=1)

    def _encode(self, model: Segmenter, picture: Picture, window: Window) -> View:
        shrink = model_shrink(picture, window, side=model.side)
        image = self.pixels.read(picture, window, shrink=shrink)
        return self._seen(model, picture, window, image, shrink=shrink)

    def _seen(
        self,
        model: Segmenter,
        picture: Picture,
        window: Window,
        image: UInt8[np.ndarray, "height width 3"],
        *,
        shrink: int,
    ) -> View:
        frame, embedding = encode_image(model, image, precision=self.precision)
        return View(picture, window, shrink, frame, embedding)
