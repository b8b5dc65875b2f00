import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from tests.models.tiny_models import small_mobile_sam
from tests.prediction.colour_model import ColourModel
from tests.prediction.some_adapter import save_some_adapter

import pointsam
from pointsam import InputError, Predictor, load
from pointsam.frames import ModelFrame


@pytest.fixture
def image():
    drawn = np.full((48, 64, 3), 30, dtype=np.uint8)
    drawn[8:24, 8:24] = 200
    drawn[28:40, 40:60] = 120
    return drawn


def test_points_give_masks_in_the_image_frame(image):
    found = Predictor(ColourModel()).predict(image, np.array([[16.0, 16.0], [50.0, 34.0]]))
    assert found.masks.shape == (2, 48, 64)
    assert found.masks[0][8:24, 8:24].mean() > 0.9
    assert not found.masks[0][28:].any()
    assert found.masks[1][34, 50]
    assert found.scores.tolist() == pytest.approx([0.9, 0.9])
    assert found.low_res_logits.shape == (2, 16, 16)


def test_an_image_is_encoded_once_for_many_calls(image):
    model = ColourModel()
    predictor = Predictor(model)
    for _ in range(3):
        predictor.predict(image.copy(), np.array([[16.0, 16.0]]))
    predictor.embedding(image)
    assert model.encoded == 1
    image[0, 0] += 1
    predictor.predict(image, np.array([[16.0, 16.0]]))
    predictor.predict(image.reshape(64, 48, 3), np.array([[16.0, 16.0]]))
    assert model.encoded == 3


def test_no_points_give_no_masks(image):
    found = Predictor(ColourModel()).predict(image, np.zeros((0, 2)))
    assert found.masks.shape == (0, 48, 64)


def test_rows_may_be_of_several_points_and_end_early(image):
    predictor = Predictor(ColourModel())
    points = np.array([[[16.0, 16.0], [2.0, 2.0]], [[50.0, 34.0], [np.nan, np.nan]]])
    found = predictor.predict(image, points, np.array([[1, 0], [1, -1]]))
    alone = predictor.predict(image, points[:, 0])
    assert np.array_equal(found.masks, alone.masks)


@pytest.mark.parametrize(
    ("points", "labels", "message"),
    [
        ([[70.0, 5.0]], None, r"point \[70.0, 5.0\] \(x, y\) is off the image"),
        ([[np.nan, 5.0]], None, "is off the image"),
        ([[5.0, 5.0]], [[0]], "instance 0 has no positive point"),
        ([[5.0, 5.0]], [[2]], "labels are 1, 0 or -1"),
        ([[5.0, 5.0]], [[1, 1]], "one label a point"),
    ],
)
def test_points_that_cannot_be_are_refused(image, points, labels, message):
    kinds = None if labels is None else np.array(labels)
    with pytest.raises(InputError, match=message):
        Predictor(ColourModel()).predict(image, np.array(points), kinds)


