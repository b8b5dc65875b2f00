import json

import pytest
from tests.cli.conftest import SIDE

from pointsam.cli.main import main
from pointsam.labelling import labels


def command(drawn, output, *more):
    return [
        "label",
        *("--images", str(drawn.images)),
        *("--points", str(drawn.points)),
        *("--output", str(output)),
        *("--side", str(SIDE)),
        *more,
    ]


def test_labels_are_coco_masks_under_the_ids_of_the_clicks(drawn, small_model, tmp_path, capsys):
    output = tmp_path / "labels"
    assert main(command(drawn, output)) == 0
    content = json.loads((output / "labels.json").read_text())
    clicked = json.loads(drawn.points.read_text())
    assert [e["id"] for e in content["annotations"]] == [e["id"] for e in clicked["annotations"]]
    names = {entry["id"]: entry["name"] for entry in content["categories"]}
    assert [names[e["category_id"]] for e in content["annotations"]] == ["tank", "ship"] * 2
    for entry in content["annotations"]:
        assert 0 <= entry["label_weight"] <= 1
        assert entry["margin"] >= 0
        assert entry["segmentation"]["size"] == [80, 96]
        assert (entry["label_weight"] == 0) <= bool(entry["against"])
    assert (output / "sheet.png").is_file()
    assert "of 4 accepted" in capsys.readouterr().out


def test_any_masks_are_scored_on_the_same_instances(drawn, small_model, tmp_path):
    output = tmp_path / "labels"
    assert main(command(drawn, output)) == 0
    for name, masks in (("own", drawn.annotations), ("label_scores", output / "labels.json")):
        scored = ["evaluate", "--annotations", str(drawn.annotations), "--masks", str(masks)]
        assert main([*scored, "--output", str(tmp_path / name)]) == 0
    own = json.loads((tmp_path / "own" / "scores.json").read_text())
    assert (own["iou"], own["instances"]) == (100.0, 4)
    assert 0 <= json.loads((tmp_path / "label_scores" / "scores.json").read_text())["iou"] < 100


