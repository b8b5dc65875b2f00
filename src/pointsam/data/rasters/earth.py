"""Whether a coordinate system has a place on earth, and which EPSG code it carries itself."""

import re

from rasterio.crs import CRS

_RADIUS = 6378137.0
"""Equatorial radius of the earth in WGS84, in metres."""

_SAME_BODY = 0.007
"""Share by which the radii of the earth's ellipsoids and spheres differ at most.

Source: PROJ, ``REL_ERROR_FOR_SAME_CELESTIAL_BODY``, in its ellipsoids.
"""

_ELLIPSOID = re.compile(
    r'(?:SPHEROID|ELLIPSOID)\["(?:[^"]|"")*",([-+.\deE]+),[-+.\deE]+'
    r'(?:,LENGTHUNIT\["[^"]*",([.\deE+-]+))?'
)
_OWN_CODE = re.compile(r'(?:AUTHORITY\["EPSG","(\d+)"\]|ID\["EPSG",(\d+)\])\]$')


def on_earth(system: CRS) -> bool:
    """Say whether a system has places on earth; a local one, or the Moon's, has none."""
    if not (system.is_geographic or system.is_projected):
        return False
    found = _ELLIPSOID.search(system.to_wkt())
    if found is None:
        return True
    radius = float(found[1]) * float(found[2] or 1)
    return abs(radius - _RADIUS) <= _SAME_BODY * _RADIUS


def carries_epsg_code(system: CRS) -> bool:
    """Say whether the text of a system itself ends in an EPSG code of the whole.

    rasterio also guesses a code, and knows codes of others; readers of GeoJSON know neither.
    """
    return _OWN_CODE.search(system.to_wkt().strip()) is not None
