"""What became of each scene: ``manifest.csv``, a line a scene, written as scenes are finished.

A line is added at once, so a run that is killed loses no finished scene. At the end of a run the
file is written anew, in the order of the list.
"""

import csv
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from pointsam.files import refuse_existing, replacing
from pointsam.prediction.scenes.parts import refuse_other_run
from pointsam.texts import as_text

MANIFEST_NAME = "manifest.csv"
SETTINGS_NAME = "settings.json"

State = Literal["done", "no clicks", "failed"]
"""Of a finished scene: written; without a prompt on it; given up, for the reason told."""


@dataclass(frozen=True)
class Row:
    """One finished scene."""

    scene: str
    """Path, as listed."""
    folder: str
    """Folder of its outputs, relative to that of the run."""
    state: State
    seconds: float
    """Working time of all its units and tries."""
    windows: int
    objects: int
    """With and without a mask."""
    empty: int
    """Objects without a mask."""
    tries: int
    note: str
    """What was left out of its clicks."""
    error: str
    content: str = ""
    """Hash of the scene's content when it was segmented; empty where nothing was."""
    stamp: str = ""
    """Name of the scene by size and time of its files."""


COLUMNS = [field.name for field in fields(Row)]


class Manifest:
    """The manifest of one output folder."""

    def __init__(self, folder: Path, settings: dict[str, Any], *, resume: bool) -> None:
        """Begin a run, or go on with one.

        Args:
            folder: of the run.
            settings: what decides the masks of every scene.
            resume: go on in a folder that exists.

        Raises:
            InputError: the folder exists and is not to be resumed, or is of another run.
        """
        self._path = folder / MANIFEST_NAME
        settings = json.loads(json.dumps(settings))
        kept = folder / SETTINGS_NAME
        if resume and kept.is_file():
            refuse_other_run(kept, settings)
        else:
            refuse_existing(folder)
            with replacing(kept) as temporary:
                temporary.write_text(json.dumps(settings, indent=1))
        self.rows = {row.scene: row for row in _read(self._path)}
        """By scene, the latest of each."""
        self._rewrite(self.rows.values())

    def add(self, row: Row) -> None:
        """Write the row of a scene at once."""
        self.rows[row.scene] = row
        with self._path.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerow(_cells(row))
            stream.flush()
            os.fsync(stream.fileno())

    def give_up(self) -> None:
        """Remove the files of a run that ends before any scene is finished."""
        if self.rows:
            return
        for path in (self._path, self._path.with_name(SETTINGS_NAME)):
            path.unlink(missing_ok=True)
        if not any(self._path.parent.iterdir()):
            self._path.parent.rmdir()

    def settle(self, order: Iterable[str]) -> None:
        """Write the file anew with the scenes of a list first, in its order."""
        first = [scene for scene in order if scene in self.rows]
        self._rewrite(self.rows[scene] for scene in dict.fromkeys([*first, *self.rows]))

    def _rewrite(self, rows: Iterable[Row]) -> None:
        with (
            replacing(self._path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as stream,
        ):
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            writer.writerows(_cells(row) for row in rows)


def _cells(row: Row) -> list[Any]:
    return [as_text(value) for value in asdict(row).values()]


def _read(path: Path) -> list[Row]:
    """Read the lines that are whole: a killed run may leave half of one."""
    if not path.is_file():
        return []
    rows = []
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        for cells in csv.DictReader(stream, restkey="more"):
            try:
                rows.append(_row(cells))
            except (TypeError, ValueError):
                continue
    return rows


def _row(cells: dict[str | Any, str | Any]) -> Row:
    cells = {"content": "", "stamp": "", **cells}  # Older manifests have neither.
    if set(cells) != set(COLUMNS):
        raise ValueError("no line of a manifest")
    text = {name: str(cells[name]).removeprefix("'") for name in COLUMNS}
    state = next((state for state in get_args(State) if state == text["state"]), None)
    if state is None or None in cells.values():
        raise ValueError("no state of a scene")
    return Row(
        scene=text["scene"],
        folder=text["folder"],
        state=state,
        seconds=float(text["seconds"]),
        windows=int(text["windows"]),
        objects=int(text["objects"]),
        empty=int(text["empty"]),
        tries=int(text["tries"]),
        note=text["note"],
        error=text["error"],
        content=text["content"],
        stamp=text["stamp"],
    )
