"""X-AnyLabeling's remote server (4.0.2, services/auto_labeling/remote_server.py)."""

from typing import Any

import cv2
import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel

from pointsam.data.clicks.values import label_of
from pointsam.data.records import Box, Point
from pointsam.errors import InputError
from pointsam.server.answering import on_model, session_of
from pointsam.server.compat.prompting import Found, segment_sent
from pointsam.server.compat.sent import read_data_uri
from pointsam.server.session import Session

router = APIRouter(prefix="/v1", tags=["X-AnyLabeling"])

MODEL = "pointsam"
LABEL = "AUTOLABEL_OBJECT"
"""The client's name of an object that the user has not named."""
WIDGETS = (
    "button_add_point",
    "button_remove_point",
    "button_add_rect",
    "button_clear",
    "button_finish_object",
    "mask_fineness_slider",
    "mask_fineness_value_label",
    "output_label",
    "output_select_combobox",
    "toggle_preserve_existing_annotations",
)
"""Widgets of the client's window that this model uses."""
MAX_EPSILON = 0.1


class Asked(BaseModel):
    """A request of the client."""

    model: str | None = None
    image: str
    params: dict[str, Any] = {}


@router.get("/models")
async def models(request: Request) -> dict[str, Any]:
    """List the one model that is served."""
    session = session_of(request)
    adapted = ", adapted" if session.adapter else ""
    return {
        "data": {
            MODEL: {
                "model_id": MODEL,
                "display_name": f"pointsam ({session.model_name}{adapted})",
                "widgets": [{"name": name} for name in WIDGETS],
                "params": {},
                "batch_processing_mode": None,
            }
        }
    }


@router.post("/predict")
async def predict(request: Request, asked: Asked) -> dict[str, Any]:
    """Give a polygon of the object that was marked."""
    session = session_of(request)
    return await on_model(request, lambda: _predict(session, asked))


def _predict(session: Session, asked: Asked) -> dict[str, Any]:
    points, boxes = _marks(asked.params.get("marks") or [])
    if not points and not boxes:
        return {"data": {"shapes": [], "description": "", "replace": None}}
    image = read_data_uri(asked.image, trained=session.engine.trained.stretch)
    found = segment_sent(session, image, points, boxes)
    epsilon = asked.params.get("epsilon_factor", 0.001)
    if not isinstance(epsilon, int | float) or not 0 <= epsilon <= MAX_EPSILON:
        raise InputError(f"epsilon_factor is {epsilon!r}, expected a number up to {MAX_EPSILON}.")
    shapes = [shape for one in found for shape in _shapes(one, epsilon)]
    return {"data": {"shapes": shapes, "description": "", "replace": True}}


def _marks(marks: Any) -> tuple[list[Point], list[Box]]:
    """Read the marks; the client gives indices of whole pixels."""
    points: list[Point] = []
    boxes: list[Box] = []
    try:
        for mark in marks:
            data = [float(number) for number in mark["data"]]
            if mark["type"] == "point":
                x, y = data
                points.append((x, y, _flag(mark["label"])))
            elif mark["type"] == "rectangle":
                x0, y0, x1, y1 = data
                boxes.append((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
            else:
                raise InputError(f"a mark is a point or a rectangle, not a {mark['type']!r}.")
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError('a mark is {"type", "data", "label"}, data of 2 or 4 numbers.') from error
    return points, boxes


def _flag(label: Any) -> int:
    """Read the label of a point, which may be written as text."""
    flag = label_of(label, "a mark")
    if flag is None:
        raise InputError("a mark has no label, expected 1 (on the object) or 0 (off it).")
    return flag


def _shapes(found: Found, epsilon: float) -> list[dict[str, Any]]:
    """Give the largest part of a mask as a polygon, simplified by the client's slider."""
    rings = [np.array(ring, dtype=np.float32).reshape(-1, 2) for ring in found.mask.rings()]
    if not rings:
        return []
    outer = max(rings, key=cv2.contourArea)
    corners = cv2.approxPolyDP(outer, epsilon * cv2.arcLength(outer, closed=True), closed=True)
    return [
        {
            "label": LABEL,
            "shape_type": "polygon",
            "points": corners[:, 0].tolist(),
            "score": round(found.score, 4),
            "attributes": {},
            "description": None,
            "difficult": False,
            "direction": 0,
            "flags": None,
            "group_id": None,
            "kie_linking": [],
        }
    ]
