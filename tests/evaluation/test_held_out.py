"""Held-out clicks, segmented without and with the adapter: each number by hand."""

import numpy as np
import pytest
import torch
from tests.models.tiny_models import small_mobile_sam
from tests.training import drawn

from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.evaluation.held_out import compare, compare_masks, draw, look_at, spread
from pointsam.frames import ModelFrame
from pointsam.masks import agree_with_clicks
from pointsam.models.choice import InstanceMasks
from pointsam.prompts import Prompts

SIZE = (96, 128)
RECORDS = [
    ImageRecord(
        id=number,
        file_name=f"{number}.png",
        size=SIZE,
        instances=tuple(
            InstanceRecord(10 * number + index, "square", ((x, y, 1),))
            for index, (x, y) in enumerate(clicks)
        ),
    )
    for number, clicks in ((1, [(20.0, 20.0), (70.0, 40.0)]), (2, [(50.0, 60.0)]))
]


def image_of(record):
    generator = np.random.default_rng(record.id)
    return generator.integers(0, 256, (*record.size, 3), dtype=np.uint8)


def masks_of(model, state=None):
    """Masks and scores of each image as the model itself gives them, in the image's part."""
    rows = []
    for record in RECORDS:
        frame = ModelFrame(record.size, model.side)
        pixels = torch.from_numpy(frame.resize(image_of(record)).copy()).permute(2, 0, 1)
        prompts = Prompts.from_rows([i.points for i in record.instances]).moved(frame.to_model)
        with torch.no_grad():
            found = model.decode(model.encode([pixels]), prompts)
        masks = (found.low_res_logits[:, 0] > 0) & frame.low_res_valid()
        rows.append((masks, found.iou_prediction[:, 0], prompts))
    return rows


def overlap(masks):
    claims = masks.sum(dim=0)
    return (claims > 1).sum().item() / (claims > 0).sum().item()


def iou(one, other):
    return (one & other).sum().item() / (one | other).sum().item()


def look(built, records, *, adapted=None):
    state = built.adapter.state() if adapted is None else adapted
    return look_at(
        built.model, built.adapter, records, image_of, adapted=state, precision="float32"
    )


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    built = drawn.trainer(small_mobile_sam(128), drawn.settings())
    drawn.stir(built)
    state = built.adapter.state()
    drawn.stir(built, seed=1)  # what the run ended with is not its result
    figure = tmp_path_factory.mktemp("held") / "held_out.png"
    rows = list(look(built, RECORDS, adapted=state))
    draw(rows, image_of, figure)
    found = compare([compare_masks(row) for row in rows], energies=(-1.0, -2.0))
    built.adapter.load_state(state)
    assert figure.is_file()
    return found, masks_of(small_mobile_sam(128)), masks_of(built.model)


def test_each_model_has_its_own_numbers(compared):
    found, direct, adapted = compared
    assert (found.images, found.instances) == (2, 3)
    for name, rows in (("direct", direct), ("adapted", adapted)):
        agreeing = torch.cat([agree_with_clicks(masks, prompts) for masks, _, prompts in rows])
        scores = torch.cat([score for _, score, _ in rows])
        numbers = {
            "agreeing": agreeing.float().mean().item(),
            "overlap": sum(overlap(masks) for masks, _, _ in rows) / 2,
            "iou_prediction": scores.mean().item(),
        }
        for key, value in numbers.items():
            assert getattr(found, f"{name}_{key}") == pytest.approx(value, abs=1e-5), (name, key)


def test_the_two_models_differ_so_that_swapping_them_would_be_seen(compared):
    found, _, _ = compared
    assert found.direct_overlap != pytest.approx(found.adapted_overlap, abs=1e-3)
    assert found.direct_iou_prediction != pytest.approx(found.adapted_iou_prediction, abs=1e-3)


def test_kept_is_the_iou_of_each_mask_with_its_own_before(compared):
    found, direct, adapted = compared
    pairs = [
        iou(one, other)
        for (before, _, _), (after, _, _) in zip(direct, adapted, strict=True)
        for one, other in zip(before, after, strict=True)
    ]
    assert found.kept == pytest.approx(sum(pairs) / 3, abs=1e-6)
    assert 0 < found.kept < 1


def test_two_empty_masks_are_not_kept(monkeypatch):
    built = drawn.trainer(small_mobile_sam(128), drawn.settings())

    def nothing(model, image, prompts, **_):
        return InstanceMasks(torch.full((len(prompts), 32, 32), -1.0), torch.ones(len(prompts)))

    monkeypatch.setattr("pointsam.evaluation.held_out.segment", nothing)
    [row] = look(built, RECORDS[:1])
    found = compare([compare_masks(row)], energies=(0.0, 0.0))
    assert (found.kept, found.direct_overlap, found.direct_agreeing) == (0, 0, 0)


def test_a_mask_is_steady_where_the_mirrored_image_gives_the_same(monkeypatch):
    """A model that answers by the place in its input alone: its mask does not turn over."""
    built = drawn.trainer(small_mobile_sam(128), drawn.settings())
    left = torch.full((32, 32), -1.0)
    left[4:10, 4:12] = 1.0

    def seen(logits):
        def answer(model, image, prompts, **_):
            return InstanceMasks(logits.expand(len(prompts), 32, 32), torch.ones(len(prompts)))

        monkeypatch.setattr("pointsam.evaluation.held_out.segment", answer)
        [row] = look(built, RECORDS[:1])
        return compare([compare_masks(row)], energies=(0.0, 0.0)).adapted_steadiness

    assert seen(left) == 0
    assert seen(torch.maximum(left, left.flip(1))) == 1
    half_over = left.clone()
    half_over[4:10, 12:24] = 1.0  # columns 4 to 24, turned over 8 to 28: IoU 16 / 24
    assert seen(half_over) == pytest.approx(16 / 24)


def test_clicks_are_turned_over_with_the_image(monkeypatch):
    built = drawn.trainer(small_mobile_sam(128), drawn.settings())
    given = []

    def answer(model, image, prompts, **_):
        given.append((image, prompts.points))
        return InstanceMasks(torch.ones(len(prompts), 32, 32), torch.ones(len(prompts)))

    monkeypatch.setattr("pointsam.evaluation.held_out.segment", answer)
    list(look(built, RECORDS[:1]))
    (image, points), (turned, moved) = given[:2]
    assert torch.equal(turned, image.flip(2))
    torch.testing.assert_close(moved[..., 0], 127 - points[..., 0])
    torch.testing.assert_close(moved[..., 1], points[..., 1])


def test_records_are_taken_evenly():
    assert spread(list(range(101)), 3) == [0, 50, 100]
    assert spread([7, 8], 12) == [7, 8]
    assert spread([], 12) == []


def test_images_come_one_by_one():
    # A scene may hold out thousands of objects: the caller decides how many masks are kept.
    built = drawn.trainer(small_mobile_sam(128), drawn.settings())
    read = []

    def noted(record):
        read.append(record.file_name)
        return image_of(record)

    rows = look_at(built.model, built.adapter, RECORDS, noted,
                   adapted=built.adapter.state(), precision="float32")  # fmt: skip
    assert not read
    next(rows)
    assert read == [RECORDS[0].file_name]
