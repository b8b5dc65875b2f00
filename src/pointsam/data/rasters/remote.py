"""Rasters on a server, used in place of the path of a file.

Only what the user types becomes a `Source` (`pointsam.data.rasters.sources`): names in files,
lists of scenes included, never do.
"""

import hashlib
import re
from importlib.metadata import version
from pathlib import Path, PosixPath
from typing import Any

from pointsam.files import sha256_of

TIMEOUT = 30
"""Seconds that a server may take to answer."""

_SIGNATURE = re.compile(
    r"(x-amz-|x-goog-|sig|token|access_token|key|expires|policy|s[eprtv]=|sk[a-z]+=)", re.IGNORECASE
)
"""Parts of a query that let someone in, and are others the next time."""


class Source(PosixPath):
    """A raster on a server, used in place of the path of a file."""

    opened: str
    """What GDAL opens."""
    driver: str
    shown: str
    """The address without its signature."""

    @classmethod
    def of(cls, shown: str, *, name: str, opened: str, driver: str) -> "Source":
        """Make a source whose `name` is that of a file."""
        source = cls(name)
        source.opened, source.driver, source.shown = opened, driver, shown
        return source

    def __str__(self) -> str:
        return self.shown

    def __reduce__(self) -> Any:
        given = (self.shown, self.name, self.opened, self.driver)
        return _again, given

    def is_file(self) -> bool:
        """Return True: only opening the source asks its server."""
        return True

    def without_secret(self, text: str) -> str:
        """Give another program's message about this source without the signature of its address."""
        text = text.replace(self.opened, self.shown)
        return re.sub(r"(https?://[^\s?]*)\?\S*", r"\1", text)

    @property
    def settings(self) -> dict[str, str | int]:
        """GDAL settings that allow this source and forbid all others."""
        allowed = self.opened if self.driver == "GTiff" else "none"
        return {
            "CPL_VSIL_CURL_ALLOWED_FILENAME": allowed,
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            "GDAL_HTTP_CONNECTTIMEOUT": TIMEOUT,
            "GDAL_HTTP_TIMEOUT": TIMEOUT,
            "GDAL_HTTP_MAX_RETRY": 3,
            "GDAL_HTTP_RETRY_DELAY": 1,
            "GDAL_HTTP_USERAGENT": agent(),
            "VSI_CACHE": "TRUE",
        }


def content_of(path: Path) -> str:
    """Name a raster by its content; one on a server by its address, a signature left out."""
    if not isinstance(path, Source):
        return sha256_of(path)
    address, _, query = path.opened.partition("?")
    kept = [part for part in query.split("&") if not _SIGNATURE.match(part)]
    return hashlib.sha256(f"{address}?{'&'.join(kept)}".encode()).hexdigest()


def _again(shown: str, name: str, opened: str, driver: str) -> Source:
    return Source.of(shown, name=name, opened=opened, driver=driver)


def shown(address: str) -> str:
    """Give an address without its query, which may hold a signature, and without a password."""
    plain = address.split("?")[0].split("#")[0]
    return re.sub(r"//[^/@]*@", "//", plain)


def agent() -> str:
    """Name this program to servers."""
    return f"pointsam/{version('pointsam')}"