def test_arrays_of_another_kind_are_refused():
    """In a process of its own: here the annotations are checked first."""
    code = """
import numpy as np
from pointsam import load
from pointsam.errors import InputError
model, point = load(side=128), np.array([[5.0, 5.0]])
colour = np.zeros((128, 128, 3), dtype=np.uint8)
for image, points in (
    (colour / 255.0, point),
    (colour.astype(np.uint16), point),
    (colour[..., 0], point),
    (np.zeros((128, 128, 4), dtype=np.uint8), point),
    (colour, np.array([[5.0, 5.0, 1.0]])),
    (colour, np.array([5.0, 5.0])),
):
    try:
        model.predict(image, points)
    except InputError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("the image is float64 of shape (128, 128, 3), expected uint8")
    assert all(line.startswith("the image is ") for line in lines[:4])
    assert lines[4] == "points are (1, 3), expected (instances, 2) or (instances, points, 2)."


def test_the_embedded_model_and_an_adapter_load(image, tmp_path):
    points = np.array([[16.0, 16.0]])
    save_some_adapter(tmp_path)

    adapted = load("mobile_sam", adapter=tmp_path)
    assert adapted.model.side == 128
    changed = adapted.predict(image, points).low_res_logits
    with adapted.direct():
        direct = adapted.predict(image, points).low_res_logits
    expected = load(side=128).predict(image, points).low_res_logits
    assert np.array_equal(direct, expected)
    assert not np.allclose(changed, expected)
    assert np.array_equal(adapted.predict(image, points).low_res_logits, changed)


def test_without_an_adapter_the_model_is_direct_already(image):
    with pytest.raises(InputError, match="direct one already"), Predictor(ColourModel()).direct():
        pass


def test_importing_the_package_does_not_import_torch():
    code = "import sys, pointsam; dir(pointsam); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert set(dir(pointsam)) == set(pointsam.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = pointsam.nothing


def test_a_box_is_a_prompt_with_or_without_points():
    """Boxes reach the decoder in the model frame; the answer is its own."""
    model = small_mobile_sam(128)
    predictor = Predictor(model)
    image = np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)
    boxes = np.array([[6.0, 3.0, 30.0, 27.0], [40.0, 10.0, 90.0, 40.0]])
    points = np.array([[12.0, 9.0], [60.0, 20.0]])
    found = predictor.predict(image, boxes=boxes)

    frame = ModelFrame((48, 96), side=128, stride=model.stride)
    pixels = torch.from_numpy(frame.resize(image).copy()).permute(2, 0, 1)
    with torch.no_grad():
        terms = model.prepare(model.encode([pixels]))
        one = torch.tensor([[6.0, 3.0, 30.0, 27.0]]) * 128 / 96
        none = torch.zeros(1, 0, 2), torch.zeros(1, 0, dtype=torch.int64)
        own = model.decode_chunk(terms, *none, boxes=one).low_res_logits[:, 0]
    torch.testing.assert_close(torch.from_numpy(found.low_res_logits[:1]), own)

    both = predictor.predict(image, points, boxes=boxes).low_res_logits
    clicked = predictor.predict(image, points).low_res_logits
    assert not np.allclose(both, found.low_res_logits)
    assert not np.allclose(both, clicked)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "no points and no boxes"),
        ({"boxes": np.array([[5.0, 5.0, 5.0, 9.0]])}, "x0 < x1"),
        ({"boxes": np.zeros((0, 4)), "points": np.array([[1.0, 1.0]])}, "0 boxes for 1 rows"),
    ],
)
def test_boxes_that_cannot_be_are_refused(image, given, message):
    with pytest.raises(InputError, match=message):
        Predictor(ColourModel()).predict(image, **given)


def test_what_numpy_makes_an_array_of_is_one(image):
    predictor = Predictor(ColourModel())
    points, labels = np.array([[[16.0, 16.0], [2.0, 2.0]]]), np.array([[1, 0]])
    expected = predictor.predict(image, points, labels)
    shuffled = labels[:, ::-1].copy()[:, ::-1]
    unwritable = labels.copy()
    unwritable.flags.writeable = False
    for one, places, kinds in (
        (Image.fromarray(image), points.tolist(), labels.tolist()),
        (torch.from_numpy(image), torch.from_numpy(points).requires_grad_(), labels > 0),
        (np.asfortranarray(image), points.astype(object), torch.from_numpy(labels).bfloat16()),
        (image[:, ::-1][:, ::-1], points.astype(int), shuffled),
        (image, points, unwritable.astype(np.uint16)),
    ):
        found = predictor.predict(one, places, kinds)
        assert np.array_equal(found.low_res_logits, expected.low_res_logits)
        assert found.prompts.labels.tolist() == [[1, 0]]
        assert found.plot().size == expected.plot().size


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"labels": [[1, 0.6]]}, r"labels are 1, 0 or -1, got \[0.6, 1.0\]"),
        ({"labels": [[1, -1.5]]}, r"labels are 1, 0 or -1, got \[-1.5, 1.0\]"),
        ({"labels": [[1, np.nan]]}, "labels are 1, 0 or -1"),
        ({"labels": [[1, "a"]]}, "labels are no array of numbers"),
        ({"points": [[[5, 5]], [[5, 5], [6, 6]]]}, "points are no array of numbers"),
        ({"points": None, "labels": [[1]], "boxes": [[1, 1, 9, 9]]}, "labels without points"),
        ({"points": None, "boxes": [[30, 10, 10, 30]]}, r"box \[30.0, .*x0 < x1 and y0 < y1"),
        ({"points": None, "boxes": [[0, 0, np.inf, 9]]}, "x0 < x1 and y0 < y1"),
        ({"points": None, "boxes": [[1, 2, 3]]}, r"boxes are \(1, 3\), expected \(boxes, 4\)"),
        ({"points": None, "boxes": np.ones((2, 8))}, r"boxes are \(2, 8\), expected"),
        ({"points": None, "boxes": [[500, 500, 520, 520]]}, "box .* is off the image, .* 64 x 48"),
        ({"image": "a.png"}, r"the image is a str, expected its pixels: open a file with numpy"),
        ({"image": Image.new("L", (8, 8))}, r"uint8 of shape \(8, 8\) of mode L, expected uint8"),
        ({"image": np.zeros((0, 0, 3), np.uint8)}, r"of shape \(0, 0, 3\), expected"),
    ],
)
def test_arguments_that_cannot_be_are_refused_in_words(image, given, message):
    asked = {"image": image, "points": [[[5, 5], [6, 6]]], **given}
    with pytest.raises(InputError, match=message):
        Predictor(ColourModel()).predict(**asked)


def test_a_base_is_named_by_its_path_too(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"x\.pt"):
        load(tmp_path / "x.pt")
