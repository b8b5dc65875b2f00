"""The only opener of rasters and vector files; the first bytes of a file choose its driver.

GDAL tries every format it knows on every file, whatever its ending: among them are those that
name a server, a folder or another file. Here the first bytes choose one driver from a list, and
no file can name another outside its own folder. Both builds of GDAL, rasterio's and pyogrio's,
are reached through this file for reading.
"""

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os.path import abspath, normpath
from pathlib import Path
from xml.etree import ElementTree

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

from pointsam.data.rasters.full_disk import of_writing
from pointsam.data.rasters.no_raster import refuse_device, what_instead
from pointsam.data.rasters.remote import Source, content_of
from pointsam.errors import InputError, in_words
from pointsam.files import refuse_bytes_in_name, sha256_of, size_and_time

CACHE_BYTES = 128 * 2**20
"""Of GDAL's blocks."""

CLOSED = {"CPL_VSIL_CURL_ALLOWED_FILENAME": "none", "GML_DOWNLOAD_SCHEMA": "NO"}
"""Settings of GDAL that keep every driver from asking a server."""

_FIRST_BYTES = {
    "GTiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "BMP": (b"BM",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "JP2OpenJPEG": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "HFA": (b"EHFA_HEADER_TAG",),
    "NITF": (b"NITF", b"NSIF"),
}
"""Of rasters, by the name of GDAL's driver; WebP and ENVI are told apart below."""

_MOSAIC_TAGS = set(
    "VRTDataset SRS GeoTransform Metadata MDI BlockXSize BlockYSize VRTRasterBand NoDataValue "
    "HideNoDataValue ColorInterp ColorTable Entry Description Offset Scale UnitType Histograms "
    "HistItem HistMin HistMax BucketCount IncludeOutOfRange Approximate HistCounts CategoryNames "
    "Category SimpleSource ComplexSource AveragedSource SourceFilename SourceBand "
    "SourceProperties SrcRect DstRect NODATA ScaleOffset ScaleRatio LUT UseMaskBand MaskBand "
    "OverviewList GCPList GCP".split()
)
"""Elements that a virtual raster may have: those of a mosaic, none that computes or loads."""

_SIDECARS = (".ovr", ".msk")
"""Endings of files that GDAL opens beside a raster, with any driver."""

_BESIDE = (".ovr", ".xml")
"""Endings of files beside a raster that do not decide its pixels."""

_HEAD = 4096
"""First bytes of a file that are read to recognise it."""


def within(folder: Path, name: str) -> Path:
    """Give the path of a file that another file names, in a folder.

    Symbolic links in the folder are followed, since its owner made them; the name is only data.

    Raises:
        InputError: the name leads out of the folder.
    """
    path = folder / name
    if not Path(normpath(abspath(path))).is_relative_to(normpath(abspath(folder))):
        raise InputError(
            f"{name!r} leads out of the folder {folder}: name files by their path below it."
        )
    return path


def head_of(path: Path) -> bytes:
    """Read the first bytes of a file.

    Raises:
        InputError: it cannot be read.
    """
    refuse_device(path)
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error


@contextmanager
def open_raster(path: Path, *, typed: bool = False) -> Iterator[rasterio.DatasetReader]:
    """Open a raster by the driver that its first bytes name.

    Args:
        path: of the file.
        typed: the user named this very file; it may then be a virtual raster, a mosaic of rasters
            in its own folder.

    Raises:
        InputError: no raster that is read, or one that names files elsewhere.
    """
    remote = path if isinstance(path, Source) else None
    settings = CLOSED if remote is None else remote.settings
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, **settings), warnings.catch_warnings():
        # A plain image is a raster whose map is its pixels.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            if remote is not None:
                dataset = rasterio.open(remote.opened, driver=remote.driver)
            else:
                dataset = rasterio.open(path, driver=_driver(path, typed=typed))
        except RasterioIOError as error:
            told = in_words(error) if remote is None else remote.without_secret(in_words(error))
            raise InputError(f"{path} is no raster that can be read ({told}).") from error
        with dataset:
            _refuse_elsewhere(path, dataset)
            try:
                yield dataset
            except RasterioIOError as error:
                if "No space left" in str(error):
                    raise  # of what is written meanwhile
                if of_writing(error):
                    told = f"what is made of {path} cannot be written ({in_words(error)})"
                    raise InputError(f"{told}: the disk may be full.") from error
                raise unreadable(path, error) from error


def unreadable(path: Path, error: RasterioIOError, *, place: str = "") -> InputError:
    """Say that pixels cannot be read, and what to do.

    Args:
        path: of the raster.
        error: GDAL's.
        place: where in the raster.
    """
    if isinstance(path, Source):
        told = path.without_secret(in_words(error))
        return InputError(
            f"{path} cannot be read{place and f' {place}'} ({told}): does its server answer? "
            "--resume goes on from here."
        )
    told = f"{place}: {in_words(error)}" if place else in_words(error)
    return InputError(f"{path} is damaged ({told}): get it again, or copy it with gdal_translate.")


def raster_hash(path: Path) -> str:
    """Name a raster by all that decides its pixels: the file, its mask, the parts of a mosaic.

    Of what other programs leave beside it, no-data values and the meanings of bands count;
    statistics and pyramids do not.

    Raises:
        InputError: no raster that is read.
    """
    return _raster_name(path, sha256_of)


def raster_stamp(path: Path) -> str:
    """Name a raster by size and time of change of the files that `raster_hash` reads.

    It reads no pixels. A copy of a raster has another stamp and the same hash.

    Raises:
        InputError: no raster that is read.
    """
    return _raster_name(path, size_and_time)


