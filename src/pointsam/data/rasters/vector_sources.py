"""Recognises vector files by their first bytes, and refuses those that open another source.

pyogrio's GDAL would also open a description that names a server, or a database with a view that
never ends. Neither is a file of shapes.
"""

import json
import re
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath

import pyogrio

from pointsam.data.rasters.opening import CLOSED, head_of
from pointsam.errors import InputError, in_words
from pointsam.texts import TEXT_MARKS

FORMS = "GeoPackage, GeoJSON, Shapefile (also zipped), FlatGeobuf, KML, GPX or GML"

MAX_VIEW_SECONDS = 5.0
"""Seconds that the views of a GeoPackage may take; one that never ends is refused."""

MAX_UNPACKED = 4 * 2**30
"""Bytes of a zipped Shapefile."""

_BINARY = {
    b"SQLite format 3\0": "GeoPackage",
    b"\x00\x00\x27\x0a": "Shapefile",
    b"fgb": "FlatGeobuf",
    b"PK\x03\x04": "zip",
}
_ROOTS = (b"<kml", b"<gpx", b"FeatureCollection")
"""First words of KML, GPX and GML."""

_DESCRIPTIONS = (
    b"<OGRVRT", b"<OGRWFS", b"<OGRCSW", b"<OGRWMS", b"<GDAL_", b"<VRTDataset", b"<WMS_",
    b"gdal_streamed_alg", b"<!ENTITY", b"<NetworkLink",
)  # fmt: skip
"""Words that make a driver open another place, wherever they are in a text."""

_SEARCHED = 2**20
"""Bytes of a text that are searched for them: more than any driver looks at."""

_SYSTEM = re.compile(r'"crs"\s*:\s*')
_ESCAPED_LETTER = re.compile(r"\\u00(4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])", re.IGNORECASE)
_LINKED = {"link", "url"}
"""Kinds of a coordinate system in GeoJSON that the library looks up at an address."""

_ZIPPED = {".shp", ".shx", ".dbf", ".prj", ".cpg", ".qpj", ".sbn", ".sbx", ".qix", ".xml", ".cst"}
"""Endings of the files in a zipped Shapefile."""

_OTHER_ARCHIVES = {
    "xl/workbook.xml": "is a workbook of Excel: save its sheet as CSV in UTF-8, and give that file",
    "content.xml": "is a document of LibreOffice: save its sheet as CSV, and give that file",
    ".kml": "is a KMZ archive: unpack it, and give the .kml file in it",
    "annotations.xml": "is an export of CVAT: unpack it, and give annotations.xml",
    ".json": "holds JSON, packed: unpack it, and give the .json file or their folder",
    ".csv": "holds CSV, packed: unpack it, and give the .csv file",
}
"""Ends of names in archives that are no Shapefile, and what to do with them."""
_COPY = "copy all its parts (.shp, .shx, .dbf, .prj) together."

_DBF_ROWS = slice(4, 8)
"""Bytes of a .dbf file that say how many rows it has.

Source: dBASE III, "Database file header".
"""
_SHX_HEAD, _SHX_ENTRY = 100, 8
"""Bytes of a .shx file before its entries, and of the entry of each shape.

Source: ESRI Shapefile Technical Description, "Organization of the Index File".
"""

MISREAD = "!;?"
"""Characters in a file name that the library takes for the parts of an address."""


