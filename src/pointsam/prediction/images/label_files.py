"""Files of label tools with the masks of images, to correct them there.

Corners are counted from pixel edges, as these tools do. None of these formats has holes, so holes
are filled. The parts of one object are polygons of one group.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import shapely
import yaml

from pointsam.data.clicks.label_studio_links import link_to
from pointsam.data.coco.masks import rasterise
from pointsam.files import replacing
from pointsam.prediction.polygons import PolygonRules, shaped
from pointsam.prediction.tracing import trace

LABELME_VERSION = "5.5.0"
"""Version of LabelMe's format; LabelMe refuses files without one."""


@dataclass(frozen=True, eq=False)
class LabelledObject:
    """One object of one image, as label tools describe it."""

    id: int
    category: str
    score: float
    rings: tuple[np.ndarray, ...]
    """Outer rings of its parts, ``corners 2`` from pixel edges; no corner comes twice."""


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One image and its objects."""

    id: int
    file_name: str
    width: int
    height: int
    objects: tuple[LabelledObject, ...]

    @property
    def stem(self) -> Path:
        """Give the file's name without its ending, with its sub-folders."""
        path = Path(self.file_name)
        safe = Path(path.name) if path.is_absolute() or ".." in path.parts else path
        return safe.with_suffix("")


def label_names(images: Sequence[LabelledImage]) -> list[Path]:
    """Name the label file of each image, without an ending: as the image, with its sub-folders.

    Images whose names differ in their endings alone (``a.png``, ``a.jpg``) get their ids, too.
    """
    uses = Counter(image.stem for image in images)
    taken = {stem for stem, count in uses.items() if count == 1}
    names = []
    for image in images:
        name = image.stem
        while uses[image.stem] > 1 and (name == image.stem or name in taken):
            name = name.with_name(f"{name.name}_{image.id}")
        taken.add(name)
        names.append(name)
    return names


def alike(images: Sequence[LabelledImage]) -> list[str]:
    """List the images of one name that label tools, which pair files by name, cannot tell apart."""
    uses = Counter(image.stem for image in images)
    return [image.file_name for image in images if uses[image.stem] > 1]


def labelled_images(content: Mapping[str, Any], rules: PolygonRules) -> Iterator[LabelledImage]:
    """Trace the masks of a COCO file, image by image.

    Args:
        content: ``images``, ``categories`` and ``annotations``, as in ``predictions.json``.
        rules: for the outlines, in pixels.
    """
    names = {entry["id"]: entry["name"] for entry in content["categories"]}
    of_image: dict[int, list[Mapping[str, Any]]] = {}
    for annotation in content["annotations"]:
        of_image.setdefault(annotation["image_id"], []).append(annotation)
    for image in content["images"]:
        size = (image["height"], image["width"])
        own = of_image.get(image["id"], [])
        traced = np.empty(len(own), dtype=object)
        for place, annotation in enumerate(own):
            traced[place] = trace(rasterise(annotation["segmentation"], size))
        shapes = traced if rules.idle else shaped(traced, rules, pixel=1.0)
        yield LabelledImage(
            image["id"],
            image["file_name"],
            image["width"],
            image["height"],
            tuple(
                LabelledObject(a["id"], names[a["category_id"]], a.get("score", 1.0), _rings(shape))
                for a, shape in zip(own, shapes, strict=True)
            ),
        )


def _rings(shape: shapely.MultiPolygon) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(part.exterior.coords)[:-1] for part in shape.geoms)


def write_labelme(images: list[LabelledImage], folder: Path) -> None:
    """Write one JSON an image, under the image's name: put them beside the images."""
    for image, stem in zip(images, label_names(images), strict=True):
        shapes = [
            {
                "label": found.category,
                "points": ring.round(2).tolist(),
                "group_id": found.id if len(found.rings) > 1 else None,
                "description": f"score {found.score:.3f}",
                "shape_type": "polygon",
                "flags": {},
            }
            for found in image.objects
            for ring in found.rings
        ]
        content: dict[str, Any] = {
            "version": LABELME_VERSION,
            "flags": {},
            "shapes": shapes,
            "imagePath": Path(image.file_name).name,
            "imageData": None,
            "imageHeight": image.height,
            "imageWidth": image.width,
        }
        _save(folder / stem.with_name(f"{stem.name}.json"), json.dumps(content))


