"""Recognises the format of a file of clicks by its content, not by its ending."""

from collections.abc import Hashable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from pointsam.errors import InputError
from pointsam.texts import TEXT_MARKS, decoded, parse_json, read_json

HEAD = 2**16
"""Bytes that tell the kind of a file."""

_GEOMETRIES = {
    "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon",
    "GeometryCollection",
}  # fmt: skip
_GEOJSON = {"FeatureCollection", "Feature", "Topology", *_GEOMETRIES}


class Content:
    """A file, or a folder of files, of which only the needed parts are read."""

    def __init__(self, path: Path) -> None:
        """Take a path.

        Raises:
            FileNotFoundError: there is nothing.
        """
        if not path.exists():
            raise FileNotFoundError(f"no point file {path}.")
        self.path = path
        self.is_folder = path.is_dir()
        self.kept: dict[Hashable, Any] = {}
        """Results that a reader keeps for the next image."""

    @cached_property
    def head(self) -> bytes:
        """The first bytes of a file."""
        if self.is_folder:
            return b""
        with self.path.open("rb") as stream:
            return stream.read(HEAD)

    @cached_property
    def text(self) -> str:
        """The beginning of a text file; empty if the file is no text."""
        if b"\0" in self.head and not self.head.startswith(TEXT_MARKS):
            return ""
        return decoded(self.head, errors="replace").lstrip()

    @property
    def looks_like_json(self) -> bool:
        """Whether a file begins as JSON does."""
        return self.text.startswith(("{", "["))

    @property
    def looks_like_xml(self) -> bool:
        """Whether a file begins as XML does."""
        return self.text.startswith("<")

    @cached_property
    def json(self) -> Any:
        """A file's JSON; None where it does not look like it.

        Raises:
            InputError: damaged JSON.
        """
        return read_json(self.path) if self.looks_like_json else None

    @property
    def is_geojson(self) -> bool:
        """Whether a file is GeoJSON, GeoJSON with one feature on each line, or similar."""
        if not self.looks_like_json:
            return False
        first = self.text.splitlines()[0]
        try:
            row = parse_json(first)
        except ValueError:
            row = self.json
        kind = row.get("type") if isinstance(row, dict) else None
        esri = isinstance(row, dict) and "geometryType" in row and "features" in row
        return esri or (isinstance(kind, str) and kind in _GEOJSON)

    def files(self, *endings: str) -> list[Path]:
        """List the files of a folder and below, by ending in any case; hidden ones are none."""
        return sorted(
            path
            for path in self.path.rglob("*")
            if path.suffix.lower() in endings
            and not any(part.startswith(".") for part in path.relative_to(self.path).parts)
            and path.is_file()
        )

    @cached_property
    def members(self) -> list[Path]:
        """The JSON files of a folder; a file is its own only member.

        Where none is called so, those without an ending: a storage of Label Studio has them.
        """
        if not self.is_folder:
            return [self.path]
        return self.files(".json") or [p for p in self.files("") if Content(p).looks_like_json]

    def entries(self) -> Iterator[tuple[Path, Any]]:
        """Read the members one by one.

        Raises:
            InputError: damaged JSON.
        """
        for path in self.members:
            yield path, (read_json(path) if self.is_folder else self.json)

    @cached_property
    def sample(self) -> Any:
        """The JSON of a file, or of the first file of a folder that holds a mapping or a list."""
        if not self.is_folder:
            return self.json
        return next((content for _, content in self.entries()), None)

    def damaged(self, tool: str, reason: str) -> InputError:
        """Say that a file is not as a tool writes it."""
        return InputError(f"{self.path} is not as {tool} writes it ({reason}).")
