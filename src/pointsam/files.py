"""Writing files so that a crash, a full disk or a second run loses nothing."""

import codecs
import errno
import hashlib
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from pointsam.errors import InputError, in_words

_ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte-order marks, and the encodings that they mean."""

TEXT_MARKS = tuple(_ENCODINGS)
"""Byte-order marks."""

_COMPUTED = re.compile(r"'*[=+\-@\t\r]")
"""First characters of a cell that a table program takes for a formula."""

_KEPT = 100
"""Most characters of a name in its temporary file's name, which is longer."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, renamed to `path` when the block succeeds.

    A reader sees the old file or the new one, never half of either. When the block raises
    (a full disk included), the temporary file is removed and `path` is as it was.

    Raises:
        InputError: nothing can be written there.
    """
    with _begun(path):
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
        target.parent.mkdir(parents=True, exist_ok=True)
        _refuse_folder(target)
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name[:_KEPT]}.", suffix=target.suffix[-_KEPT:]
        )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; results should be as readable as any other file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        # A link stays one: what it points to is replaced.
        _settle(temporary)
        os.replace(temporary, target)
        _settle(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, renamed to `path` when the block succeeds.

    Raises:
        InputError: `path` exists already, and nothing is overwritten; or nothing can be written
            there.
    """
    refuse_existing(path)
    with _begun(path):
        path = Path(os.path.realpath(path)) if path.is_symlink() else path  # a link stays one
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o777 & ~umask)
        refuse_existing(path)
        os.replace(temporary, path)
        _settle(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_existing(path: Path) -> None:
    """Refuse to write where something is already, an empty folder excepted, or nothing can be.

    Raises:
        InputError: a file, or a folder with something in it, is at `path`; or a part of its name
            is too long, a file, a broken link, or a folder that nobody may write to.
    """
    with _begun(path):
        if path.is_dir() and not any(path.iterdir()):
            return
        if path.exists() or path.is_symlink():
            raise InputError(
                f"{path} exists already and is not overwritten: "
                "name another output, or move or delete this one first."
            )
        parent = next(p for p in path.parents if p.exists() or p.is_symlink())
    if not parent.is_dir():
        raise _unwritable(path, f"{parent} is no folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise _unwritable(path, f"{parent} may not be written to")


def refuse_existing_file(path: Path) -> None:
    """Refuse as `refuse_existing` does, and an empty folder too: where a file is to be written.

    Raises:
        InputError: something is at `path`, or nothing can be written there.
    """
    refuse_existing(path)
    _refuse_folder(path)


def list_files(folder: Path, endings: Collection[str]) -> list[Path]:
    """List the files of a folder by name, with these endings in any case.

    Folders and files that macOS adds on other disks (``._a.tif``) are left out.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in endings and not path.name.startswith("._") and not path.is_dir()
    )


def decoded(content: bytes, *, errors: str = "strict") -> str:
    """Give bytes as text: in UTF-8, or in what their byte-order mark says.

    Raises:
        UnicodeDecodeError: neither.
    """
    encoding = next((name for mark, name in _ENCODINGS.items() if content.startswith(mark)), None)
    return content.decode(encoding or "utf-8", errors)


def read_text(path: Path) -> str:
    """Read a file of text.

    Raises:
        InputError: it is not text in UTF-8, nor in UTF-16 with its mark.
    """
    try:
        return decoded(path.read_bytes())
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8 (at byte {error.start}): save it as UTF-8."
        ) from error


def read_json(path: Path) -> Any:
    """Read JSON, with or without a byte-order mark.

    Raises:
        InputError: it is none, or holds numbers too long to read.
    """
    try:
        return parse_json(decoded(path.read_bytes()))
    except ValueError as error:
        raise InputError(
            f"{path} is not JSON ({in_words(error)}): is it the right file, and written whole?"
        ) from error


def parse_json(text: str) -> Any:
    """Read JSON that others wrote; what no float can hold is infinite, as ``1e999`` is.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _whole(digits: str) -> int | float:
    """Read a whole number; Python's own have no end, and fail where they meet a float."""
    return int(digits) if math.isfinite(rounded := float(digits)) else rounded


def as_text(cell: Any) -> Any:
    """Mark a text that a table program would compute: ``=2+3`` is a name here, and no formula."""
    return f"'{cell}" if isinstance(cell, str) and _COMPUTED.match(cell) else cell


def from_text(cell: str) -> str:
    """Take the mark of `as_text` off."""
    return cell[1:] if cell.startswith("'") and _COMPUTED.match(cell) else cell


def read_yaml(text: str) -> Any:
    """Read YAML without aliases: a few lines of them stand for gigabytes.

    Raises:
        yaml.YAMLError: it is none, has aliases, or is nested too deeply.
    """
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise yaml.YAMLError("aliases (*name) are not read; write the values out")
        return yaml.safe_load(text)
    except (ValueError, AttributeError, RecursionError) as error:
        # PyYAML's own, of dates and numbers that are none, or of thousands of digits.
        raise yaml.YAMLError(in_words(error)) from error


def size_and_time(path: Path) -> str:
    """Give the size of a file and the time of its last change, in bytes and nanoseconds."""
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def sha256_of(path: Path) -> str:
    """Name a file by its content, a folder by the names and contents of its files."""
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()} {sha256_of(file)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hashes_of(paths: Sequence[Path]) -> dict[str, str]:
    """Give the content hash of each file by its name, or by its path where two have one name."""
    names = [path.name for path in paths]
    return {
        path.name if names.count(path.name) == 1 else path.as_posix(): sha256_of(path)
        for path in paths
    }


@contextmanager
def _begun(path: Path) -> Iterator[None]:
    """Say why something cannot be put at `path`; a full disk keeps its own error."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _unwritable(path, f"{error.filename}: {error.strerror}") from error


def _settle(path: Path) -> None:
    """Ask the system to put a file, or the names in a folder, on the disk now."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return  # a folder that may be written to but not read, or a system without such handles
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
    finally:
        os.close(handle)


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder, expected the name of a file to write.")


def _unwritable(path: Path, reason: str) -> InputError:
    return InputError(f"{path} cannot be written ({reason}): name another output.")
