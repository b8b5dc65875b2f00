"""The table of a scene's output formats; a new one is a writer and its row in `FORMATS`."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pointsam.data.coco.masks import mask_entry, runs_at
from pointsam.data.rasters.scene import Scene
from pointsam.data.rasters.scene_points import SceneObject
from pointsam.errors import InputError
from pointsam.files import replacing
from pointsam.prediction.scenes.logit_maps import Overlaps
from pointsam.prediction.scenes.objects import SceneMask
from pointsam.prediction.scenes.style import store_style, write_style
from pointsam.prediction.scenes.vectors import LAYER, Outlines, write_labels, write_polygons

STYLE_NAME = "instances.qml"
"""The QGIS style of the files of that name; written with polygons and rasters."""


@dataclass(frozen=True, eq=False)
class SceneOutput:
    """The results of one scene that a format may write."""

    scene: Scene
    objects: Sequence[SceneObject]
    masks: Sequence[SceneMask]
    overlaps: Overlaps
    outlines: Outlines
    told: Mapping[str, str] | None
    """Of every polygon, by the name of a field."""
    style: bool
    """Keep the style in the GeoPackage, too."""
    further: Mapping[str, np.ndarray] | None = None
    """What else is known of each object, by the name of a field of the polygons."""

    @property
    def classes(self) -> list[str]:
        """Class of each object."""
        return [one.category for one in self.objects]


@dataclass(frozen=True)
class SceneFormat:
    """One format, by what it writes."""

    files: tuple[str, ...]
    """Names in the output folder."""
    write: Callable[[Path, SceneOutput], None]
    """Takes the folder."""


def _polygons(folder: Path, output: SceneOutput, *, ending: str) -> None:
    path = folder / f"{LAYER}{ending}"
    write_polygons(
        path,
        output.outlines,
        output.objects,
        output.masks,
        crs=output.scene.crs,
        told=output.told,
        further=output.further,
    )
    names = sorted(set(output.classes))
    write_style(folder / STYLE_NAME, names, objects=len(output.objects))
    if output.style and ending == ".gpkg":
        store_style(path, LAYER, names, objects=len(output.objects))


def _rasters(folder: Path, output: SceneOutput) -> None:
    write_labels(folder / "instances.tif", output.overlaps, output.scene)
    write_labels(folder / "classes.tif", output.overlaps, output.scene, classes=output.classes)
    names = sorted(set(output.classes))
    write_style(folder / STYLE_NAME, names, objects=len(output.objects))


def _coco(folder: Path, output: SceneOutput) -> None:
    """Write masks as RLE in the pixels of the scene, under the ids of the clicks."""
    height, width = output.scene.size
    names = sorted(set(output.classes))
    annotations = []
    for one, mask in zip(output.objects, output.masks, strict=True):
        box = output.overlaps.box(one.index)
        if box is None:
            continue
        x, y = box[0] - output.scene.grid.x, box[1] - output.scene.grid.y
        pixels = output.overlaps.mask(one.index)
        entry = {
            "id": one.id,
            "image_id": 1,
            "category_id": names.index(one.category) + 1,
            **mask_entry(runs_at(pixels, corner=(x, y), size=(height, width))),
            "iscrowd": 0,
            "score": round(float(mask.score), 4),
            "label": one.index + 1,
        }
        annotations.append(entry | ({"instance": one.key} if one.key else {}))
    image = {"id": 1, "file_name": output.scene.path.name, "height": height, "width": width}
    content = {
        "images": [image],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, start=1)],
        "annotations": annotations,
    }
    with replacing(folder / "instances.json") as temporary:
        temporary.write_text(json.dumps(content))


def _vector(ending: str) -> SceneFormat:
    write = partial(_polygons, ending=ending)
    return SceneFormat((f"{LAYER}{ending}", STYLE_NAME), write)


FORMATS = {
    "gpkg": _vector(".gpkg"),
    "geojson": _vector(".geojson"),
    "shp": _vector(".shp"),
    "fgb": _vector(".fgb"),
    "cog": SceneFormat(("instances.tif", "classes.tif", STYLE_NAME), _rasters),
    "coco": SceneFormat(("instances.json",), _coco),
}
"""By the names of ``--format``."""

POLYGONS = ("gpkg", "geojson", "shp", "fgb")
"""Formats that hold polygons; the others hold masks as they are."""

USUAL = ("gpkg", "geojson", "cog")
"""Formats that are written unless others are asked for."""


def scene_formats(text: str) -> tuple[str, ...]:
    """Read the names of formats, separated by commas, each once.

    Raises:
        InputError: none, or one that is not known.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        raise InputError(f"--format {text}: give some of {', '.join(FORMATS)}, with commas.")
    return tuple(dict.fromkeys(names))


def written_names(formats: Sequence[str]) -> tuple[str, ...]:
    """List the files that some formats write, each once."""
    return tuple(dict.fromkeys(name for one in formats for name in FORMATS[one].files))


def data_names(formats: Sequence[str]) -> tuple[str, ...]:
    """List the files with results that some formats write; a style is none."""
    return tuple(name for name in written_names(formats) if name != STYLE_NAME)


def write_scene(folder: Path, formats: Sequence[str], output: SceneOutput) -> None:
    """Write a scene's outputs in some formats."""
    for name in formats:
        FORMATS[name].write(folder, output)
