import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tests.prediction.colour_model import ColourModel

from pointsam.cli.score_files import write_scores
from pointsam.data.coco.masks import to_rle
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.evaluation.masks import ImageScore, InstanceScore, Scores, evaluate, paired_records


def mask_of(x0, y0, x1, y1):
    """A box without the corner pixels of any drawn box: bilinear upsampling rounds them off."""
    mask = np.zeros((64, 64), dtype=bool)
    mask[y0:y1, x0:x1] = True
    for low, high in ((8, 24), (32, 48)):
        mask[np.ix_([low, high - 1], [low, high - 1])] = False
    return to_rle(mask)


def draw(path, boxes):
    """Grey boxes ``(x0, y0, x1, y1)`` on black; the model's masks are these boxes."""
    image = np.zeros((64, 64, 3), dtype=np.uint8)
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        image[y0:y1, x0:x1] = 100 + 40 * number
    Image.fromarray(image).save(path)


def instance(id_, point, box, category="tank"):
    return InstanceRecord(id_, category, ((*point, 1),), mask_of(*box))


@pytest.fixture
def data(tmp_path):
    draw(tmp_path / "a.png", [(8, 8, 24, 24), (32, 32, 48, 48)])
    draw(tmp_path / "b.png", [(8, 8, 24, 24)])
    draw(tmp_path / "empty.png", [])
    images = (
        ImageRecord(
            1,
            "a.png",
            (64, 64),
            (
                instance(10, (16.0, 16.0), (8, 8, 16, 24)),
                instance(11, (40.0, 40.0), (32, 32, 48, 48), "ship"),
            ),
        ),
        ImageRecord(2, "empty.png", (64, 64)),
        ImageRecord(3, "b.png", (64, 64), (instance(12, (10.0, 10.0), (40, 40, 48, 48)),)),
    )
    return Dataset(images, ("tank", "ship"))


def scored(data, folder):
    rows = paired_records([data])
    return Scores(tuple(score for (score,) in evaluate(ColourModel(), rows, folder)))


def test_scores_are_those_counted_by_hand(data, tmp_path):
    scores = scored(data, tmp_path)
    half, whole, missed = scores.instances
    assert (half.iou, half.precision, half.recall) == (0.5, 0.5, 1.0)
    assert half.f1 == pytest.approx(2 / 3)
    assert (whole.iou, whole.f1, whole.precision, whole.recall) == (1, 1, 1, 1)
    assert (missed.iou, missed.f1, missed.precision, missed.recall) == (0, 0, 0, 0)
    assert half.iou_prediction == pytest.approx(0.9)


def test_the_mean_is_over_instances_then_over_images_with_instances(data, tmp_path):
    scores = scored(data, tmp_path)
    assert len(scores.images) == 2
    assert scores.mean("iou") == pytest.approx((0.75 + 0) / 2)
    assert scores.instance_mean("iou") == pytest.approx((0.5 + 1 + 0) / 3)


def test_classes_are_means_over_their_instances(data, tmp_path):
    classes = scored(data, tmp_path).classes()
    assert list(classes) == ["ship", "tank"]
    assert classes["tank"].instances == 2
    assert classes["tank"].iou == pytest.approx(0.25)


def test_two_clicks_on_one_thing_overlap_wholly(data, tmp_path):
    image = data.images[0]
    both = replace(image.instances[0], id=13, points=((17.0, 17.0, 1),))
    record = replace(image, instances=(image.instances[0], both))
    scores = scored(Dataset((record,), data.categories), tmp_path)
    assert scores.overlap == 1
    assert scored(data, tmp_path).overlap == 0


def test_an_empty_prediction_scores_zero(data, tmp_path):
    model = ColourModel()
    decode = model.decode_chunk
    model.decode_chunk = lambda *args, **kwargs: (
        lambda found: replace(found, low_res_logits=torch.full_like(found.low_res_logits, -5.0))
    )(decode(*args, **kwargs))
    [(score,), _] = evaluate(model, paired_records([data]), tmp_path)
    assert [(i.iou, i.f1, i.precision, i.recall) for i in score.instances] == [(0, 0, 0, 0)] * 2
    assert score.overlap == 0


def test_one_encode_serves_all_point_files(data, tmp_path):
    other = replace(
        data,
        images=tuple(
            replace(
                image,
                instances=tuple(replace(i, points=((60.0, 2.0, 1),)) for i in image.instances),
            )
            for image in data.images
        ),
    )
    model = ColourModel()
    scores = list(evaluate(model, paired_records([data, other]), tmp_path))
    assert model.encoded == 2
    assert [score[0].instances[0].iou for score in scores] == [0.5, 0]


def test_nothing_to_score_is_refused(data):
    empty = Dataset((data.images[1],), data.categories)
    with pytest.raises(InputError, match="nothing to score"):
        paired_records([empty])


def test_half_precision_only_touches_the_encoder(data, tmp_path):
    full, half = (
        list(evaluate(ColourModel(), paired_records([data]), tmp_path, precision=precision))
        for precision in ("float32", "bfloat16")
    )
    assert full == half


def test_files_hold_percent_and_every_row(tmp_path):
    instance_score = InstanceScore(7, "ship", 1 / 3, 0.5, 1.0, 1 / 3, 0.25)
    scores = Scores((ImageScore("a.png", (instance_score,), 0.125),))
    write_scores(scores, tmp_path, {"inputs": {"points": "p"}})
    content = json.loads((tmp_path / "scores.json").read_text())
    assert content["iou"] == content["instance_iou"] == 33.3333
    assert (content["f1"], content["precision"], content["recall"]) == (50, 100, 33.3333)
    assert content["overlap"] == 12.5
    assert (content["images"], content["instances"]) == (1, 1)
    assert content["classes"]["ship"]["f1"] == 50
    assert content["inputs"] == {"points": "p"}
    [row] = csv.DictReader((tmp_path / "instances.csv").read_text().splitlines())
    found = [row[name] for name in ("file", "id", "class", "iou_prediction")]
    assert found == ["a.png", "7", "ship", "25.0"]
    [row] = csv.DictReader((tmp_path / "scores.csv").read_text().splitlines())
    assert [row[name] for name in ("file", "instances", "overlap")] == ["a.png", "1", "12.5"]
