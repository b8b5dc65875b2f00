"""What a folder holds, so that two runs can be compared: clocks and temporary files left out."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyogrio
import yaml

from pointsam.models.adapters.card import CARD_NAME


def held_in(path: Path) -> dict[str, str]:
    """Name the content of every file below a path by the file's name; empty where nothing is."""
    if path.is_file():
        return {"": _content(path)}
    files = sorted(file for file in path.rglob("*") if file.is_file())
    kept = (f for f in files if not any(p.startswith(".") for p in f.relative_to(path).parts))
    return {file.relative_to(path).as_posix(): _content(file) for file in kept}


def left_over(folder: Path) -> list[str]:
    """List hidden files and folders: temporary ones that were not removed."""
    return sorted(p.name for p in folder.rglob(".*"))


def _content(path: Path) -> str:
    if path.suffix == ".gpkg":  # it says when it was made
        meta, ids, shapes, columns = pyogrio.raw.read(path, return_fids=True)
        parts = [repr(ids), repr(shapes), *(repr(column) for column in columns), repr(meta)]
        return hashlib.sha256("".join(parts).encode()).hexdigest()
    if path.suffix == ".npz":
        with np.load(path) as stored:
            return repr({name: hashlib.sha256(stored[name].tobytes()).hexdigest()
                         for name in stored.files})  # fmt: skip
    if path.suffix == ".csv":  # a log says how long each step took
        head, *rows = [line.split(",") for line in path.read_text().splitlines()]
        kept = [n for n, name in enumerate(head) if not name.startswith("seconds")]
        return json.dumps([[row[n] for n in kept] for row in rows])
    if path.name == CARD_NAME:  # it knows what each file was before, too
        card = yaml.safe_load(path.read_text())
        card.pop("checksum")
        card["checksums"] = {name: hashes[0] for name, hashes in card["checksums"].items()}
        return json.dumps(card)
    return hashlib.sha256(path.read_bytes()).hexdigest()