def write_label_studio(images: list[LabelledImage], folder: Path) -> None:
    """Write ``tasks.json`` to import, and ``config.xml`` to paste as the labelling interface."""
    tasks = []
    for image in images:
        scale = np.array([100 / image.width, 100 / image.height])
        results = [
            {
                "id": f"{found.id}-{number}",
                "type": "polygonlabels",
                "from_name": "label",
                "to_name": "image",
                "original_width": image.width,
                "original_height": image.height,
                "image_rotation": 0,
                "score": found.score,
                "value": {
                    "points": (ring * scale).round(4).tolist(),
                    "closed": True,
                    "polygonlabels": [found.category],
                },
            }
            for found in image.objects
            for number, ring in enumerate(found.rings)
        ]
        tasks.append(
            {
                "data": {"image": link_to(image.file_name)},
                "predictions": [{"model_version": "pointsam", "result": results}],
            }
        )
    _save(folder / "tasks.json", json.dumps(tasks))
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name="image", value="$image", zoom="true")
    labels = ElementTree.SubElement(view, "PolygonLabels", name="label", toName="image")
    for name in _names(images):
        ElementTree.SubElement(labels, "Label", value=name)
    _save(folder / "config.xml", ElementTree.tostring(view, encoding="unicode"))


def write_cvat(images: list[LabelledImage], folder: Path) -> None:
    """Write ``annotations.xml``, CVAT for images 1.1."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    for image in images:
        entry = ElementTree.SubElement(
            root,
            "image",
            id=str(image.id),
            name=image.file_name,
            width=str(image.width),
            height=str(image.height),
        )
        for found in image.objects:
            group = {"group_id": str(found.id)} if len(found.rings) > 1 else {}
            for ring in found.rings:
                points = ";".join(f"{x:.2f},{y:.2f}" for x, y in ring)
                told = {"label": found.category, "source": "auto", "occluded": "0"} | group
                told |= {"points": points, "z_order": "0"}
                ElementTree.SubElement(entry, "polygon", told)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode", xml_declaration=True)
    _save(folder / "annotations.xml", text)


def write_yolo(images: list[LabelledImage], folder: Path) -> None:
    """Write ``labels/NAME.txt``, one line a part with corners from 0 to 1, and ``data.yaml``."""
    names = _names(images)
    for image, stem in zip(images, label_names(images), strict=True):
        scale = np.array([1 / image.width, 1 / image.height])
        lines = [
            " ".join([str(names.index(found.category)), *(f"{v:.6f}" for v in (ring * scale).flat)])
            for found in image.objects
            for ring in found.rings
        ]
        path = folder / "labels" / stem.with_name(f"{stem.name}.txt")
        _save(path, "".join(f"{line}\n" for line in lines))
    described = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(names))}
    _save(folder / "data.yaml", yaml.safe_dump(described, sort_keys=False, allow_unicode=True))


LABEL_FILES: dict[str, Callable[[list[LabelledImage], Path], None]] = {
    "labelme": write_labelme,
    "label-studio": write_label_studio,
    "cvat": write_cvat,
    "yolo": write_yolo,
}
"""Writers by the name that ``--also`` takes; each writes into a folder of that name."""


PAIRED_BY_NAME = ("labelme", "yolo")
"""Formats with one file an image, of the image's name."""


def _names(images: list[LabelledImage]) -> list[str]:
    """List the classes, each once, in alphabetical order."""
    return sorted({found.category for image in images for found in image.objects})


def _save(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
