import numpy as np
import pytest
from tests.prediction.colour_model import SIDE, ColourModel, write_scene

from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.scene_points import scene_points, scene_tasks
from pointsam.data.rasters.windows import Grid
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.prediction.scenes.logit_maps import Overlaps
from pointsam.prediction.scenes.objects import segment_task

SIZE = (400, 400)
GRID = Grid(0, 0, 400, 400)


def _record(boxes, *, size=SIZE, shift=(0, 0), background=()):
    """One click in the middle of each box."""
    instances = tuple(
        InstanceRecord(
            id=10 + number,
            category="box",
            points=(((x0 + x1) / 2 + shift[0], (y0 + y1) / 2 + shift[1], 1),),
        )
        for number, (x0, y0, x1, y1) in enumerate(boxes)
    )
    return ImageRecord(1, "scene.tif", size, instances, background)


def _segment(path, record, *, model=None, largest=256, side=SIDE):
    """All masks of a scene and the scene's box."""
    model = model or ColourModel()
    with open_scene(path) as scene:
        points = scene_points(record, scene.grid)
        masks = [
            mask
            for window, objects in scene_tasks(points.objects, scene.grid, side=side).items()
            for mask in segment_task(
                model, scene, window, objects, background=points.background, largest=largest
            )
        ]
        return sorted(masks, key=lambda mask: mask.index), scene.grid


def _areas(masks, grid):
    overlaps = Overlaps([mask.logits for mask in masks], within=grid.box, exclusive=True)
    return [int(overlaps.mask(mask.index).sum()) for mask in masks]


def test_a_mask_keeps_its_part_beyond_the_seam(tmp_path):
    # Lattice windows begin at multiples of 32; these boxes are cut by theirs.
    boxes = [(40, 40, 72, 72), (158, 120, 242, 132), (300, 20, 312, 380)]
    path = write_scene(tmp_path / "a.tif", boxes, size=SIZE)
    masks, grid = _segment(path, _record(boxes), largest=1024)
    overlaps = Overlaps([mask.logits for mask in masks], within=grid.box, exclusive=True)
    for mask, box in zip(masks, boxes, strict=True):
        found = np.argwhere(overlaps.labels(grid.box) == mask.index + 1)[:, ::-1]
        low_res_pixel = mask.window / SIDE * 4
        assert np.abs(found.min(axis=0) - box[:2]).max() <= low_res_pixel
        assert np.abs(found.max(axis=0) + 1 - box[2:]).max() <= low_res_pixel
    assert [mask.window for mask in masks] == [64, 128, 512]
    assert not any(mask.cut for mask in masks)


def test_an_object_above_the_largest_window_is_cut_and_marked(tmp_path):
    boxes = [(10, 20, 30, 380)]
    path = write_scene(tmp_path / "a.tif", boxes, size=SIZE)
    [mask], _ = _segment(path, _record(boxes), largest=128)
    assert mask.cut
    assert mask.window == 128


def test_an_object_at_the_end_of_the_scene_is_not_cut(tmp_path):
    boxes = [(0, 0, 24, 24), (376, 380, 400, 400)]
    path = write_scene(tmp_path / "a.tif", boxes, size=SIZE)
    masks, grid = _segment(path, _record(boxes))
    assert not any(mask.cut for mask in masks)
    for area, whole in zip(_areas(masks, grid), (24 * 24, 24 * 20), strict=True):
        assert area == pytest.approx(whole, rel=0.2)


def test_only_windows_with_points_are_encoded_and_each_once(tmp_path):
    boxes = [(100, 100, 112, 112), (116, 100, 128, 112), (304, 304, 316, 316)]
    path = write_scene(tmp_path / "a.tif", boxes, size=SIZE)
    model = ColourModel()
    _segment(path, _record(boxes), model=model)
    assert (model.encoded, model.decoded) == (2, 3)


def test_objects_cut_by_one_border_share_the_next_window(tmp_path):
    boxes = [(48, 100, 132, 108), (48, 108, 132, 116)]
    path = write_scene(tmp_path / "a.tif", boxes, size=SIZE)
    model = ColourModel()
    masks, _ = _segment(path, _record(boxes), model=model)
    assert [mask.window for mask in masks] == [128, 128]
    assert (model.encoded, model.decoded) == (2, 4)


def test_padding_the_scene_leaves_every_mask_where_it_was(tmp_path):
    random = np.random.default_rng(3)
    corners = [(x, y) for x in range(8, 360, 60) for y in range(8, 360, 60)]
    boxes = [
        (x, y, x + int(random.integers(8, 40)), y + int(random.integers(8, 40))) for x, y in corners
    ][:20]
    moved = [(x0 + 37, y0 + 13, x1 + 37, y1 + 13) for x0, y0, x1, y1 in boxes]
    one = write_scene(tmp_path / "a.tif", boxes, size=SIZE)
    other = write_scene(
        tmp_path / "b.tif", moved, size=(413, 437), corner=(1000 - 18.5, 5000 + 6.5)
    )
    masks, _ = _segment(one, _record(boxes))
    padded, _ = _segment(other, _record(moved, size=(413, 437)))
    for mask, again in zip(masks, padded, strict=True):
        assert mask.logits.corner == again.logits.corner
        assert np.array_equal(mask.logits.logits, again.logits.logits)


def test_more_objects_than_are_decoded_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("pointsam.prediction.scenes.objects.DECODED_AT_ONCE", 2)
    boxes = [(100 + 12 * i, 100, 108 + 12 * i, 108) for i in range(5)]
    path = write_scene(tmp_path / "a.tif", boxes, size=SIZE)
    masks, grid = _segment(path, _record(boxes))
    assert [mask.index for mask in masks] == [0, 1, 2, 3, 4]
    assert all(area > 0 for area in _areas(masks, grid))


def test_a_small_scene_is_one_window(tmp_path):
    boxes = [(4, 4, 20, 20), (24, 8, 40, 24)]
    path = write_scene(tmp_path / "a.tif", boxes, size=(32, 48))
    model = ColourModel()
    masks, grid = _segment(path, _record(boxes, size=(32, 48)), model=model)
    assert model.encoded == 1
    assert [mask.window for mask in masks] == [48, 48]
    labels = Overlaps([m.logits for m in masks], within=grid.box, exclusive=True).labels(grid.box)
    assert (labels[12, 12], labels[16, 32], labels[30, 46]) == (1, 2, 0)


def test_objects_outside_the_scene_are_named():
    record = ImageRecord(
        1,
        "scene.tif",
        SIZE,
        (
            InstanceRecord(5, "box", ((10.0, 10.0, 1), (900.0, 10.0, 1))),
            InstanceRecord(6, "box", ((900.0, 10.0, 1), (5.0, 5.0, 0))),
        ),
    )
    points = scene_points(record, GRID)
    assert points.outside == (6,)
    assert points.objects[0].points.tolist() == [[10.5, 10.5]]
    with pytest.raises(InputError, match=r"no object of scene\.tif has a point"):
        scene_points(ImageRecord(1, "scene.tif", SIZE), GRID)


def test_a_window_side_that_does_not_halve_is_refused():
    with pytest.raises(InputError, match="window side 100"):
        scene_tasks([], GRID, side=100)
