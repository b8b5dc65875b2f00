"""Candidates and evidence on disk, one file an image, so that a labelling can be resumed."""

import logging
from dataclasses import asdict, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from pointsam.errors import DAMAGED
from pointsam.files import replacing
from pointsam.labelling.candidates import Candidates
from pointsam.labelling.evidence import Evidence

_LOG = logging.getLogger("pointsam")

STORE_FORMAT = 6
"""Counted up when a file of an older version cannot be read, or would give other labels."""


_SEEN = ("inside", "around")
_STORED = np.float16
"""Of features, which are most of what the choice reads."""


def save(path: Path, candidates: Candidates, evidence: Evidence) -> None:
    """Write both in one file, atomically."""
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            size=np.array(candidates.size),
            packed=candidates.packed,
            estimate=candidates.iou_prediction,
            was_cut=candidates.cut,
            **asdict(evidence) | {name: getattr(evidence, name).astype(_STORED) for name in _SEEN},
        )


def is_whole(path: Path) -> bool:
    """Say whether a file is there and all of it can be read; a damaged one is made anew."""
    if not path.is_file():
        return False
    try:
        # numpy leaves a file that it opened itself, and cannot read, open.
        with path.open("rb") as stream, np.load(stream) as stored:
            return all(stored[name] is not None for name in stored.files)
    except (*DAMAGED, BadZipFile):
        _LOG.warning("%s is damaged: its candidates are made anew", path)
        return False


def load_size(path: Path) -> tuple[int, int]:
    """Read height and width of the label frame alone.

    Raises:
        FileNotFoundError: the image is not labelled yet.
    """
    with np.load(path) as stored:
        rows, cols = stored["size"].tolist()
        return rows, cols


def load_evidence(path: Path) -> Evidence:
    """Read the evidence alone.

    Raises:
        FileNotFoundError: the image is not labelled yet.
    """
    with np.load(path) as stored:
        return Evidence(*(stored[field.name] for field in fields(Evidence)))


def load_candidates(path: Path) -> Candidates:
    """Read the masks.

    Raises:
        FileNotFoundError: the image is not labelled yet.
    """
    with np.load(path) as stored:
        rows, cols = stored["size"].tolist()
        return Candidates((rows, cols), stored["packed"], stored["estimate"], stored["was_cut"])
