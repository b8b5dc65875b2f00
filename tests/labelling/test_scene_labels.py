"""Masks of chips on their scene and back."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pointsam.data.coco.masks import rasterise
from pointsam.data.rasters.stretching import plain_stretch
from pointsam.data.rasters.windows import Grid, Window
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.data.scene_chips import Chip, SceneChips
from pointsam.errors import InputError
from pointsam.labelling.candidates import Candidates
from pointsam.labelling.consensus import REASONS, Choice
from pointsam.labelling.labels import Labelled, Labelling, owned
from pointsam.labelling.scene_labels import on_chips, read_scene_labels, write_scene_labels

GRID = Grid(1000, 2000, 50, 40)
"""50 x 40 px, far from the origin of its map."""


def chips_of(*windows, shrink=1, ground_size=2.0):
    chips = {f"s.tif-{w.name}": Chip(Path("s.tif"), w, shrink, GRID, ground_size) for w in windows}
    return SceneChips(chips, plain_stretch((1, 1, 1), 0, 255))


class Made(Labelling):
    """A labelling with masks at hand."""

    def __init__(self, *labelled):
        object.__setattr__(self, "_labelled", labelled)

    def images(self):
        return iter(self._labelled)


def labelled(name, mask, *, id=7):
    one = InstanceRecord(id, "tank", ((1.0, 1.0, 1),))
    choice = Choice(
        np.zeros(1, dtype=int), np.zeros(1), np.ones(1), np.zeros((1, len(REASONS)), dtype=bool)
    )
    record = ImageRecord(1, name, mask.shape, (one,))
    packed = np.packbits(mask.reshape(1, 1, -1), axis=-1)
    found = Candidates(mask.shape, packed, np.full((1, 1), 0.9), np.zeros((1, 1), dtype=bool))
    return Labelled(record, found, choice, np.array([0.5]))


def test_a_mask_goes_to_its_scene_and_back_to_every_chip(tmp_path):
    first, second = Window(1000, 2000, 32, 32), Window(1016, 2016, 32, 32)
    chips = chips_of(first, second)
    mask = np.zeros((32, 32), dtype=bool)
    mask[20:30, 18:28] = True
    write_scene_labels(
        Made(labelled(f"s.tif-{first.name}", mask)), chips, ["tank"], tmp_path / "labels.json"
    )
    labels = read_scene_labels(tmp_path / "labels.json")
    assert list(labels.by_place) == [("s.tif", 7)]
    whole = rasterise(labels.by_place["s.tif", 7].segmentation, (40, 50))
    assert np.argwhere(whole).min(axis=0).tolist() == [20, 18]
    assert whole.sum() == 100
    point = InstanceRecord(7, "tank", ((1.0, 1.0, 1),))
    records = [ImageRecord(1, name, (32, 32), (point,)) for name in chips.chips]
    one, two = on_chips(records, chips, labels)
    assert np.array_equal(rasterise(one.instances[0].segmentation, (32, 32)), mask)
    assert np.array_equal(
        rasterise(two.instances[0].segmentation, (32, 32))[4:14, 2:12], mask[20:30, 18:28]
    )
    assert one.instances[0].weight == 0.5


def test_windows_beyond_the_scene_and_coarse_pixels(tmp_path):
    window = Window(1000 - 16, 2000 - 16, 64, 64)
    chips = chips_of(window, shrink=2)
    mask = np.zeros((32, 32), dtype=bool)
    mask[4:12, 4:12] = True  # the first four rows and columns lie off the scene
    path = tmp_path / "labels.json"
    write_scene_labels(Made(labelled(f"s.tif-{window.name}", mask)), chips, ["tank"], path)
    labels = read_scene_labels(path)
    whole = rasterise(labels.by_place["s.tif", 7].segmentation, (40, 50))
    assert whole[:8, :8].all()
    assert whole.sum() == 64
    point = InstanceRecord(7, "tank", ((9.0, 9.0, 1),))
    [back] = on_chips([ImageRecord(1, f"s.tif-{window.name}", (32, 32), (point,))], chips, labels)
    drawn = rasterise(back.instances[0].segmentation, (32, 32))
    assert drawn[8:12, 8:12].all()
    assert drawn.sum() == 16


def test_what_a_chip_does_not_show_is_left_out_of_it(tmp_path):
    near, far = Window(1000, 2000, 16, 16), Window(1032, 2016, 16, 16)
    chips = chips_of(near, far)
    mask = np.ones((16, 16), dtype=bool)
    path = tmp_path / "labels.json"
    write_scene_labels(Made(labelled(f"s.tif-{near.name}", mask)), chips, ["tank"], path)
    point = InstanceRecord(7, "tank", ((1.0, 1.0, 1),))
    record = ImageRecord(1, f"s.tif-{far.name}", (16, 16), (point,))
    assert on_chips([record], chips, read_scene_labels(path))[0].instances == ()
    other = replace(record, instances=(replace(point, id=8),))
    with pytest.raises(InputError, match="no mask of instance 8"):
        on_chips([other], chips, read_scene_labels(path))


@pytest.fixture
def written(tmp_path):
    """A record, its chips, and labels of it as JSON, to be changed and read again."""
    window = Window(1000, 2000, 16, 16)
    chips = chips_of(window)
    path = tmp_path / "labels.json"
    mask = np.ones((16, 16), dtype=bool)
    write_scene_labels(Made(labelled(f"s.tif-{window.name}", mask)), chips, ["tank"], path)
    point = InstanceRecord(7, "tank", ((1.0, 1.0, 1),))
    record = ImageRecord(1, f"s.tif-{window.name}", (16, 16), (point,))
    return record, chips, json.loads(path.read_text()), path


def read_again(written):
    record, chips, content, path = written
    path.write_text(json.dumps(content))
    labels = read_scene_labels(path)
    [back] = on_chips([record], chips, labels)
    return back.instances, labels.dropped


def test_labels_that_a_tool_wrote_again_are_checked_like_any_masks(written):
    [entry], [image] = written[2]["annotations"], written[2]["images"]
    entry["point_id"] = 7.0
    [one], dropped = read_again(written)
    assert one.segmentation is not None
    assert not dropped
    entry["iscrowd"] = 1
    instances, [line] = read_again(written)
    assert instances == ()
    assert "is a crowd" in line
    del entry["iscrowd"]
    entry["segmentation"] = [["1", "1", "9", "1", "9", "9"]]
    with pytest.raises(InputError, match="no number"):
        read_again(written)
    entry["segmentation"] = [[1, 1, 9, 1, 9, 9]]
    assert len(read_again(written)[0]) == 1
    image |= {"width": 25, "height": 20}
    with pytest.raises(InputError, match="this version of the scene"):
        read_again(written)


def test_two_labels_of_one_object_are_refused(written):
    [entry] = written[2]["annotations"]
    written[2]["annotations"].append({**entry, "id": 99})
    with pytest.raises(InputError, match="two masks of point_id 7"):
        read_again(written)


def test_clicks_on_two_scenes_have_an_id_each(tmp_path):
    window = Window(1000, 2000, 16, 16)
    one, two = (Chip(Path(name), window, 1, GRID, None) for name in ("a.tif", "b.tif"))
    chips = SceneChips({"a": one, "b": two}, plain_stretch((1, 1, 1), 0, 255))
    mask = np.ones((16, 16), dtype=bool)
    path = tmp_path / "labels.json"
    write_scene_labels(Made(labelled("a", mask), labelled("b", mask)), chips, ["tank"], path)
    assert set(read_scene_labels(path).by_place) == {("a.tif", 7), ("b.tif", 7)}


def test_pixels_are_compared_in_metres_where_all_are_known():
    window = Window(1000, 2000, 16, 16)
    assert list(chips_of(window).pixel_sides().values()) == [2.0]
    unknown = Chip(Path("b.tif"), window, 4, GRID, None)
    both = SceneChips({**chips_of(window).chips, "b": unknown}, plain_stretch((1, 1, 1), 0, 255))
    assert list(both.pixel_sides().values()) == [1.0, 4.0]


def test_a_record_labels_its_own_instances():
    own, other = (InstanceRecord(number, "tank", ((1.0, 1.0, 1),)) for number in (1, 2))
    record = ImageRecord(1, "chip", (8, 8), (own, other), borrowed=frozenset({2}))
    assert owned(record).instances == (own,)