def test_a_missing_mask_scores_nothing(drawn, tmp_path):
    content = json.loads(drawn.annotations.read_text())
    content["annotations"] = content["annotations"][1:]
    masks = tmp_path / "some.json"
    masks.write_text(json.dumps(content))
    scored = ["evaluate", "--annotations", str(drawn.annotations), "--masks", str(masks)]
    assert main([*scored, "--output", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["instance_iou"] == 75.0


def changed_masks(drawn, path, change):
    content = json.loads(drawn.annotations.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return ["evaluate", "--annotations", str(drawn.annotations), "--masks", str(path)]


def test_masks_of_other_ids_or_images_are_told_of(drawn, tmp_path, capsys):
    def other_ids(content):
        for entry in content["annotations"]:
            entry["id"] += 1000

    def other_names(content):
        for image in content["images"]:
            image["file_name"] = f"deeper/{image['file_name']}"

    for change in (other_ids, other_names):
        scored = changed_masks(drawn, tmp_path / "masks.json", change)
        assert main([*scored, "--output", str(tmp_path / "out")]) == 2
        told = capsys.readouterr().err
        assert "none of the 4 masks of masks.json has the image and the id of an anno" in told
        assert not (tmp_path / "out").exists()


def test_masks_without_a_partner_or_under_swapped_ids_are_noted(drawn, tmp_path, capsys):
    def swap(content):
        one, two, *_ = content["annotations"]
        one["id"], two["id"] = two["id"], one["id"]

    def drop(content):
        swap(content)
        del content["annotations"][2:]
        content["annotations"].append({**content["annotations"][0], "id": 1000})

    def first(content):
        content["annotations"][2:] = [{**content["annotations"][2], "id": 1000}]

    scored = changed_masks(drawn, tmp_path / "swapped.json", drop)
    assert main([*scored, "--output", str(tmp_path / "one")]) == 0
    told = capsys.readouterr().err
    assert "swapped.json: 1 of 3 masks have no annotation of their image and id" in told
    assert "swapped.json: 2 of 4 annotations have no mask of their image and id" in told
    assert "swapped.json: 2 of 2 annotations are met by a mask under another id" in told
    scored = changed_masks(drawn, tmp_path / "some.json", first)
    assert main([*scored, "--output", str(tmp_path / "two")]) == 0
    assert "under another id" not in capsys.readouterr().err


def test_a_class_is_read_one_way(drawn, tmp_path, capsys):
    given = ["--reading", "ship=larger", "--reading", "ship=smaller"]
    assert main(command(drawn, tmp_path / "out", *given)) == 2
    assert "--reading ship: given as larger and as smaller" in capsys.readouterr().err


def test_a_stopped_run_goes_on_and_ends_the_same(drawn, small_model, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert main(command(drawn, whole)) == 0
    real, calls = labels.find_candidates, []

    def counted(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(labels, "find_candidates", counted)
    assert main(command(drawn, stopped)) == 130
    assert main(command(drawn, stopped)) == 2  # nothing is overwritten
    assert main(command(drawn, stopped, "--resume")) == 0
    assert len(calls) == 3  # the first image was not looked at again
    assert (stopped / "labels.json").read_bytes() == (whole / "labels.json").read_bytes()


def test_candidates_of_other_inputs_are_refused_by_name(drawn, small_model, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(command(drawn, out)) == 0
    assert main(command(drawn, out, "--resume", "--no-turn")) == 2
    said = capsys.readouterr().err
    assert "made with other looks (--no-turn): go on" in said
    assert f"--labels {out / 'labels.json'}." in said
    drawn.change(lambda content: content["annotations"].pop())
    assert main(command(drawn, out, "--resume")) == 2
    assert "made with other images or point file, clicks: go on" in capsys.readouterr().err
    before = json.loads((out / "inputs.json").read_text())
    del before["turned"]  # as a version wrote it that could not rotate
    (out / "inputs.json").write_text(json.dumps(before))
    assert main(command(drawn, out, "--resume")) == 2
    assert (
        "made with another version of pointsam, or in another round: go on"
        in capsys.readouterr().err
    )


def test_training_takes_up_what_is_labelled(drawn, small_model, tmp_path, monkeypatch, capsys):
    assert main(command(drawn, tmp_path / "run-labels")) == 0
    monkeypatch.setattr(labels, "find_candidates", None)
    trained = ["train", *command(drawn, tmp_path / "run")[1:]]
    short = ["--epochs", "0.1", "--set", "schedule.min_steps=1", "--set", "model.adapt=[decoder]"]
    status = main([*trained, *short])
    # Which labels an untrained model's masks give is chance; that none is accepted is said.
    assert status == 0 or "no label is accepted" in capsys.readouterr().err


def test_masks_that_are_all_dropped_are_no_score(drawn, tmp_path, capsys):
    def crowds(content):
        for entry in content["annotations"]:
            entry["iscrowd"] = 1

    scored = changed_masks(drawn, tmp_path / "masks.json", crowds)
    assert main([*scored, "--output", str(tmp_path / "out")]) == 2
    assert "masks.json has no usable mask" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--labels", "--annotations"])
def test_masks_under_swapped_ids_are_not_learned(drawn, small_model, tmp_path, capsys, option):
    content = json.loads(drawn.annotations.read_text())
    for entry, other in zip(content["annotations"][::2], content["annotations"][1::2], strict=True):
        assert entry["image_id"] == other["image_id"]
        entry["id"], other["id"] = other["id"], entry["id"]
    masks = tmp_path / "masks.json"
    masks.write_text(json.dumps(content))
    words = ["train", "--images", str(drawn.images), "--points", str(drawn.points), option]
    words += [str(masks), "--side", str(SIDE), "--output", str(tmp_path / "out")]
    words += ["--regime", "labels" if option == "--labels" else "supervised"]
    assert main(words) == 2
    assert "lie off the mask of their own id" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("value", "said"),
    [("plane=larger", "there is ship, tank"), ("tank=huge", "CLASS=larger or CLASS=smaller")],
)
def test_a_reading_of_nothing_is_refused(drawn, tmp_path, capsys, value, said):
    try:
        status = main(command(drawn, tmp_path / "out", "--reading", value))
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2
    assert said in capsys.readouterr().err


def test_masks_and_a_model_are_not_scored_together(drawn, tmp_path, capsys):
    scored = [
        "evaluate",
        "--annotations",
        str(drawn.annotations),
        "--masks",
        str(drawn.annotations),
    ]
    given = ["--points", str(drawn.points), "--output", str(tmp_path / "out")]
    assert main([*scored, *given]) == 2
    assert "--points" in capsys.readouterr().err
    assert main(["evaluate", "--annotations", str(drawn.annotations), *given]) == 2
    assert "--images" in capsys.readouterr().err