@contextmanager
def vector_source(path: Path, *, what: str) -> Iterator[str]:
    """Give the name by which pyogrio reads a file, inside the block.

    Args:
        path: of the file.
        what: is expected in it, for the message.

    Raises:
        FileNotFoundError: no such file.
        InputError: none of `FORMS`, or one that leads elsewhere.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file of {what} {path}.")
    kind = vector_kind(path)
    if kind is None and head_of(path).startswith(TEXT_MARKS):
        raise InputError(f"{path} is not text in UTF-8, as vector files are: save it as UTF-8.")
    if kind is None:
        raise InputError(f"{path} is no vector file of {what}: give {FORMS}.")
    _refuse_descriptions(path)
    if kind == "Shapefile":
        _check_rows(path)
    if kind == "GeoJSON":
        _refuse_linked_system(path)
    if kind == "GeoPackage":
        _check_database(path)
    folder = _folder_in_zip(path) if kind == "zip" else None
    whole = str(path.absolute())
    if any(character in whole for character in MISREAD):
        whole = f"/vsisubfile/0_-1,{whole}"
    if folder is not None:  # the library knows a zip by its ending alone
        whole = f"/vsizip/{{{whole}}}" + (f"/{folder}" if folder != "." else "")
    before = {name: pyogrio.get_gdal_config_option(name) for name in CLOSED}
    pyogrio.set_gdal_config_options(CLOSED)
    try:
        yield whole
    finally:
        pyogrio.set_gdal_config_options(before)


def _check_rows(path: Path) -> None:
    """Refuse a Shapefile without the table of its fields, or with a table of fewer rows.

    The library reads both without a word: labels, classes and names are lost, or whole shapes.
    """
    beside = {other.suffix.lower(): other for other in path.parent.iterdir()
              if other.stem == path.stem}  # fmt: skip
    table, index = beside.get(".dbf"), beside.get(".shx")
    if table is None:
        raise InputError(f"{path} has no .dbf beside it, which holds its fields: {_COPY}")
    head = head_of(table)[: _DBF_ROWS.stop]
    rows = int.from_bytes(head[_DBF_ROWS], "little")
    if index is None or index.stat().st_size < _SHX_HEAD:
        return  # the library says so
    shapes = (index.stat().st_size - _SHX_HEAD) // _SHX_ENTRY
    if rows != shapes:
        raise InputError(
            f"{path} has {shapes} shapes and {table.name} {rows} rows, expected as many: {_COPY}"
        )


def vector_kind(path: Path) -> str | None:
    """Name the form of a vector file by its first bytes; None where it is none of `FORMS`."""
    head = head_of(path)
    for beginning, kind in _BINARY.items():
        if head.startswith(beginning):
            return kind
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"{"):
        return "GeoJSON"
    if text.startswith(b"<") and any(root in text for root in _ROOTS):
        return "XML"
    return None


def _refuse_descriptions(path: Path) -> None:
    with path.open("rb") as stream:
        text = stream.read(_SEARCHED)
    found = [mark.decode() for mark in _DESCRIPTIONS if mark in text]
    if found:
        raise InputError(f"{path} holds {found[0]!r}, which leads to another place: give {FORMS}.")


def _refuse_linked_system(path: Path) -> None:
    """Refuse GeoJSON whose coordinate system is an address, which the library would ask."""
    text = path.read_text(encoding="utf-8", errors="replace")
    # Letters may be written as numbers, which would hide the words.
    text = _ESCAPED_LETTER.sub(lambda found: chr(int(found[1], 16)), text)
    for found in _SYSTEM.finditer(text):
        try:
            system, _ = json.JSONDecoder(object_pairs_hook=list).raw_decode(text, found.end())
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is not JSON ({in_words(error)}).") from error
        pairs = [one for one in system if isinstance(one, tuple)] if type(system) is list else []
        if any(str(key) == "type" and str(value).lower() in _LINKED for key, value in pairs):
            raise InputError(
                f"{path} names an address for its coordinate system: write the name of the "
                "system, such as EPSG:32632, with ogr2ogr -a_srs."
            )


def _check_database(path: Path) -> None:
    """Refuse a database whose tables are computed by others, or views that do not end."""
    deadline = time.monotonic() + MAX_VIEW_SECONDS
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
            made = database.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
            if "gpkg_contents" not in [name for name, *_ in made]:
                raise InputError(f"{path} is a database, but no GeoPackage: give {FORMS}.")
            for name, kind, sql in made:
                virtual = str(sql).upper().startswith("CREATE VIRTUAL")
                if virtual and "USING RTREE" not in str(sql).upper():
                    raise InputError(f"{path}: its table {name} is computed, expected plain ones.")
                if kind == "view":
                    quoted = str(name).replace('"', '""')
                    database.execute(f'SELECT count(*) FROM "{quoted}"').fetchall()
    except sqlite3.Error as error:
        if time.monotonic() > deadline:
            reason = f"a view of it does not end within {MAX_VIEW_SECONDS:g} s"
        else:
            reason = in_words(error)
        raise InputError(
            f"{path} cannot be read ({reason}): export its layer to a new GeoPackage."
        ) from error


def _folder_in_zip(path: Path) -> str:
    """Name the folder of the Shapefiles in an archive.

    Raises:
        InputError: it holds anything else, or several such folders, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{path} is no archive that can be read ({in_words(error)}).") from error
    _refuse_other_archive(path, [entry.filename.lower() for entry in entries])
    strange = [entry.filename for entry in entries if not _of_shapefile(entry.filename)]
    if strange or not entries:
        what = strange[0] if strange else "nothing"
        raise InputError(f"{path} holds {what}: expected the files of one Shapefile. Unpack it.")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise InputError(
            f"{path} unpacks to more than {MAX_UNPACKED >> 30} GB: unpack it yourself."
        )
    names = [PurePosixPath(entry.filename) for entry in entries if not _hidden(entry.filename)]
    folders = {name.parent.as_posix() for name in names if name.suffix.lower() == ".shp"}
    if len(folders) != 1:
        raise InputError(f"{path} holds {len(folders)} folders with a Shapefile: unpack it.")
    tables = {name.stem for name in names if name.suffix.lower() == ".dbf"}
    bare = [
        name.name for name in names if name.suffix.lower() == ".shp" and name.stem not in tables
    ]
    if bare:
        raise InputError(f"{path} has no .dbf beside {bare[0]}, which holds its fields: {_COPY}")
    return folders.pop()


def _refuse_other_archive(path: Path, names: list[str]) -> None:
    """Refuse an archive of another program, and say what to do with it."""
    if any(name.endswith(".shp") for name in names):
        return
    for mark, advice in _OTHER_ARCHIVES.items():
        if any(name.endswith(mark) for name in names):
            raise InputError(f"{path} {advice}.")


def _hidden(name: str) -> bool:
    """Say whether macOS added a file to an archive."""
    return Path(name).name.startswith("._") or name.startswith("__MACOSX")


def _of_shapefile(name: str) -> bool:
    plain = not Path(name).is_absolute() and ".." not in Path(name).parts
    return plain and (_hidden(name) or Path(name).suffix.lower() in _ZIPPED)
