import tracemalloc

import numpy as np
import pytest
from tests.prediction.colour_model import write_scene

from pointsam.data.clicks.formats import ClickFile
from pointsam.data.coco.annotations import write_points
from pointsam.data.rasters.scene import open_scene
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord
from pointsam.data.scene_dataset import read_scene_points
from pointsam.errors import InputError
from pointsam.prediction.images.clicked import ImagePrediction, draw_figure, output_names


def test_names_that_meet_are_told_apart_whatever_else_is_there():
    files = ["a.jpg", "a.png", "a_1.png", "b/a.jpg"]
    records = [ImageRecord(i, name, (4, 4), ()) for i, name in enumerate(files, start=1)]
    names = [str(name) for name in output_names(records)]
    assert names == ["a_1_1.png", "a_2.png", "a_1.png", "b/a.png"]


def test_a_figure_of_many_objects_holds_one_mask_at_a_time():
    count, side = 400, 600
    labels = np.arange(side * side).reshape(side, side) % (count + 1)
    instances = tuple(
        InstanceRecord(i, "tank", ((float(i), float(i), 1),)) for i in range(1, count + 1)
    )
    record = ImageRecord(1, "a.png", (side, side), instances)
    image = np.zeros((side, side, 3), dtype=np.uint8)
    tracemalloc.start()
    draw_figure(ImagePrediction(record, image, (), (0.5,) * count, labels))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < count * side * side / 4


def test_a_scene_named_in_two_folders_is_found_by_its_own(tmp_path):
    files = ["a/s.tif", "b/s.tif"]
    for file in files:
        (tmp_path / file).parent.mkdir()
        write_scene(tmp_path / file, [], size=(40, 40))
    records = tuple(
        ImageRecord(n + 1, file, (40, 40), (InstanceRecord(n + 1, "tank", ((n, n, 1),)),))
        for n, file in enumerate(files)
    )
    points = tmp_path / "points.json"
    write_points(Dataset(records, ("tank",)), points)
    for number, file in enumerate(files):
        with open_scene(tmp_path / file) as scene:
            assert read_scene_points(ClickFile(points), scene).instances[0].points == (
                (number, number, 1),
            )
    write_scene(tmp_path / "s.tif", [], size=(40, 40))
    with open_scene(tmp_path / "s.tif") as scene:
        with pytest.raises(InputError, match=r"are both named s\.tif, and nothing tells"):
            read_scene_points(ClickFile(points), scene)