def _raster_name(path: Path, name: Callable[[Path], str]) -> str:
    if isinstance(path, Source):
        return content_of(path)
    with open_raster(path, typed=True) as dataset:
        files = sorted({path.absolute(), *(Path(abspath(name)) for name in dataset.files)})
        meanings = [meaning.name for meaning in dataset.colorinterp]
        known = [dataset.nodatavals, dataset.scales, dataset.offsets, meanings]
    counted = [file for file in files if file.suffix.lower() not in _BESIDE]
    digest = hashlib.sha256(repr(known).encode())
    for file in counted:
        digest.update(f"{file.name} {name(file)}\n".encode())
    return digest.hexdigest()


def refuse_control_points(path: Path, dataset: rasterio.DatasetReader) -> None:
    """Refuse a raster with ground control points alone, whose pixels lie on no map grid.

    Raises:
        InputError: the message says how to warp it.
    """
    points, _ = dataset.gcps
    if dataset.crs is None and points:
        raise InputError(
            f"{path} is placed by {len(points)} ground control points alone: lay it on a grid "
            "first, with gdalwarp IN.tif OUT.tif."
        )


def _driver(path: Path, *, typed: bool) -> str:
    """Name the driver of a raster by its first bytes, after a look at the files beside it."""
    refuse_bytes_in_name(path)
    head = head_of(path)
    driver = raster_kind(path, head)
    if driver is not None:
        _refuse_sidecars(path)
        return driver
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<VRTDataset"):
        if not (typed and path.suffix.lower() == ".vrt"):
            raise InputError(
                f"{path} is a virtual raster: give it by name on the command line, with the "
                "ending .vrt, or write it as a GeoTIFF with gdal_translate."
            )
        _check_mosaic(path)
        return "VRT"
    kinds = f"{', '.join(_FIRST_BYTES)}, WEBP or ENVI"
    usual = f"is no raster that is read ({kinds}): write it as a GeoTIFF with gdal_translate"
    raise InputError(f"{path} {what_instead(path, head) or usual}.")


def raster_kind(path: Path, head: bytes) -> str | None:
    """Name GDAL's driver for a raster by its first bytes; None where it is none."""
    for driver, beginnings in _FIRST_BYTES.items():
        if head.startswith(beginnings):
            return driver
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head.lstrip().startswith(b"<") or (head[:4] == b"ENVI" and path.suffix.lower() == ".hdr"):
        return None  # XML and the header itself are no images, even with an ENVI header beside
    headers = (path.with_suffix(".hdr"), path.with_name(f"{path.name}.hdr"))
    if any(header.is_file() and head_of(header).startswith(b"ENVI") for header in headers):
        return "ENVI"
    return None


def _refuse_sidecars(path: Path) -> None:
    """Refuse pyramids and masks beside a raster that are no rasters; GDAL opens any file."""
    for ending in _SIDECARS:
        for name in (f"{path.name}{ending}", f"{path.stem}{ending}"):
            for sidecar in (path.with_name(name), path.with_name(name).with_suffix(ending.upper())):
                if sidecar.is_file() and raster_kind(sidecar, head_of(sidecar)) is None:
                    raise InputError(f"{sidecar} is no raster: delete it, or make it anew.")


def _refuse_elsewhere(path: Path, dataset: rasterio.DatasetReader) -> None:
    """Refuse a raster that names its pyramids, its mask or its parts in another place."""
    if isinstance(path, Source):
        # All that it may ask for is in its settings; a pyramid in a file of this machine is none.
        if dataset.tags(ns="OVERVIEWS") or set(dataset.files) - {path.opened}:
            raise InputError(f"{path} names other files: copy it with gdal_translate first.")
        return
    tags = dataset.tags(ns="OVERVIEWS")
    for key in ("OVERVIEW_FILE", "MASK_FILE"):
        name = tags.get(key, "").removeprefix(":::BASE:::")
        if name and raster_kind(path, head_of(_beside(path, name))) is None:
            raise InputError(f"{path} names {name} as its {key}, which is no raster.")
    for name in dataset.files:
        # GDAL resolves these from the working directory, not from the raster.
        _beside(path, name if name.startswith("/vsi") else abspath(name))


def _beside(path: Path, name: str) -> Path:
    """Give the path of a file that a raster names; it must lie in the raster's folder or below."""
    if re.match(r"/vsi|[a-z+]+://|<", name, re.IGNORECASE):
        raise InputError(f"{path} names {name!r}: what is not a file beside it is not opened.")
    found = within(path.absolute().parent, name)
    if not found.is_file():
        raise InputError(f"{path} names {name}, which is not there.")
    return found


def _check_mosaic(path: Path) -> None:
    """Refuse a virtual raster that is more than a mosaic of rasters in its folder.

    Raises:
        InputError: it names other places, computes values, or nests.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if "<!" in text:
            raise InputError(f"{path} holds declarations, expected a plain virtual raster.")
        elements = list(ElementTree.fromstring(text).iter())
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no virtual raster ({in_words(error)}).") from error
    strange = sorted({str(e.tag) for e in elements} - _MOSAIC_TAGS)
    computed = [e for e in elements if e.get("subClass") not in (None, "VRTSourcedRasterBand")]
    if strange or computed:
        what = strange[0] if strange else computed[0].get("subClass")
        raise InputError(
            f"{path} is more than a mosaic ({what}): write it as a GeoTIFF with gdal_translate."
        )
    for element in elements:
        if element.tag == "SourceFilename":
            source = _beside(path, (element.text or "").strip())
            if raster_kind(source, head_of(source)) is None:
                raise InputError(f"{path} names {source.name}, which is no raster that is read.")
            _refuse_sidecars(source)
