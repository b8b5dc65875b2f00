"""The routes of samgeo's REST interface (segment-geospatial 1.4.2, samgeo/api.py)."""

import io
import json
import math
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import numpy as np
import rasterio
import shapely
from fastapi import APIRouter, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from jaxtyping import Int
from PIL import Image
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.io import MemoryFile

from pointsam.data.rasters.georeference import Georeference, move_points, to_map, with_a_code
from pointsam.data.records import Box, Point
from pointsam.errors import InputError
from pointsam.frames import to_middles
from pointsam.prediction.automatic import AutomaticSettings
from pointsam.server.answering import on_model, session_of
from pointsam.server.compat.prompting import Found, segment_all, segment_sent
from pointsam.server.compat.sent import SentImage, read_sent
from pointsam.texts import parse_json

router = APIRouter(tags=["samgeo"])

FORMATS = ("geojson", "geotiff", "png", "json", "detections")
VERSIONS = ("sam", "sam2", "sam3")
"""Models that a client may name; it always gets the one that is served."""
MAX_GRID = 64


@router.get("/health")
async def health() -> dict[str, str]:
    """Say that the server works, to samgeo's clients and to Label Studio."""
    return {"status": "ok", "version": version("pointsam"), "model_class": "pointsam"}


@router.get("/models")
async def models(request: Request) -> dict[str, Any]:
    """List the one model that is served, under every name that clients ask for."""
    name = session_of(request).model_name
    return {"models": {v: [name] for v in VERSIONS}, "loaded": [[VERSIONS[0], name]]}


@router.post("/segment/predict")
async def predict(
    request: Request,
    file: Annotated[UploadFile, File()],
    point_coords: Annotated[str, Form()] = "",
    point_labels: Annotated[str, Form()] = "",
    boxes: Annotated[str, Form()] = "",
    point_crs: Annotated[str, Form()] = "",
    model_version: Annotated[str, Form()] = "sam",
    output_format: Annotated[str, Form()] = "geojson",
    min_size: Annotated[int, Form()] = 0,
    max_size: Annotated[int, Form()] = 0,
) -> Response:
    """Segment the object of all points, or one object for each box."""
    _check_names(model_version, output_format)
    content = await file.read()
    session = session_of(request)

    def work() -> Response:
        image = read_sent(content, trained=session.engine.trained.stretch)
        points = _points(point_coords, point_labels, point_crs, image)
        corners = _boxes(boxes, point_crs, image)
        found = _of_size(segment_sent(session, image, points, corners), min_size, max_size)
        return _answer(found, image, output_format)

    return await on_model(request, work)


@router.post("/segment/automatic")
async def automatic(
    request: Request,
    file: Annotated[UploadFile, File()],
    model_version: Annotated[str, Form()] = "sam",
    output_format: Annotated[str, Form()] = "geojson",
    points_per_side: Annotated[int, Form(ge=1, le=MAX_GRID)] = 32,
    pred_iou_thresh: Annotated[float, Form()] = 0.8,
    stability_score_thresh: Annotated[float, Form()] = 0.95,
    min_size: Annotated[int, Form()] = 0,
    max_size: Annotated[int, Form()] = 0,
) -> Response:
    """Give automatic masks."""
    _check_names(model_version, output_format)
    content = await file.read()
    session = session_of(request)
    settings = AutomaticSettings(
        grid=points_per_side, min_iou=pred_iou_thresh, min_stability=stability_score_thresh
    )

    def work() -> Response:
        image = read_sent(content, trained=session.engine.trained.stretch)
        found = _of_size(segment_all(session, image, settings), min_size, max_size)
        return _answer(found, image, output_format)

    return await on_model(request, work)


def _check_names(model_version: str, output_format: str) -> None:
    if output_format not in FORMATS:
        raise InputError(f"output_format {output_format!r} is none of {', '.join(FORMATS)}.")
    if model_version not in VERSIONS:
        raise InputError(f"model_version {model_version!r} is none of {', '.join(VERSIONS)}.")


def _of_size(found: list[Found], smallest: int, largest: int) -> list[Found]:
    """Keep masks within two sizes; 0 is no limit. If none is left, answer 404 as samgeo."""
    kept = [one for one in found if one.mask.area >= max(1, smallest)]
    kept = [one for one in kept if largest <= 0 or one.mask.area <= largest]
    if not kept:
        raise HTTPException(404, "No objects found for the given prompts.")
    return kept


def _numbers(text: str, width: int, what: str) -> list[list[float]]:
    """Read a list of rows of numbers; one row need not be in a list."""
    if not text:
        return []
    try:
        values = parse_json(text)
        rows = [values] if values and not isinstance(values[0], list) else values
        read = [[float(number) for number in row] for row in rows]
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"{what} is no JSON list of numbers.") from error
    if any(len(row) != width or not all(map(math.isfinite, row)) for row in read):
        raise InputError(f"{what} needs {width} numbers in each row.")
    return read


def _points(coords: str, labels: str, crs: str, image: SentImage) -> list[Point]:
    places = _to_pixels(_numbers(coords, 2, "point_coords"), crs, image)
    kinds = _numbers(labels, 1, "point_labels") if labels.lstrip().startswith("[[") else [
        [kind] for row in _numbers(labels, max(1, len(places)), "point_labels") for kind in row
    ]  # fmt: skip
    if labels and len(kinds) != len(places):
        raise InputError(f"{len(kinds)} point_labels for {len(places)} point_coords.")
    flags = [_flag(kind[0]) for kind in kinds] or [1] * len(places)
    return [(x, y, flag) for (x, y), flag in zip(places, flags, strict=True)]


