"""Writing files so that a crash, a full disk or a second run loses nothing."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pointsam.errors import InputError

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

    Raises:
        InputError: a name that no text can hold.
    """
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in endings and not path.name.startswith("._") and not path.is_dir()
    )
    for path in found:
        refuse_bytes_in_name(path)
    return found


def refuse_bytes_in_name(path: Path) -> None:
    """Refuse a path that no text can hold; Python puts bytes that are no UTF-8 as surrogates.

    Raises:
        InputError: its bytes are not UTF-8.
    """
    if any("\ud800" <= character <= "\udfff" for character in str(path)):
        raise InputError(f"the name of {path} is not text in UTF-8: give it another name.")


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
