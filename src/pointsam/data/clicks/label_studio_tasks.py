"""Reads the tasks of Label Studio: its exports JSON and JSON-MIN, and its storage files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointsam.data.clicks.content import Content
from pointsam.data.clicks.label_studio_min import of_min
from pointsam.errors import InputError, in_words


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
    """Say whether the content of a JSON file is a task of Label Studio, or a list of them."""
    if isinstance(entry, list):
        return any(isinstance(task, dict) for task in entry)
    return isinstance(entry, dict) and (
        ("data" in entry and ("annotations" in entry or "completions" in entry))
        or ("result" in entry and isinstance(entry.get("task"), dict))
    )


def tasks_in(content: Content, dropped: list[str]) -> Iterator[Task]:
    """Read the tasks of a file or folder; what is left out is added to `dropped`.

    Raises:
        InputError: not as Label Studio exports them; names the task.
    """
    for path, entry in content.entries():
        for one in entry if isinstance(entry, list) else [entry]:
            place = _place(path, one)
            with as_exported(place):
                task, others = _task(one, place)
            if others:
                dropped.append(f"{place}: {others} further annotations, the first is read")
            yield task


def _place(path: Path, entry: Any) -> str:
    return f"{path}: task {entry.get('id') if isinstance(entry, dict) else entry!r}"


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


def _task(entry: dict[str, Any], place: str) -> tuple[Task, int]:
    """Read a task, and count its further annotations."""
    if "result" in entry and isinstance(entry.get("task"), dict):  # as in a target storage
        return Task(place, entry["task"]["data"], entry["result"]), 0
    if "data" not in entry and not {"annotations", "completions"} & set(entry):
        return Task(place, *of_min(entry, place)), 0
    found = entry["annotations"] if "annotations" in entry else entry["completions"]
    given = [a for a in found if not (a.get("was_cancelled") or a.get("skipped"))]
    results = given[0]["result"] if given else []
    return Task(place, entry["data"], results), max(0, len(given) - 1)
