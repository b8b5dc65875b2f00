"""Reads clicks from Label Studio: the key points of its tasks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pointsam.data.clicks.asked import Asked, stated_size
from pointsam.data.clicks.columns import not_read
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.label_studio_links import image_of
from pointsam.data.clicks.label_studio_min import INSTANCE, VALUES
from pointsam.data.clicks.label_studio_tasks import Task, as_exported, holds_tasks, tasks_in
from pointsam.data.clicks.label_studio_uploads import under_own_names
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import OBJECT, text_of
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.frames import to_middles
from pointsam.prompts import NEGATIVE

POINTS = ("keypointlabels", "keypoint")
"""Kinds of results that are clicks; the second has its class in another result of the same id."""


@dataclass(frozen=True)
class _Region:
    """One click of one task."""

    task: Task
    told: Told
    result: dict[str, Any]
    fields: dict[str, Any]
    """Values of the other results of its id, by the control's name in small letters and by their
    kind."""

    @property
    def unread(self) -> Iterator[str]:
        """The controls that say nothing here; the click's class is in one of kind labels."""
        labels = self.fields.get("type labels")
        for name, value in self.fields.items():
            if name != INSTANCE and not name.startswith("type ") and value != labels:
                yield name


def holds_label_studio(content: Content) -> bool:
    """Say whether a file, or one of a folder, holds tasks of Label Studio."""
    return any(holds_tasks(entry) for _, entry in content.entries())


def read_label_studio(content: Content, asked: Asked) -> Dataset:
    """Read Label Studio: key points of the first annotation of each task.

    Each click is on the image that its ``to_name`` and ``item_index`` show. A control named
    ``instance`` joins the clicks of one object.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: not such an export, or one without clicks; names the task.
    """
    regions: list[_Region] = []
    dropped: list[str] = []
    notes: list[str] = []
    for task in tasks_in(content, dropped=dropped, notes=notes):
        with as_exported(task.place):
            regions += _regions(task, dropped)
    if dropped and not regions:
        more = f" (and {len(dropped) - 1} more)" if len(dropped) > 1 else ""
        raise InputError(f"{content.path} holds no clicks; left out: {dropped[0]}{more}.")
    told = under_own_names((region.told for region in regions), asked.pictures)
    names = asked.pictures.named(told)
    sizes: dict[str, tuple[int, int]] = {}
    clicks: list[Click] = []
    owners: dict[tuple[str, str], Task] = {}
    for region in regions:
        name = names.get(region.told.link)
        if name is not None:
            stated = tuple(region.result.get(f"original_{side}") for side in ("height", "width"))
            sizes[name] = stated_size(asked, name, (stated[0], stated[1]), region.task.place)
            with as_exported(region.task.place):
                clicks.append(_click(region, name, sizes[name]))
            _refuse_meeting(clicks[-1], region.task, owners)
    controls = dict.fromkeys(name for region in regions for name in region.unread)
    notes += not_read(content.path, controls, what="controls")
    return gather(clicks, sizes, negative=asked.negative, dropped=dropped, notes=notes)


def _regions(task: Task, dropped: list[str]) -> Iterator[_Region]:
    """List the clicks of a task, and the parts of it that are left out."""
    place = task.place
    # A relation of two regions has no value; a key point must have one.
    results = [r for r in task.results if "value" in r or r.get("type") in POINTS]
    points = [r for r in results if r["type"] in POINTS]
    drawn = {r.get("id") for r in results if "x" in r["value"] or "points" in r["value"]}
    left = len(drawn - {r.get("id") for r in points})
    if left and points:
        dropped.append(f"{place}: {left} regions that are no key points")
    if not points:
        dropped.append(f"{place}: {task.without}")
    for result in points:
        if result.get("image_rotation"):
            raise InputError(
                f"{place}: the image was turned by {result['image_rotation']} degrees in the tool: "
                "turn the file, or click on it as it is."
            )
        labels = result["value"].get("keypointlabels") or []
        if len(labels) > 1:
            dropped.append(f"{place}: labels of a key point after the first, {labels[0]}")
        yield _Region(task, image_of(result, task.data, place), result, _fields(result, results))


def _refuse_meeting(click: Click, task: Task, owners: dict[tuple[str, str], Task]) -> None:
    """Refuse an object of two tasks: each task may number the objects of its image anew.

    Clicks that nothing joins are objects of their own, and meet no others.
    """
    if click.instance is None:
        return
    other = owners.setdefault((click.image, click.instance), task)
    if other is not task:
        raise InputError(
            f"{other.place} and {task.place} are both of {click.image} and have both an instance "
            f"{click.instance}: give its objects numbers that differ, or keep one of the tasks."
        )


def _fields(result: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the other results of a region's id, by control and by kind."""
    found: dict[str, Any] = {}
    for other in results:
        if other is result or other.get("id") != result["id"]:
            continue
        value = other["value"].get(VALUES.get(other["type"], other["type"]))
        first = value[0] if isinstance(value, list) and value else value
        found.setdefault(str(other.get("from_name")).lower(), first)
        found.setdefault(f"type {other['type']}", first)
    return found


def _click(region: _Region, name: str, size: tuple[int, int]) -> Click:
    """Read one key point, in percent of the image's sides."""
    value = region.result["value"]
    named = value.get("keypointlabels") or value.get("labels")  # the second of smart tools
    first = named[0] if named else region.fields.get("type labels")
    # A smart tool's click with the negative key held: its class is that of the object.
    off = region.result.get("is_positive") is False
    return Click(
        name,
        to_middles(_percent(value, "x") / 100 * size[1]),
        to_middles(_percent(value, "y") / 100 * size[0]),
        label=NEGATIVE if off else None,
        category=text_of(first) or OBJECT,
        instance=text_of(region.fields.get(INSTANCE)),
        place=region.task.place,
    )


def _percent(value: dict[str, Any], side: str) -> float:
    """Read a coordinate of a key point."""
    if value[side] is None:
        raise ValueError(f"a key point's {side} is null")
    return float(value[side])
