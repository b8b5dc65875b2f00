import json

import pytest
from tests.cli.conftest import SIDE

from pointsam.cli.main import main
from pointsam.data.coco.annotations import read_points

METRICS = ("iou", "f1", "precision", "recall")


def command(drawn, output, *more, points=None):
    return [
        "evaluate",
        *("--images", str(drawn.images)),
        *("--annotations", str(drawn.annotations)),
        *("--points", str(points or drawn.points)),
        *("--output", str(output)),
        *("--side", str(SIDE)),
        *more,
    ]


def test_scores_are_written_in_percent(drawn, small_model, tmp_path, capsys):
    assert main(command(drawn, tmp_path / "out")) == 0
    content = json.loads((tmp_path / "out" / "scores.json").read_text())
    for name in (*METRICS, "instance_iou", "overlap"):
        assert 0 <= content[name] <= 100
    assert (content["images"], content["instances"]) == (2, 4)
    assert content["classes"]["tank"]["instances"] == 2
    assert content["settings"]["side"] == SIDE
    assert len(content["inputs"]["points"]["sha256"]) == 64
    assert len((tmp_path / "out" / "scores.csv").read_text().splitlines()) == 1 + 2
    assert len((tmp_path / "out" / "instances.csv").read_text().splitlines()) == 1 + 4
    out = capsys.readouterr().out
    assert "points.json" in out
    assert "tank" in out


def test_the_same_files_give_the_same_bytes(drawn, small_model, tmp_path):
    for name in ("one", "two"):
        assert main(command(drawn, tmp_path / name)) == 0
    for name in ("scores.json", "scores.csv", "instances.csv"):
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
        assert one == two


def test_several_point_files_give_what_each_gives_alone(drawn, small_model, tmp_path):
    other = drawn.points.with_name("other.json")
    content = json.loads(drawn.points.read_text())
    for entry in content["annotations"]:
        entry["points"] = entry["points"][:1]
    other.write_text(json.dumps(content))
    assert main(command(drawn, tmp_path / "both", "--points", str(other))) == 0
    assert main(command(drawn, tmp_path / "alone", points=other)) == 0
    for name in ("scores.json", "instances.csv"):
        both = (tmp_path / "both" / "other" / name).read_bytes()
        assert both == (tmp_path / "alone" / name).read_bytes()
    assert (tmp_path / "both" / "points" / "scores.json").is_file()


def test_point_files_of_one_name_are_refused(drawn, small_model, tmp_path, capsys):
    assert main(command(drawn, tmp_path / "out", "--points", str(drawn.points))) == 2
    assert "not all different" in capsys.readouterr().err


def test_images_without_instances_need_not_exist(drawn, small_model, tmp_path):
    (drawn.images / "3.jpg").unlink()
    assert main(command(drawn, tmp_path / "out")) == 0


def test_broken_images_are_skipped_and_listed(drawn, small_model, tmp_path, capsys):
    (drawn.images / "1.jpg").write_bytes((drawn.images / "1.jpg").read_bytes()[:400])
    assert main(command(drawn, tmp_path / "out")) == 2
    assert "1.jpg is damaged" in (told := capsys.readouterr().err)
    assert "(--skip-broken goes on without such images.)" in told
    assert main(command(drawn, tmp_path / "out", "--skip-broken")) == 0
    content = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert content["images"] == 1
    assert any("1.jpg" in line for line in content["dropped"])
    assert "pointsam: skipped: " in capsys.readouterr().err


def test_broken_images_are_skipped_with_clicks_of_any_form(drawn, small_model, tmp_path):
    rows = [
        f"{image.file_name},{x},{y},{label},{instance.category},{instance.id}"
        for image in read_points(drawn.points).images
        for instance in image.instances
        for x, y, label in instance.points
    ]
    table = tmp_path / "clicks.csv"
    table.write_text("\n".join(["image,x,y,label,class,instance", *rows]))
    image = drawn.images / "1.jpg"
    image.write_bytes(image.read_bytes()[:400])
    for output in ("damaged", "missing"):
        words = command(drawn, tmp_path / output, "--skip-broken", points=table)
        assert main(words) == 0
        content = json.loads((tmp_path / output / "scores.json").read_text())
        assert content["images"] == 1
        assert sum("1.jpg" in line for line in content["dropped"]) == 1
        image.unlink(missing_ok=True)


def test_the_shipped_model_is_the_default(drawn, tmp_path):
    assert main(command(drawn, tmp_path / "out", "--side", "512")) == 0
    content = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert content["settings"]["model"] == "mobile_sam"
    assert content["iou"] > 90


@pytest.mark.parametrize("value", ["0", "-2"])
def test_no_threads_are_refused(drawn, small_model, tmp_path, capsys, value):
    assert main(command(drawn, tmp_path / "out", "--threads", value)) == 2
    assert f"--threads {value}: give at least 1." in capsys.readouterr().err


def test_a_missing_gpu_is_refused(drawn, small_model, tmp_path, capsys):
    assert main(command(drawn, tmp_path / "out", "--device", "cuda:77")) == 2
    assert "--device cuda:77: this machine shows" in capsys.readouterr().err


@pytest.mark.usefixtures("small_model")
def test_boxes_of_the_point_file_are_prompts(drawn, tmp_path, capsys):
    words = ["evaluate", "--images", str(drawn.images), "--annotations", str(drawn.annotations),
             "--points", str(drawn.points), "--threads", "1", "--side", "128"]  # fmt: skip
    assert main([*words, "--output", str(tmp_path / "points")]) == 0
    capsys.readouterr()
    assert main([*words, "--with-boxes", "--output", str(tmp_path / "none")]) == 2
    assert "instance 10 has no usable box" in capsys.readouterr().err

    def add_boxes(content):
        for place, entry in enumerate(content["annotations"]):
            entry["bbox"] = [10 + 40 * (place % 2), 10 + 30 * (place % 2), 24, 20]

    drawn.change(add_boxes)
    assert main([*words, "--with-boxes", "--output", str(tmp_path / "boxes")]) == 0
    by_points, by_boxes = (
        json.loads((tmp_path / name / "scores.json").read_text()) for name in ("points", "boxes")
    )
    assert by_boxes["settings"]["prompt"] == "boxes"
    assert by_boxes["iou"] != by_points["iou"]


@pytest.mark.usefixtures("small_model")
def test_scores_and_masks_share_a_cache(drawn, tmp_path, capsys, monkeypatch):
    """A second command on the same images does not encode, and gives the same numbers."""
    words = ["--images", str(drawn.images), "--points", str(drawn.points), "--side", "128",
             "--threads", "1", "--cache", str(tmp_path / "cache")]  # fmt: skip
    score = ["evaluate", *words, "--annotations", str(drawn.annotations)]
    assert main([*score, "--output", str(tmp_path / "first")]) == 0
    assert main(["cache", str(tmp_path / "cache")]) == 0
    assert "1 entries" in capsys.readouterr().out  # both images look the same

    def fail(self, images):
        raise AssertionError("the encoder ran")

    monkeypatch.setattr("pointsam.models.segmenter.Segmenter.encode", fail)
    assert main([*score, "--output", str(tmp_path / "second")]) == 0
    for name in ("scores.csv", "instances.csv"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert main(["predict", *words, "--output", str(tmp_path / "masks")]) == 0
    with pytest.raises(AssertionError, match="the encoder ran"):
        main([*score[:-2], "--annotations", str(drawn.annotations), "--side", "256",
              "--output", str(tmp_path / "third")])  # fmt: skip
