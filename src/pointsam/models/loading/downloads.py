"""Records the SHA-256 of downloaded files, and compares it at every later use.

No list of hashes ships with the package. The hub's cache calls a large file by the SHA-256 that the
hub states for it, so the first use compares with that; later uses compare with the first one, also
where the hub has meanwhile put other weights under the same name.
"""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from pointsam.errors import InputError
from pointsam.files import replacing, sha256_of

RECORD = "pointsam.json"
"""Beside the snapshots of a repository in the hub's cache."""

NEWEST = "newest"
"""Key of the state that a name without a revision gives."""

_STATED = re.compile(r"[0-9a-f]{64}")


def check_download(folder: Path, repo: str) -> None:
    """Compare the files of a snapshot with what the hub states and with what was first taken.

    Args:
        folder: of the snapshot, named by its commit.
        repo: ``owner/name``, or ``owner/name@revision``.

    Raises:
        InputError: a file was changed, or the name now gives other weights.
    """
    name, _, revision = repo.partition("@")
    found = {file.name: sha256_of(file) for file in sorted(folder.iterdir()) if file.is_file()}
    for file, content in found.items():
        stated = (folder / file).resolve().name
        if _STATED.fullmatch(stated) and stated != content:
            raise _changed(folder / file)
    path = folder.parent.parent / RECORD
    record = _read(path)
    before = record.get(revision or NEWEST)
    if before is not None:
        _compare(before, found, folder, name)
    now = {"commit": folder.name, "files": found}
    if before != now:
        record[revision or NEWEST] = now
        with suppress(OSError), replacing(path) as temporary:  # a cache may be read-only
            temporary.write_text(json.dumps(record, indent=1))


def _compare(before: dict[str, Any], found: dict[str, str], folder: Path, name: str) -> None:
    first, files = before["commit"], before["files"]
    for file, content in found.items():
        if files.get(file, content) == content:
            continue
        if first == folder.name:
            raise _changed(folder / file)
        if file.endswith(".safetensors"):
            raise InputError(
                f"{name} now gives other weights (commit {folder.name}) than those that were first "
                f"taken (commit {first}): give --model {name}@{first} for the first ones, or "
                f"--model {name}@{folder.name} for the new ones."
            )


def _read(path: Path) -> dict[str, Any]:
    """Give what was recorded; nothing where there is no record, or none that can be read."""
    try:
        record = json.loads(path.read_text())
        sound = {key: {"commit": str(r["commit"]), "files": dict(r["files"])}
                 for key, r in record.items()}  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return sound


def _changed(file: Path) -> InputError:
    return InputError(
        f"{file} is not what was downloaded, by its SHA-256: delete {file.parent.parent.parent} "
        "and let it be fetched again."
    )
