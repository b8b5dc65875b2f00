"""Addresses that the user typed: a GeoTIFF or a STAC item on a server, map tiles.

This is the one file that makes a `Source`, which GDAL asks a server for.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen

from pointsam.data.rasters.remote import TIMEOUT, Source, agent, shown
from pointsam.data.rasters.tiles import tiles
from pointsam.errors import InputError, in_words

_MAX_ITEM = 4 * 2**20
"""Bytes of a STAC item."""
_PICTURES = ("image/tiff", "image/jp2")
"""Kinds of assets that hold pixels."""


@dataclass(frozen=True)
class Asked:
    """Options that describe an address."""

    zoom: int | None = None
    """Of map tiles."""
    area: tuple[float, float, float, float] | None = None
    """Of map tiles: west, south, east, north, in degrees."""
    asset: str | None = None
    """Of a STAC item."""
    hosts: Sequence[str] = ()
    """On which a STAC item's assets may lie, beside its own."""


def is_address(text: str) -> bool:
    """Say whether a text is an address on a server."""
    return "://" in text or text.startswith("/vsi")


def source_of(text: str, asked: Asked) -> Source:
    """Understand an address: a template of map tiles, a STAC item, or else a GeoTIFF.

    Raises:
        InputError: an address that is none of these, options that do not go with it, or an item
            that cannot be read.
    """
    if not re.match(r"https?://[^/\s]+/", text, re.IGNORECASE):
        raise InputError(
            f"{shown(text)} is not read: give http:// or https://, then a host and a path."
        )
    if "{" in text:
        _refuse(asked, "asset", "hosts", what="STAC items")
        return tiles(text, zoom=asked.zoom, area=asked.area)
    _refuse(asked, "zoom", "area", what="templates of map tiles")
    if urlsplit(text).path.lower().endswith((".json", ".geojson")):
        return _asset(text, asked)
    _refuse(asked, "asset", "hosts", what="STAC items")
    return _geotiff(text)


def _refuse(asked: Asked, *names: str, what: str) -> None:
    flags = {"zoom": "--zoom", "area": "--area", "asset": "--asset", "hosts": "--allow-host"}
    given = [flags[name] for name in names if getattr(asked, name)]
    if given:
        raise InputError(f"{', '.join(given)}: for {what} alone; leave it out here.")


def _geotiff(address: str) -> Source:
    name = Path(urlsplit(address).path).name or "scene.tif"
    return Source.of(shown(address), name=name, opened=f"/vsicurl/{address}", driver="GTiff")


def _asset(address: str, asked: Asked) -> Source:
    """Read a STAC item, and take the asset that shows what the eye sees."""
    item = _item(address)
    assets = {
        name: one
        for name, one in item["assets"].items()
        if isinstance(one, dict) and str(one.get("type", "image/tiff")).startswith(_PICTURES)
    }
    if asked.asset is None:
        wanted = [n for n, one in assets.items() if n == "visual" or "visual" in _roles(one)]
        wanted = wanted or (list(assets) if len(assets) == 1 else [])
    else:
        wanted = [asked.asset] if asked.asset in item["assets"] else []
    if not wanted:
        raise InputError(
            f"{shown(address)} has the assets {', '.join(assets) or 'none'}: name one with --asset."
        )
    href = item["assets"][wanted[0]]
    href = href.get("href") if isinstance(href, dict) else None
    if not isinstance(href, str):
        raise InputError(f"{shown(address)}: its asset {wanted[0]} has no address (href).")
    full = urljoin(address, href)
    host = urlsplit(full).hostname or ""
    if urlsplit(full).scheme not in ("http", "https"):
        raise InputError(
            f"{shown(address)}: its asset {wanted[0]} is at {shown(full)}; only http and https "
            "addresses are read."
        )
    if host not in (urlsplit(address).hostname, *asked.hosts):
        raise InputError(
            f"{shown(address)}: its asset {wanted[0]} is on another host, {host}: allow it with "
            f"--allow-host {host}."
        )
    return _geotiff(full)


def _roles(asset: dict[str, Any]) -> Sequence[str]:
    roles = asset.get("roles")
    return [str(role) for role in roles] if isinstance(roles, list) else []


def _item(address: str) -> dict[str, Any]:
    """Fetch a STAC item.

    Raises:
        InputError: no answer, or something else.
    """
    request = Request(address, headers={"User-Agent": agent(), "Accept": "application/json"})
    try:
        with urlopen(request, timeout=TIMEOUT) as answer:  # http or https: `source_of` looked
            content = answer.read(_MAX_ITEM + 1)
        item = json.loads(content) if len(content) <= _MAX_ITEM else None
    except (URLError, OSError) as error:
        raise InputError(f"{shown(address)} cannot be fetched ({in_words(error)}).") from error
    except (ValueError, RecursionError):
        item = None
    if not (isinstance(item, dict) and isinstance(item.get("assets"), dict)):
        raise InputError(f"{shown(address)} is no STAC item: it has no assets.")
    return item
