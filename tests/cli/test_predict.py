import json

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import SIDE

from pointsam.cli.main import main
from pointsam.data.coco.annotations import read_coco, read_points
from pointsam.data.coco.masks import rasterise


def run(output, *arguments):
    return main(["predict", *map(str, arguments), "--output", str(output), "--side", str(SIDE)])


def labels_of(path):
    with Image.open(path) as image:
        assert image.mode == "I;16"
        return np.asarray(image)


def test_a_point_file_gives_masks_rasters_and_figures(drawn, small_model, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(out, "--images", drawn.images, "--points", drawn.points) == 0
    content = json.loads((out / "predictions.json").read_text())
    assert [entry["id"] for entry in content["annotations"]] == [10, 11, 20, 21]
    assert [image["file_name"] for image in content["images"]] == ["1.jpg", "2.jpg"]
    assert sorted(path.name for path in (out / "labels").iterdir()) == ["1.png", "2.png"]
    with Image.open(out / "figures" / "1.png") as figure:
        assert figure.width > 2 * 600
    assert "4 masks in 2 images" in capsys.readouterr().out


def test_the_raster_holds_masks_where_they_do_not_overlap(drawn, small_model, tmp_path):
    out = tmp_path / "out"
    assert run(out, "--images", drawn.images, "--points", drawn.points) == 0
    content = json.loads((out / "predictions.json").read_text())
    labels = labels_of(out / "labels" / "1.png")
    masks = {
        entry["label"]: rasterise(entry["segmentation"], labels.shape)
        for entry in content["annotations"]
        if entry["image_id"] == 1
    }
    assert sorted(masks) == [1, 2]
    np.testing.assert_array_equal(labels > 0, masks[1] | masks[2])
    for number, mask in masks.items():
        assert mask[labels == number].all()
        assert mask.sum() == content["annotations"][number - 1]["area"]


def test_predictions_are_coco_masks(drawn, small_model, tmp_path):
    assert run(tmp_path / "out", "--images", drawn.images, "--points", drawn.points) == 0
    data = read_coco(tmp_path / "out" / "predictions.json")
    assert data.categories == ("tank", "ship")
    assert data.instance_count + len(data.dropped) == 4


def test_masks_need_no_truth(drawn, small_model, tmp_path):
    drawn.annotations.unlink()
    assert run(tmp_path / "out", "--images", drawn.images, "--points", drawn.points) == 0


def test_clicks_on_one_image_are_objects_and_background(drawn, small_model, tmp_path):
    out = tmp_path / "out"
    image = drawn.images / "1.jpg"
    clicks = ["--point", "22,20", "--point", "62,50", "--point", "5,70,0"]
    assert run(out, "--image", image, *clicks) == 0
    content = json.loads((out / "predictions.json").read_text())
    assert [entry["points"] for entry in content["annotations"]] == [[[22, 20, 1]], [[62, 50, 1]]]
    # The same points from a file, each with the negative, give the same masks.
    assert run(tmp_path / "file", "--image", image, "--points", drawn.points) == 0
    filed = json.loads((tmp_path / "file" / "predictions.json").read_text())
    for one, other in zip(content["annotations"], filed["annotations"], strict=True):
        assert one["segmentation"] == other["segmentation"]


def test_joint_masks_differ_where_objects_meet(drawn, small_model, tmp_path):
    # The small model floods the image from any point, so all masks are rivals.
    found = []
    for name, more in (("plain", []), ("joint", ["--joint"])):
        out = tmp_path / name
        assert run(out, "--images", drawn.images, "--points", drawn.points, *more) == 0
        found.append(json.loads((out / "predictions.json").read_text())["annotations"])
    assert found[0] != found[1]


def test_names_that_would_meet_carry_the_id(drawn, small_model, tmp_path):
    Image.open(drawn.images / "2.jpg").save(drawn.images / "1.png")
    drawn.change(lambda content: content["images"][1].update(file_name="1.png"))
    assert run(tmp_path / "out", "--images", drawn.images, "--points", drawn.points) == 0
    names = sorted(path.name for path in (tmp_path / "out" / "labels").iterdir())
    assert names == ["1_1.png", "1_2.png"]


def test_sub_folders_are_kept_and_never_left(drawn, small_model, tmp_path, capsys):
    (drawn.images / "sub").mkdir()
    (drawn.images / "1.jpg").rename(drawn.images / "sub" / "1.jpg")
    drawn.change(lambda content: content["images"][0].update(file_name="sub/1.jpg"))
    assert run(tmp_path / "out", "--images", drawn.images, "--points", drawn.points) == 0
    assert (tmp_path / "out" / "labels" / "sub" / "1.png").is_file()
    (drawn.images / "2.jpg").rename(drawn.images.parent / "2.jpg")
    drawn.change(lambda content: content["images"][1].update(file_name="../2.jpg"))
    assert run(tmp_path / "away", "--images", drawn.images, "--points", drawn.points) == 2
    assert "'../2.jpg' leads out of the folder" in capsys.readouterr().err


def test_broken_images_are_skipped_and_listed(drawn, small_model, tmp_path, capsys):
    (drawn.images / "1.jpg").unlink()
    out = tmp_path / "out"
    assert run(out, "--images", drawn.images, "--points", drawn.points, "--skip-broken") == 0
    assert "pointsam: skipped: no image" in capsys.readouterr().err
    assert [path.name for path in (out / "labels").iterdir()] == ["2.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", ".", "--point", "1,2"], "give --image FILE"),
        (["--image", "{}/1.jpg", "--point", "96,2"], "--point 96,2 is off"),
        (["--image", "{}/1.jpg", "--point", "nan,2"], "--point nan,2 is off"),
        (["--image", "{}/1.jpg", "--point", "6,2,0"], "all have label 0"),
        (["--image", "{}/9.jpg", "--point", "6,2"], "no image"),
    ],
)
def test_clicks_that_cannot_be_used_are_refused(
    drawn, small_model, tmp_path, capsys, arguments, message
):
    filled = [argument.format(drawn.images) for argument in arguments]
    assert run(tmp_path / "out", *filled) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["1", "1,2,3", "a,b", "1,2,1,0"])
def test_a_click_is_x_y_and_perhaps_a_label(text, capsys):
    with pytest.raises(SystemExit, match="2"):
        run("out", "--image", "a.jpg", "--point", text)
    assert "give X,Y or X,Y,LABEL" in capsys.readouterr().err


def test_an_image_the_point_file_does_not_name_is_refused(drawn, small_model, tmp_path, capsys):
    (drawn.images / "1.jpg").rename(drawn.images / "9.jpg")
    assert run(tmp_path / "out", "--image", drawn.images / "9.jpg", "--points", drawn.points) == 2
    assert "points.json has no points on" in capsys.readouterr().err


def test_predictions_are_read_as_points_with_all_clicks(drawn, small_model, tmp_path):
    points = json.loads(drawn.points.read_text())
    points["images"][0]["background_points"] = [[2, 2], [5, 70]]
    drawn.points.write_text(json.dumps(points))
    assert run(tmp_path / "out", "--images", drawn.images, "--points", drawn.points) == 0
    given, found = (read_points(p) for p in (drawn.points, tmp_path / "out/predictions.json"))
    clicked = [image for image in given.images if image.instances]
    assert [image.clicks for image in found.images] == [image.clicks for image in clicked]
    assert found.images[0].background_points == ((2, 2), (5, 70))