def _flag(kind: float) -> int:
    if kind not in (0, 1):
        raise InputError(f"point_labels holds {kind:g}, expected 1 on or 0 off the object.")
    return int(kind)


def _boxes(text: str, crs: str, image: SentImage) -> list[Box]:
    found: list[Box] = []
    for x0, y0, x1, y1 in _numbers(text, 4, "boxes"):
        (ax, ay), (bx, by) = _to_pixels([[x0, y0], [x1, y1]], crs, image)
        found.append((min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)))
    return found


def _to_pixels(places: Sequence[Sequence[float]], crs: str, image: SentImage) -> list[list[float]]:
    """Convert coordinates to the image frame; pixels stay as they are."""
    if not crs or not places:
        return [list(place) for place in places]
    georeference = image.georeference
    if georeference is None:
        raise InputError(f"point_crs is {crs}, but the image has no coordinate system.")
    try:
        source = CRS.from_user_input(crs)
    except CRSError as error:
        raise InputError(f"point_crs {crs!r} is no coordinate system.") from error
    target = CRS.from_wkt(georeference.crs)
    moved = move_points(np.array(places, dtype=float), source, target, what="points")
    a, b, c, d, e, f = georeference.transform
    edges = np.linalg.solve(np.array([[a, b], [d, e]]), (moved - (c, f)).T).T
    pixels: list[list[float]] = to_middles(edges).tolist()
    return pixels


def _answer(found: list[Found], image: SentImage, output_format: str) -> Response:
    if output_format == "geojson":
        return JSONResponse(_geojson(found, image, outlines=True))
    if output_format == "detections":
        return JSONResponse(_geojson(found, image, outlines=False) | {"num_detections": len(found)})
    if output_format == "json":
        return JSONResponse(_detections(found, image))
    labels = _raster(found, image.size)
    if output_format == "png":
        stream = io.BytesIO()
        kind = np.uint8 if len(found) < 256 else np.uint16
        Image.fromarray(labels.astype(kind)).save(stream, "PNG")
        return Response(stream.getvalue(), media_type="image/png")
    return Response(_geotiff(labels, image.georeference), media_type="image/tiff")


def _raster(found: list[Found], size: tuple[int, int]) -> Int[np.ndarray, "height width"]:
    labels = np.zeros(size, dtype=np.int64)
    for value, one in reversed(list(enumerate(found, start=1))):
        x0, y0, x1, y1 = one.mask.box
        labels[y0:y1, x0:x1][one.mask.pixels] = value
    return labels


def _geotiff(labels: Int[np.ndarray, "height width"], place: Georeference | None) -> bytes:
    profile: dict[str, Any] = {"driver": "GTiff", "count": 1, "dtype": "uint16", "nodata": 0}
    profile |= {"height": labels.shape[0], "width": labels.shape[1], "compress": "deflate"}
    if place is not None:
        profile |= {"crs": CRS.from_wkt(place.crs), "transform": rasterio.Affine(*place.transform)}
    with MemoryFile() as memory:
        with memory.open(**profile) as out:
            out.write(labels.astype(np.uint16), 1)
        content: bytes = memory.read()
        return content


def _geojson(found: list[Found], image: SentImage, *, outlines: bool) -> dict[str, Any]:
    """Give one feature for each mask, on the map as GeoJSON can name it, or in pixels."""
    shapes = np.empty(len(found), dtype=object)
    for index, one in enumerate(found):
        shapes[index] = one.mask.outline() if outlines else shapely.box(*one.mask.box)
    place, crs = image.georeference, None
    if place is not None:
        transform = place.transform
        on_map = shapely.transform(shapes, lambda corners: to_map(corners, transform))
        shapes, crs = with_a_code(on_map, place.crs)
    features = []
    for value, (one, shape) in enumerate(zip(found, shapes, strict=True), start=1):
        known: dict[str, Any] = {"value": value, "score": round(one.score, 4)}
        if not outlines:
            known |= {"id": value, "bbox_pixel": [float(n) for n in one.mask.box]}
        geometry = json.loads(shapely.to_geojson(shape))
        features.append({"type": "Feature", "geometry": geometry, "properties": known})
    collection: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs is not None:
        authority = CRS.from_user_input(crs).to_authority()
        if authority:
            name = ":".join(authority)
            urn = f"urn:ogc:def:crs:{authority[0]}::{authority[1]}"
            named = {"type": "name", "properties": {"name": urn}}
            collection["crs"] = named if outlines else name
    return collection


def _detections(found: list[Found], image: SentImage) -> dict[str, Any]:
    height, width = image.size
    rows = []
    for value, one in enumerate(found, start=1):
        x0, y0, x1, y1 = one.mask.box
        last = [x0, y0, x1 - 1, y1 - 1]
        size = {"width": last[2] - x0, "height": last[3] - y0}
        rows.append({"id": value, "value": value, "bbox": last, **size, "score": one.score})
    head = {"image_width": width, "image_height": height, "num_detections": len(rows)}
    return head | {"detections": rows}
