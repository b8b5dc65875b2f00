"""Reads the tasks of Label Studio: its exports JSON and JSON-MIN, and its storage files."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointsam.data.clicks.content import Content
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

    JSON holds the annotations of a task in one entry, JSON-MIN and a target storage in one each.

    Raises:
        InputError: not as Label Studio exports them; names the task.
    """
    first: dict[Hashable, Task] = {}
    for path, entry in content.entries():
        if not holds_tasks(entry):
            notes.append(f"{path} is not Label Studio's, and is left out")
            continue
        for one in entry if isinstance(entry, list) else [entry]:
            place = f"{path}: task {one.get('id') if isinstance(one, dict) else one!r}"
            with as_exported(place):
                read = _read(one, path, place)
            task = read.task
            if read.others:
                dropped.append(
                    f"{task.place}: {read.others} further annotations, the first is read"
                )
            kept = task if read.key is None else first.setdefault(read.key, task)
            if kept is task:
                yield task
            else:
                dropped.append(f"{task.place}: a further annotation, {kept.place} is read")


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
    """Equal in the entries that are annotations of one task; None where the entry holds all."""


def _read(entry: dict[str, Any], path: Path, place: str) -> _Read:
    if _is_stored(entry):
        owner, number = entry["task"], entry["task"].get("id")
        place = f"{path}: annotation {entry.get('id')} of task {number}"
        if entry.get("was_cancelled"):
            return _Read(Task(place, owner["data"], []))
        return _Read(Task(place, owner["data"], entry["result"]), key=number)
    if "data" not in entry and not _LISTS & entry.keys():
        key = None
        if entry.get("id") is not None and entry.get("annotation_id") is not None:
            key = (path, entry["id"])
            place = f"{path}: annotation {entry['annotation_id']} of task {entry['id']}"
        return _Read(Task(place, *of_min(entry, place)), key=key)
    found = entry["annotations"] if "annotations" in entry else entry["completions"]
    given = [a for a in found if not (a.get("was_cancelled") or a.get("skipped"))]
    results = given[0]["result"] if given else []
    return _Read(Task(place, entry["data"], results), others=max(0, len(given) - 1))


def _is_stored(entry: Any) -> bool:
    """Say whether an entry is one annotation, as a target storage gets it."""
    return isinstance(entry, dict) and "result" in entry and isinstance(entry.get("task"), dict)
