"""The saved parts of a scene run, from which a stopped or divided run continues.

A run's folder holds ``run.json``, which describes the run, and ``parts/`` with one file for each
finished window: the logits of its objects. To join the parts of several machines, copy them into
one folder. Each part names its run, so parts of another run are refused. They can be deleted once
the outputs are written.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from pointsam.data.rasters.windows import Window
from pointsam.errors import InputError
from pointsam.files import refuse_existing, replacing
from pointsam.prediction.scenes.logit_maps import LogitMap
from pointsam.prediction.scenes.objects import SceneMask

RUN_NAME = "run.json"
PARTS_NAME = "parts"


def begin(folder: Path, manifest: dict[str, Any], *, resume: bool) -> None:
    """Make a run's folder, or check that an existing one is of the same run.

    Args:
        folder: of the run.
        manifest: what decides the masks: scene, points, model, settings.
        resume: go on in a folder that exists.

    Raises:
        InputError: the folder exists and is not to be resumed, or is of another run.
    """
    path = folder / RUN_NAME
    manifest = json.loads(json.dumps(manifest))  # with lists for tuples, as in the file
    fresh = not (resume and path.is_file())
    if fresh:
        try:
            refuse_existing(folder)
        except InputError:
            # Shards may begin at the same time: each writes the same content, or finds it written.
            fresh = _unbegun(folder)
            if not fresh and not (resume and path.is_file()):
                raise
    if fresh:
        try:
            (folder / PARTS_NAME).mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(manifest, indent=1))
        except OSError:
            give_up(folder)
            raise
    refuse_other_run(path, manifest)


def refuse_other_run(path: Path, manifest: dict[str, Any]) -> None:
    """Refuse to go on in the folder of a run that was started with something else.

    Args:
        path: of the file in that folder that describes its run.
        manifest: of the run at hand, as JSON gives it back.

    Raises:
        InputError: the file is damaged or describes another run.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged: start again in another folder.")
    other = sorted(key for key in manifest if found.get(key) != manifest[key])
    if other:
        raise InputError(
            f"{path.parent} is of a run with another {', another '.join(other)}: "
            "give what it was started with, or another output folder."
        )


def run_id(manifest: dict[str, Any]) -> str:
    """Give a name for a run, from all that decides its masks."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _unbegun(folder: Path) -> bool:
    """Say whether a folder holds only the files of a run that ended as it began."""
    if not os.path.isdir(folder):  # a name that is too long is none either
        return False
    left = [path for path in folder.iterdir() if not path.name.startswith(f".{RUN_NAME}.")]
    return all(
        path.name == PARTS_NAME and path.is_dir() and not any(path.iterdir()) for path in left
    )


def give_up(folder: Path) -> None:
    """Remove a run's folder if it holds no finished window and no other file."""
    (folder / RUN_NAME).unlink(missing_ok=True)
    for empty in (folder / PARTS_NAME, folder):
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()


def part_path(folder: Path, window: Window) -> Path:
    """Give the path of a window's file, which exists once the window is finished."""
    return folder / PARTS_NAME / f"{window.name}.npz"


def write_part(path: Path, masks: list[SceneMask], *, run: str) -> None:
    """Save the masks of one window atomically.

    Args:
        path: of the window.
        masks: of its objects.
        run: they are of, by its `run_id`.
    """
    known = [mask.logits for mask in masks if mask.logits is not None]
    shapes = [(0, 0) if mask.logits is None else mask.logits.logits.shape for mask in masks]
    values = [logits.logits.ravel() for logits in known]
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            run=np.array(run),
            index=np.array([mask.index for mask in masks], dtype=np.int64),
            score=np.array([mask.score for mask in masks], dtype=np.float64),
            window=np.array([mask.window for mask in masks], dtype=np.int64),
            cut=np.array([mask.cut for mask in masks], dtype=bool),
            stability=np.array([mask.stability for mask in masks], dtype=np.float64),
            similarity=np.array([mask.similarity for mask in masks], dtype=np.float64),
            shape=np.array(shapes, dtype=np.int64).reshape(-1, 2),
            place=np.array([(*logits.corner, *logits.scale) for logits in known]).reshape(-1, 4),
            logits=np.concatenate([*values, np.zeros(0, dtype=np.float16)]),
        )


def read_part(path: Path, *, run: str) -> list[SceneMask]:
    """Load the masks of one window.

    Args:
        path: of the window.
        run: they are to be of, by its `run_id`.

    Raises:
        FileNotFoundError: the window is not finished.
        InputError: the file is damaged, or of another run.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if str(arrays["run"]) != run:
            raise InputError(
                f"{path} is of another run (other scene, points, model or settings): delete it "
                "and resume, or copy the parts of this run here."
            )
        shapes = arrays["shape"].tolist()
        ends = np.cumsum([rows * cols for rows, cols in shapes])[:-1]
        pieces = np.split(arrays["logits"], ends) if shapes else []
        places = iter(arrays["place"].tolist())
        maps: list[LogitMap | None] = []
        for (rows, cols), piece in zip(shapes, pieces, strict=True):
            if not rows:
                maps.append(None)
                continue
            x, y, across, down = next(places)
            maps.append(LogitMap(piece.reshape(rows, cols), (x, y), (across, down)))
        names = ("index", "score", "window", "cut", "stability", "similarity")
        rest = zip(*(arrays[name].tolist() for name in names), strict=True)
        return [
            SceneMask(index, logits, *numbers)
            for logits, (index, *numbers) in zip(maps, rest, strict=True)
        ]
    except (InputError, FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:  # the errors that numpy raises for a damaged archive
        raise InputError(f"{path} is damaged: delete it and resume the run.") from error
