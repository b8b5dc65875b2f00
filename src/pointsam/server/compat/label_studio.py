"""A backend of Label Studio (ml/api_connector.py; label-studio-ml-backend's api.py)."""

import uuid
from typing import Any
from xml.etree import ElementTree

from fastapi import APIRouter, Request
from pydantic import BaseModel

from pointsam.data.clicks.label_studio_uploads import file_of
from pointsam.data.rasters.windows import Window
from pointsam.data.records import Box, Point
from pointsam.errors import InputError
from pointsam.frames import to_middles
from pointsam.server.answering import on_model, session_of
from pointsam.server.compat.brush import brush_rle
from pointsam.server.compat.prompting import segment_sent
from pointsam.server.compat.sent import MAX_PIXELS, SentImage, read_data_uri
from pointsam.server.session import Session

router = APIRouter(tags=["Label Studio"])

MODEL_VERSION = "pointsam"
_MAX_CONFIG = 200_000
PROMPTS = ("keypointlabels", "rectanglelabels")
"""Kinds of marks that are prompts."""


class Asked(BaseModel):
    """A request for predictions."""

    tasks: list[dict[str, Any]] = []
    label_config: str = ""
    params: dict[str, Any] = {}


@router.post("/setup")
async def setup() -> dict[str, str]:
    """Give the model's version."""
    return {"model_version": MODEL_VERSION}


@router.post("/predict")
async def predict(request: Request, asked: Asked) -> dict[str, Any]:
    """Give a brush mask of the key points and rectangles of one interaction."""
    context = asked.params.get("context") or {}
    if not isinstance(context, dict):
        raise InputError("the task's context is not as Label Studio sends it.")
    if not asked.tasks or not context.get("result"):
        return {"results": []}
    session = session_of(request)
    return await on_model(request, lambda: _predict(session, asked, context["result"]))


@router.post("/webhook")
async def webhook() -> dict[str, str]:
    """Accept events without effect; training is started on the page."""
    return {"status": "Unknown event"}


def _predict(session: Session, asked: Asked, marks: list[dict[str, Any]]) -> dict[str, Any]:
    from_name, to_name, value = _tags(asked.label_config)
    try:
        source = str(asked.tasks[0]["data"][value])
        width, height = int(marks[0]["original_width"]), int(marks[0]["original_height"])
        points, boxes, label = _prompts(marks, (height, width))
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError("the task or its context is not as Label Studio sends them.") from error
    image = _image(session, source)
    if image.size != (height, width):
        raise InputError(
            f"the image here has {image.size} px (height, width), Label Studio's {(height, width)}."
        )
    found = segment_sent(session, image, points, boxes)
    results = [
        {
            "id": uuid.uuid4().hex[:8],
            "from_name": from_name,
            "to_name": to_name,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {
                "format": "rle",
                "rle": brush_rle(one.mask, image.size),
                "brushlabels": [label],
            },
            "score": one.score,
            "type": "brushlabels",
            "readonly": False,
        }
        for one in found
    ]
    score = sum(one.score for one in found) / max(1, len(found))
    prediction = {"result": results, "score": score, "model_version": MODEL_VERSION}
    return {"results": [prediction]}


def _tags(config: str) -> tuple[str, str, str]:
    """Read from a labelling setup: name of the brush, of its image, and the task's key.

    Raises:
        InputError: no setup with a brush on an image.
    """
    # A recursive entity expands without end; a labelling setup needs none.
    if len(config) > _MAX_CONFIG or "<!ENTITY" in config.upper():
        raise InputError("the labelling setup is too long, or has entities.")
    try:
        tree = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        raise InputError("the labelling setup is no XML.") from error
    images = {tag.get("name"): tag.get("value", "") for tag in tree.iter("Image")}
    for tag in tree.iter("BrushLabels"):
        shown = tag.get("toName")
        if shown in images and tag.get("name"):
            return str(tag.get("name")), str(shown), images[shown].lstrip("$")
    raise InputError("the labelling setup needs BrushLabels on an Image: masks are brushes.")


def _prompts(
    marks: list[dict[str, Any]], size: tuple[int, int]
) -> tuple[list[Point], list[Box], str]:
    """Convert key points and rectangles, in percent from pixel edges, to the image frame."""
    height, width = size
    points: list[Point] = []
    boxes: list[Box] = []
    label = ""
    for mark in marks:
        kind, value = str(mark["type"]), mark["value"]
        if kind not in PROMPTS:
            raise InputError(f"a mark of kind {kind!r} is no prompt: use key points or rectangles.")
        x, y = float(value["x"]) / 100 * width, float(value["y"]) / 100 * height
        label = str(value[kind][0])
        if kind == "keypointlabels":
            on = int(bool(mark.get("is_positive", 1)))
            points.append((to_middles(x), to_middles(y), on))
        else:
            right = x + float(value["width"]) / 100 * width
            bottom = y + float(value["height"]) / 100 * height
            boxes.append((to_middles(x), to_middles(y), to_middles(right), to_middles(bottom)))
    return points, boxes, label


def _image(session: Session, source: str) -> SentImage:
    """Give the task's image: one of the served ones by its name, or a data URI.

    A request can neither make the server fetch an address nor open a path.

    Raises:
        InputError: no image of that name is served, or it may be of several.
    """
    if source.startswith("data:"):
        return read_data_uri(source, trained=session.engine.trained.stretch)
    served = {picture.name: picture for picture in session.project.pictures.values()}
    name = file_of(source, [name for name, picture in served.items() if picture.size[0]])
    if name is None:
        raise InputError(
            f"no image of the link {source!r} is served: start pointsam serve with the task's "
            "images."
        )
    picture = served[name]
    height, width = picture.size
    if height * width > MAX_PIXELS:
        raise InputError(f"{picture.name} is too large for Label Studio's brush.")
    whole = Window(0, 0, width, height)
    return SentImage(session.pixels.read(picture, whole, shrink=1))
