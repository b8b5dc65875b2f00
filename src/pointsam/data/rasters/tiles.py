"""Map tiles (XYZ, TMS, WMTS by template) as one raster: GDAL fetches what is read, and keeps it."""

import math
import os
import re
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from pointsam.data.rasters.remote import TIMEOUT, Source, agent, shown
from pointsam.errors import InputError

TILE = 256
"""Side of a map tile, in pixels."""
MAX_TILES = 16384
"""Tiles of an area: more is no polite thing to ask a server for."""
MAX_ZOOM = 24
CONNECTIONS = 2
"""Open at once to a server of tiles."""
_HALF_EARTH = math.pi * 6378137.0
"""Metres from the middle of the web map to its border."""
_MAX_LATITUDE = 85.0511
_FIELDS = {
    "{tilematrix}": "{z}",
    "{tilecol}": "{x}",
    "{tilerow}": "{y}",
    "${z}": "{z}",
    "${x}": "{x}",
    "${y}": "{y}",
}
"""Other names of the fields of a template, in small letters."""


def tiles(text: str, *, zoom: int | None, area: tuple[float, float, float, float] | None) -> Source:
    """Describe an area of map tiles to GDAL's driver of tile services.

    Args:
        text: a template with ``{z}``, ``{x}`` and ``{y}``; ``{-y}`` counts rows from below.
        zoom: level.
        area: west, south, east, north, in degrees.

    Raises:
        InputError: no such template, zoom or area.
    """
    template, up = _usual(text)
    if zoom is None or area is None:
        raise InputError("map tiles need --zoom LEVEL and --area WEST,SOUTH,EAST,NORTH (degrees).")
    left, top, right, bottom = tile_range(area, zoom)
    columns, rows = right - left + 1, bottom - top + 1
    opened = _description(template, (left, top), (columns, rows), zoom=zoom, up=up)
    name = f"{urlsplit(text).hostname}_{zoom}_{left}_{top}_{columns}x{rows}"
    described = f"{shown(text)} (zoom {zoom}, {columns} x {rows} tiles)"
    return Source.of(described, name=name, opened=opened, driver="WMS")


def tile_range(area: tuple[float, float, float, float], zoom: int) -> tuple[int, int, int, int]:
    """Give the first column and row, and the last, of the tiles that an area touches.

    Raises:
        InputError: no such zoom, no area, or too many tiles.
    """
    west, south, east, north = area
    if not 0 <= zoom <= MAX_ZOOM:
        raise InputError(f"--zoom {zoom}: give a level from 0 to {MAX_ZOOM}.")
    if not (-180 <= west < east <= 180 and -_MAX_LATITUDE <= south < north <= _MAX_LATITUDE):
        raise InputError(
            f"--area {','.join(f'{value:g}' for value in area)}: give WEST,SOUTH,EAST,NORTH in "
            f"degrees, west below east, south below north, within {_MAX_LATITUDE} of the equator."
        )
    count = 2**zoom
    last = count - 1
    left, right = (int((x + 180) / 360 * count) for x in (west, east))
    top, bottom = (
        int((1 - math.asinh(math.tan(math.radians(y))) / math.pi) / 2 * count)
        for y in (north, south)
    )
    left, right, top, bottom = max(left, 0), min(right, last), max(top, 0), min(bottom, last)
    tiles = (right - left + 1) * (bottom - top + 1)
    if tiles > MAX_TILES:
        raise InputError(
            f"--area is {tiles} tiles at --zoom {zoom}, at most {MAX_TILES} are asked for: give a "
            "smaller area or a lower zoom."
        )
    return left, top, right, bottom


def _usual(text: str) -> tuple[str, bool]:
    """Give a template with the usual fields, and say whether rows are counted from below."""
    template = text
    for other, usual in _FIELDS.items():
        template = re.sub(re.escape(other), usual, template, flags=re.IGNORECASE)
    up = "{-y}" in template
    template = template.replace("{-y}", "{y}")
    missing = [field for field in ("{z}", "{x}", "{y}") if field not in template]
    if missing:
        raise InputError(
            f"{shown(text)} is no template of map tiles: it lacks {', '.join(missing)}, as in "
            "https://host/{z}/{x}/{y}.png."
        )
    rest = re.sub(r"\{[zxy]\}", "", template)
    if "{" in rest:
        raise InputError(
            f"{shown(text)} has other fields than {{z}}, {{x}} and {{y}}: write their values out."
        )
    return template, up


def _description(
    template: str, corner: tuple[int, int], count: tuple[int, int], *, zoom: int, up: bool
) -> str:
    """Write what GDAL reads: a grid of `count` columns and rows of tiles from a `corner` on."""
    (left, top), (columns, rows) = corner, count
    side = 2 * _HALF_EARTH / 2**zoom
    # GDAL counts rows from below as: rows of the area - 1 - first row - row.
    first = top + rows - 2**zoom if up else top
    address = escape(re.sub(r"\{([zxy])\}", r"${\1}", template))
    place = {
        "UpperLeftX": left * side - _HALF_EARTH,
        "UpperLeftY": _HALF_EARTH - top * side,
        "LowerRightX": (left + columns) * side - _HALF_EARTH,
        "LowerRightY": _HALF_EARTH - (top + rows) * side,
        "SizeX": columns * TILE,
        "SizeY": rows * TILE,
        "TileLevel": zoom,
        "TileX": left,
        "TileY": first,
        "YOrigin": "bottom" if up else "top",
    }
    window = "".join(f"<{key}>{value}</{key}>" for key, value in place.items())
    return (
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{address}</ServerUrl></Service>'
        f"<DataWindow>{window}</DataWindow><Projection>EPSG:3857</Projection>"
        f"<OverviewCount>0</OverviewCount><BlockSizeX>{TILE}</BlockSizeX>"
        f"<BlockSizeY>{TILE}</BlockSizeY><BandsCount>3</BandsCount>"
        f"<MaxConnections>{CONNECTIONS}</MaxConnections><Timeout>{TIMEOUT}</Timeout>"
        f"<UserAgent>{agent()}</UserAgent><ZeroBlockHttpCodes>204,404</ZeroBlockHttpCodes>"
        f"<Cache><Path>{escape(str(_cache()))}</Path></Cache></GDAL_WMS>"
    )


def _cache() -> Path:
    """Name the folder of tiles that were fetched before."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pointsam" / "tiles"
