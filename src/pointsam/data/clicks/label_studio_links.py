"""Links of Label Studio to images: which image a click is on, and how a file is named in a task."""

import binascii
import re
from base64 import urlsafe_b64decode
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlparse

from pointsam.data.clicks.told import Told
from pointsam.data.rasters.images import ENDINGS
from pointsam.errors import InputError

_HASH = re.compile(r"[0-9a-f]{8}")
"""What stands before the user's own name of an upload."""


_LOCAL = "/local-files"
"""End of the path of links to a local storage, whose query ``d`` names the file."""

_SIGNED = re.compile(r".*/(?:tasks|projects)/\d+/(?:presign|resolve)")
"""Path of links that its interface gives in place of those to a storage, which it signs.

Source: Label Studio, io_storages/proxy_api.py: the query ``fileuri`` holds the link in base64.
"""


def image_of(result: dict[str, Any], data: dict[str, Any], place: str) -> Told:
    """Find the image that a click is on: what its ``to_name`` shows, or the only image there is.

    Raises:
        InputError: nothing tells which of several images it is.
    """
    shown = data.get(str(result.get("to_name")))
    if shown is None:
        images = [value for value in data.values() if looks_like_image(value)]
        if not images:  # links without an ending
            images = [value for value in data.values() if isinstance(value, str | list)]
        if len(images) != 1:
            raise InputError(
                f"{place} has {len(images)} images, and {result.get('to_name')!r}, which the click "
                "is on, names none of them: name the images in the task as in the labelling setup, "
                "and export JSON, since JSON-MIN does not hold the name."
            )
        shown = images[0]
    if isinstance(shown, list):
        shown = _of_list(shown, result.get("item_index"), place)
    if not isinstance(shown, str):
        raise ValueError(f"the image of {result.get('to_name')!r} is no text")
    return told_of(shown)


def _of_list(images: list[Any], index: Any, place: str) -> Any:
    """Choose the image that ``item_index`` tells; a list of one needs none."""
    if index is None and len(images) == 1:
        return images[0]
    if type(index) is not int or not 0 <= index < len(images):
        raise InputError(
            f"{place} has a list of {len(images)} images, and item_index {index} of a click, which "
            "JSON-MIN does not hold, tells none of them: export JSON."
        )
    return images[index]


def looks_like_image(value: Any) -> bool:
    """Say whether a value of a task is a link to an image, or a list of such."""
    if isinstance(value, list):
        return bool(value) and all(looks_like_image(one) for one in value)
    if not isinstance(value, str):
        return False
    try:
        path = told_of(value).path
    except ValueError:  # a text that no link is written as, such as http://[
        return False
    return PurePosixPath(path).suffix.lower() in ENDINGS


def told_of(link: str) -> Told:
    """Read a link: the path it ends in, and for an upload the user's own name.

    Raises:
        ValueError: a text that no link is written as.
    """
    parts = urlparse(link)
    place = parts.path.rstrip("/")
    signed = parse_qs(parts.query).get("fileuri") if _SIGNED.fullmatch(place) else None
    stored = _from_base64(signed[0]) if signed else None
    if stored is not None and not _SIGNED.match(stored):
        return replace(told_of(stored), link=link)
    # The query is without its escapes already.
    asked = parse_qs(parts.query).get("d") if place.endswith(_LOCAL) else None
    path = (asked[0] if asked else unquote(parts.path)).replace("\\", "/")
    name = PurePosixPath(path).name
    digits, dash, rest = name.partition("-")
    if "/upload/" in parts.path and dash and _HASH.fullmatch(digits):
        return Told(link, rest, stored=name)
    return Told(link, path)


def _from_base64(text: str) -> str | None:
    """Give the text that a link holds in base64; None where it holds none."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):  # ValueError: no UTF-8, or letters of no base64
        return None


def link_to(name: str) -> str:
    """Give the link of a file below the tool's local storage, which `told_of` reads as its name."""
    return f"/data/local-files/?d={quote(name)}"
