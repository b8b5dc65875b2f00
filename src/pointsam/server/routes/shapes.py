"""The JSON that the routes read and give."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from pointsam.server.clicked import MAX_POINTS, ClickedObject
from pointsam.server.project import Changed
from pointsam.server.session import Session

Number = Annotated[float, Field(allow_inf_nan=False)]
ClickForm = Annotated[list[Number], Field(min_length=3, max_length=3)]
Clicks = Annotated[list[ClickForm], Field(min_length=1, max_length=MAX_POINTS)]
MAX_WARNINGS = 20
"""Most slips of an image that an answer tells; it tells the number of all."""
Name = Annotated[str, Field(min_length=1, max_length=80)]


class Form(BaseModel):
    """A request's body; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class NewObject(Form):
    """Clicks that make an object."""

    points: Clicks
    category: Name = Field(alias="class")


class EditedObject(Form):
    """Changes of an object."""

    points: Clicks | None = None
    category: Name | None = Field(None, alias="class")
    seen: Clicks | None = Field(
        None, description="clicks that the page shows; 409 if it has others"
    )


class Place(Form):
    """The place in view."""

    x: Number
    y: Number


class Classes(Form):
    """A new class, or another name of one."""

    name: Name
    was: Name | None = None


class Options(Form):
    """Settings of the project."""

    joint: bool


def plain_object(one: ClickedObject) -> dict[str, Any]:
    """Give an object as the page draws it: outlines along pixel edges of the image."""
    return {
        "id": one.id,
        "class": one.category,
        "points": [list(point) for point in one.points],
        "score": round(one.score, 3),
        "calibrated": one.calibrated,
        "area": 0 if one.mask is None else one.mask.area,
        "rings": None if one.mask is None else one.mask.rings(),
        "before": None if one.before is None else one.before.rings(),
        "kept": None
        if one.mask is None or one.before is None
        else round(one.mask.iou(one.before), 3),
    }


def plain_change(session: Session, number: int, changed: Changed) -> dict[str, Any]:
    """Give the effect of a change: new and changed objects, and removed ids."""
    state = session.project.states[number]
    return {
        "objects": [plain_object(one) for one in changed.values() if one is not None],
        "gone": [key for key, one in changed.items() if one is None],
        "revision": state.revision,
        **plain_warnings(session, number),
        "counts": session.project.counts(),
    }


def plain_warnings(session: Session, number: int) -> dict[str, Any]:
    """Give the first clicks of an image that look like mistakes, and the number of all."""
    found = session.slips[number].find(session.project.states[number].objects.values())
    first = [
        {"kind": w.kind, "objects": list(w.objects), "text": w.text} for w in found[:MAX_WARNINGS]
    ]
    return {"warnings": first, "warning_count": len(found)}
