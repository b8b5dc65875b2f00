"""Reads the tasks of Label Studio: its exports JSON and JSON-MIN, and its storage files."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointsam.data.clicks.content import Content
from pointsam.data.clicks.label_studio_links import looks_like_image
from pointsam.data.clicks.label_studio_min import is_min, of_min
from pointsam.errors import InputError, in_words

_LISTS = {"annotations", "completions"}
"""Keys of a task's annotations, the second in old versions."""


@dataclass(frozen=True)
class Task:
    """One task, with what its first annotator did."""

    place: str
    """File and number, for messages."""
    data: dict[str, Any]
    """Links of its images, by the names of the labelling setup."""
    results: list[dict[str, Any]]
    """Of the first annotation, as the export JSON writes them."""
    without: str = "no key points"
    """What is said of a task that has no click."""


def holds_tasks(entry: Any) -> bool:
    """Say whether the content of a JSON file is a task of Label Studio, or holds one in a list."""
    if isinstance(entry, list):
        return any(map(_is_task, entry))
    return _is_task(entry) and (_is_stored(entry) or bool(_LISTS & entry.keys()))


def _is_task(entry: Any) -> bool:
    """Say whether an entry is a task of JSON or JSON-MIN, or one annotation of a storage."""
    if not isinstance(entry, dict):
        return False
    return _is_stored(entry) or isinstance(entry.get("data"), dict) or is_min(entry)


def tasks_in(content: Content, *, dropped: list[str], notes: list[str]) -> Iterator[Task]:
    """Read the tasks of a file or folder; what is left out is added to `dropped` and `notes`.

    JSON holds the annotations of a task in one entry, JSON-MIN and a target storage in one each. A
    folder may hold several exports of one project: of each task the first entry is read.

    Raises:
        InputError: not as Label Studio exports them; names the task.
    """
    first: dict[Hashable, list[_Read]] = {}
    for path, entry in content.entries():
        if not holds_tasks(entry):
            notes.append(f"{path} is not Label Studio's, and is left out")
            continue
        for one in entry if isinstance(entry, list) else [entry]:
            place = f"{path}: task {one.get('id') if isinstance(one, dict) else one!r}"
            with as_exported(place):
                read = _read(one, path, place)
            kept = _first_of(read, first)
            if kept is not read:
                dropped.append(
                    f"{read.task.place}: a further {read.kind}, {kept.task.place} is read"
                )
                continue
            if read.others:
                dropped.append(
                    f"{read.task.place}: {read.others} further annotations, the first is read"
                )
            yield read.task


@contextmanager
def as_exported(place: str) -> Iterator[None]:
    """Name the task in which something is not as Label Studio exports it."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{place} is not as Label Studio exports it ({in_words(error)})."
        ) from error


@dataclass(frozen=True)
class _Read:
    """One entry of a file."""

    task: Task
    others: int = 0
    """Further annotations in the entry."""
    key: Hashable = None
    """Equal in the entries of one task, by its number and images; None where nothing tells that."""
    project: Any = None
    """Number of the task's project; None where the file does not say."""
    kind: str = "annotation"
    """What the entry is of its task, for messages."""


def _first_of(read: _Read, first: dict[Hashable, list[_Read]]) -> _Read:
    """Give the entry of the same task that came first, and note this one if there is none."""
    if read.key is None:
        return read
    known = first.setdefault(read.key, [])
    for other in known:
        if read.project is None or other.project is None or read.project == other.project:
            return other
    known.append(read)
    return read


def _key(number: Any, data: dict[str, Any]) -> Hashable:
    """Tell one task in several entries: other projects may have its number, or its images."""
    images = {name: value for name, value in data.items() if looks_like_image(value)} or data
    return None if number is None else (str(number), repr(sorted(images.items())))


def _read(entry: dict[str, Any], path: Path, place: str) -> _Read:
    if _is_stored(entry):
        return _read_stored(entry, path)
    if "data" not in entry and not _LISTS & entry.keys():
        number, named = entry.get("id"), place
        if number is not None and entry.get("annotation_id") is not None:
            named = f"{path}: annotation {entry['annotation_id']} of task {number}"
        data, results = of_min(entry, named)
        key = None if named == place else _key(number, data)
        return _Read(Task(named, data, results), key=key)
    if not _LISTS & entry.keys():
        raise InputError(
            f"{place} is not as Label Studio exports it: it has {_no_annotations(entry)}; click in "
            "Label Studio, then export JSON."
        )
    found = entry["annotations"] if "annotations" in entry else entry["completions"]
    given = [a for a in found if not (a.get("was_cancelled") or a.get("skipped"))]
    if not given:
        without = "all annotations were skipped or cancelled" if found else _no_annotations(entry)
        return _Read(Task(place, entry["data"], [], f"no key points, {without}"))
    return _Read(
        Task(place, entry["data"], given[0]["result"]),
        others=len(given) - 1,
        key=_key(entry.get("id"), entry["data"]),
        project=entry.get("project"),
        kind="entry of the task",
    )


def _read_stored(entry: dict[str, Any], path: Path) -> _Read:
    owner = entry["task"]
    place = f"{path}: annotation {entry.get('id')} of task {owner.get('id')}"
    if entry.get("was_cancelled"):
        return _Read(Task(place, owner["data"], []))
    key = _key(owner.get("id"), owner["data"])
    return _Read(Task(place, owner["data"], entry["result"]), key=key, project=owner.get("project"))


def _no_annotations(entry: dict[str, Any]) -> str:
    return "no annotations" + (", only predictions" if entry.get("predictions") else "")


def _is_stored(entry: Any) -> bool:
    """Say whether an entry is one annotation, as a target storage gets it."""
    return isinstance(entry, dict) and "result" in entry and isinstance(entry.get("task"), dict)
