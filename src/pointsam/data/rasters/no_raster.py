"""Says what a file is that is given for a raster and is none, and what to give in its place."""

from pathlib import Path

from pointsam.errors import InputError

_PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh")
"""First bytes of archives and packed files."""

_PAGES = (b"<!doctype html", b"<html")
_POINTER = b"version https://git-lfs"


def refuse_device(path: Path) -> None:
    """Refuse a pipe or a device, which may wait for ever.

    Raises:
        InputError: the message says what it is.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"{path} is a device or a pipe, expected a file: write it to one first.")


def what_instead(path: Path, head: bytes) -> str | None:
    """Say what a file is that is no raster; None where that is not known.

    Args:
        path: of the file.
        head: its first bytes.
    """
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        return "is empty (0 bytes): get it again"
    if not head.strip(b"\0"):
        return "begins with zeros, so it was not written whole: get it again"
    if start.startswith(_PACKED):
        return "is packed: unpack it, and give the raster inside"
    if start.startswith(_POINTER):
        return "is a pointer of Git LFS to a file that was not fetched: get it with 'git lfs pull'"
    if start[:20].lower().startswith(_PAGES):
        return "is a page of a web site, perhaps one that asks for a login: get the file again"
    if start.startswith(b"ENVI") and path.suffix.lower() == ".hdr":
        return "is the header of an ENVI raster: give the file of its pixels, beside it"
    if start.startswith((b"<?xml", b"<Dimap")):
        return "is XML, as lies beside the images of a product: give its raster (.tif, .jp2, ...)"
    return None
