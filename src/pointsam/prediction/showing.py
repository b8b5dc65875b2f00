"""A prediction as a picture, as COCO and as polygons, for notebooks and other libraries."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image

from pointsam.data.coco.masks import mask_entry, to_rle
from pointsam.data.rasters.georeference import to_map
from pointsam.errors import InputError
from pointsam.figures import draw_panel
from pointsam.prediction.arrays import Transform
from pointsam.prediction.polygons import PolygonRules, shaped
from pointsam.prediction.tracing import trace

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

Masks = Bool[np.ndarray, "instances height width"]


def picture(
    masks: Masks,
    image: UInt8[np.ndarray, "height width 3"] | None,
    points: Float[np.ndarray, "instances points 2"] | None,
    labels: Int[np.ndarray, "instances points"] | None,
) -> Image.Image:
    """Draw masks and points over their image, or over grey where there is none."""
    if image is None:
        image = np.full((*masks.shape[1:], 3), 128, dtype=np.uint8)
    return Image.fromarray(draw_panel(image, masks=masks, points=points, labels=labels))


def as_png(shown: Image.Image) -> bytes:
    """Encode a picture as PNG."""
    stream = io.BytesIO()
    shown.save(stream, format="png")
    return stream.getvalue()


def coco_of(
    masks: Masks, scores: Float[np.ndarray, " instances"], *, file_name: str, category: str
) -> dict[str, Any]:
    """Give one image and its masks as the content of a COCO file, masks as RLE."""
    height, width = masks.shape[1:]
    rles = [to_rle(mask) for mask in masks]
    return {
        "images": [{"id": 1, "file_name": file_name, "height": height, "width": width}],
        "categories": [{"id": 1, "name": category}],
        "annotations": [
            {
                "id": number,
                "image_id": 1,
                "category_id": 1,
                **mask_entry(rle),
                "iscrowd": 0,
                "score": round(float(score), 4),
            }
            for number, (rle, score) in enumerate(zip(rles, scores, strict=True), start=1)
        ],
    }


def geodataframe_of(
    masks: Masks,
    scores: Float[np.ndarray, " instances"],
    *,
    transform: Transform | None,
    crs: str | None,
    rules: PolygonRules,
) -> "GeoDataFrame":
    """Give one row an instance: its polygon, score and area in pixels.

    Raises:
        InputError: geopandas is not installed.
    """
    try:
        import geopandas
    except ImportError as error:
        raise InputError(
            "to_geodataframe() needs geopandas, which is not installed: pip install geopandas."
        ) from error
    traced = np.empty(len(masks), dtype=object)
    for index, mask in enumerate(masks):
        traced[index] = trace(mask)
    shapes = traced if rules.idle else shaped(traced, rules, pixel=1.0)
    if transform is not None:
        shapes = shapely.transform(shapes, lambda points: to_map(points, transform))
    rows = {
        "instance": np.arange(1, len(masks) + 1),
        "score": scores.round(4),
        "area_px": masks.sum(axis=(1, 2)),
    }
    return geopandas.GeoDataFrame(rows, geometry=shapes, crs=crs)
