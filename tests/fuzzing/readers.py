"""Every reader of a file that may come from elsewhere, with the ways it is used."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.cli.good_inputs import SIDE
from tests.fuzzing import seeds
from tests.fuzzing.world import INPUT

from pointsam.data.clicks.formats import read_clicks
from pointsam.data.clicks.writers import write_clicks
from pointsam.data.coco.annotations import pair, read_coco, read_points
from pointsam.data.dataset import draw_masks
from pointsam.data.prepare.checking import Report, check_annotations
from pointsam.data.prepare.chips import read_polygons
from pointsam.data.prepare.conversion import _read_journal
from pointsam.data.prepare.label_rasters import LabelRule, find_instances, read_labels
from pointsam.data.prepare.oriented_boxes import read_boxes, read_scores
from pointsam.data.rasters.common_stretch import find_stretch
from pointsam.data.rasters.images import image_size, is_image, read_image, read_transparent
from pointsam.data.rasters.scene import georeferenced, open_scene
from pointsam.data.rasters.stretching import convert_image, read_stretch
from pointsam.errors import InputError
from pointsam.models.adapters.card import read_card
from pointsam.models.adapters.saved import load_adapter_weights
from pointsam.models.loading.state_files import read_state as read_checkpoint
from pointsam.prediction.scenes.parts import begin, read_part
from pointsam.server.storage import read_image_file
from pointsam.training.settings import read_settings, train_settings
from pointsam.training.state import read_state

_SMALL = 2**20
"""Pixels of an image whose masks are drawn here."""

_SHOWN = 256
"""Side of the part of a scene that is read."""


@dataclass(frozen=True)
class Reader:
    """One form of input."""

    file: str
    """Name of the file that an input is written to, below the input folder."""
    read: Callable[[Path, Path], object]
    """Takes the file and the folder of images."""
    seeds: Callable[[], list[bytes]]
    """Sound inputs."""
    slow: bool = False
    """Whether an input takes a tenth of a second: fewer are tried where time is short."""


def _masks(path: Path, images: Path) -> None:
    data = read_coco(path, on_fault=lambda fault: None)
    check_annotations(path, Report())
    draw_masks([image for image in data.images if np.prod(image.size) < _SMALL])


def _clicks(path: Path, images: Path) -> None:
    """Read clicks with and without images; what is written of them must come back."""
    for folder in (images, None):
        try:
            data = read_clicks(path, images=folder)
        except (InputError, FileNotFoundError):
            continue
        for ending in (".json", ".csv"):
            copy = path.parent.with_name(f"copy{ending}")
            write_clicks(data, copy, images=images)
            if ending == ".json" or folder is not None:
                _same(data, read_clicks(copy, images=images if ending == ".csv" else None))


def _same(data, again) -> None:
    """Compare places and labels of clicks, image by image."""
    for record in again.images:
        [before] = [image for image in data.images if image.file_name == record.file_name]
        clicks = [
            sorted([*(p for i in one.instances for p in i.points), *one.background_points])
            for one in (before, record)
        ]
        assert clicks[0] == clicks[1], f"{record.file_name}: {clicks[0]} came back as {clicks[1]}"


def _folder_of_clicks(path: Path, images: Path) -> None:
    _clicks(path.parent, images)


def _class_names(path: Path, images: Path) -> None:
    (path.parent / "1.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    _clicks(path.parent, images)


def _point_file(path: Path, images: Path) -> None:
    data = read_points(path, on_fault=lambda fault: None)
    pair(data, data)
    _clicks(path, images)


def _polygons(path: Path, images: Path) -> None:
    read_polygons(path, images / "scene.tif", category="object")


def _image(path: Path, images: Path) -> None:
    is_image(path)
    image_size(path)
    read_image(path)
    read_transparent(path)


def _scene(path: Path, images: Path) -> None:
    georeferenced(path)
    copy = path.parent.with_name("copy.tif")
    stretch = find_stretch([path])
    with open_scene(path, stretch=stretch) as scene:
        grid = scene.grid.whole
        shown = type(grid)(grid.x, grid.y, min(grid.width, _SHOWN), min(grid.height, _SHOWN))
        scene.read(shown)
        small = np.prod(scene.size) < _SMALL
    if small:
        convert_image(path, copy, stretch)


def _labels(path: Path, images: Path) -> None:
    labels = read_labels(path)
    if labels.size < _SMALL // 16:
        try:
            find_instances(labels, LabelRule(each="value"))
        except ValueError as error:  # the conversion adds the file's name
            raise InputError(str(error)) from error


def _adapter(path: Path, images: Path) -> None:
    """Load an adapter on one model, which the adapter before it has left."""
    from tests.fuzzing.adapted import saved_adapter, small_model

    for file in saved_adapter().iterdir():
        if file.name != path.name:
            shutil.copy(file, path.parent)
    load_adapter_weights(small_model(), path.parent, first_block=2)


def _settings(path: Path, images: Path) -> None:
    train_settings(read_settings(path), source=str(path))


def _boxes(path: Path, images: Path) -> None:
    try:
        read_boxes(path)
    except InputError:
        read_scores(path)


def _manifest(path: Path, images: Path) -> None:
    begin(path.parent, {"scene": "abc", "window": SIDE}, resume=True)


def _journal(path: Path, images: Path) -> None:
    _read_journal(path, LabelRule())


READERS: dict[str, Reader] = {
    "masks": Reader("a.json", _masks, seeds.coco),
    "points": Reader("a.json", _point_file, lambda: seeds.points()[:1]),
    "key-points": Reader("a.json", _clicks, lambda: seeds.points()[1:]),
    "labelme": Reader("1.json", _clicks, seeds.labelme),
    "label-studio": Reader("a.json", _clicks, seeds.label_studio),
    "via": Reader("a.json", _clicks, seeds.via),
    "supervisely": Reader("1.jpg.json", _folder_of_clicks, seeds.supervisely),
    "cvat": Reader("a.xml", _clicks, seeds.cvat),
    "table": Reader("a.csv", _clicks, seeds.table),
    "yolo": Reader("1.txt", _folder_of_clicks, seeds.yolo),
    "dota": Reader("1.txt", _folder_of_clicks, seeds.dota),
    "nwpu": Reader("1.txt", _folder_of_clicks, seeds.nwpu),
    "class-names": Reader("data.yaml", _class_names, seeds.names),
    "vector": Reader("a.geojson", _clicks, seeds.vectors),
    "geopackage": Reader("a.gpkg", _clicks, seeds.databases),
    "zipped-shapefile": Reader("a.zip", _clicks, seeds.archives),
    "polygons": Reader("a.fgb", _polygons, seeds.polygons),
    "image": Reader("a.png", _image, seeds.pictures),
    "scene": Reader("a.tif", _scene, seeds.scenes),
    "label-raster": Reader("a.png", _labels, seeds.labels),
    "card": Reader("pointsam.yaml", lambda path, images: read_card(path.parent), seeds.card),
    "adapter-config": Reader("adapter_config.json", _adapter, seeds.adapter_config, slow=True),
    "adapter-weights": Reader("adapter_model.safetensors", _adapter, seeds.adapter_weights,
                              slow=True),
    "settings": Reader("a.yaml", _settings, seeds.settings),
    "stretch": Reader("stretch.json", lambda path, images: read_stretch(path), seeds.stretch),
    "boxes": Reader("a.json", _boxes, seeds.coco),
    "dota-boxes": Reader("1.txt", lambda path, images: read_boxes(path.parent), seeds.dota),
    "part": Reader("a.npz", lambda path, images: read_part(path, run="run"), seeds.parts),
    "manifest": Reader("run.json", _manifest, seeds.manifests),
    "state": Reader("state.pt", lambda path, images: read_state(path), seeds.states),
    "checkpoint": Reader("a.safetensors", lambda path, images: read_checkpoint(path),
                         lambda: seeds.checkpoints()[:1]),
    "pickled-checkpoint": Reader("a.pt", lambda path, images: read_checkpoint(path),
                                 lambda: seeds.checkpoints()[1:]),
    "project": Reader("1.json", lambda path, images: read_image_file(path), seeds.projects),
    "journal": Reader("a.jsonl", _journal, seeds.journals),
}  # fmt: skip


def try_input(reader: Reader, content: bytes, world: Path) -> None:
    """Write an input to an empty folder and read it."""
    folder = world / INPUT
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / reader.file
    path.write_bytes(content)
    reader.read(path, world / "images")
