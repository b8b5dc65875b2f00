"""Rounds of labels: the choice is made anew among the masks of what was trained."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tests.training.drawn import SIDE, settings, write_dataset

from pointsam.cli.main import main
from pointsam.data.coco.annotations import read_coco
from pointsam.data.coco.masks import mask_entry, rasterise, to_rle
from pointsam.data.dataset import folder_images
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.files import sha256_of
from pointsam.labelling.candidates import PER_LOOK
from pointsam.labelling.former import drawn_by_hand
from pointsam.labelling.labels import store_path
from pointsam.labelling.store import load_candidates
from pointsam.models.adapters.card import read_card
from pointsam.training import rounds
from pointsam.training.label_stage import label_folder, make_labels
from pointsam.training.ranks import Ranks
from pointsam.training.rounds import changed_share, train_in_rounds
from pointsam.training.run import RunInputs, round_folder


def chosen(**values):
    return settings(
        regime="labels",
        model={"side": SIDE, "adapt": ["decoder"], "rank": 2},
        schedule={"min_steps": 3, "epochs": 0.1, "lr": 0.01},
        rounds={"count": 2, **values},
    )


@pytest.fixture
def inputs(tmp_path):
    data, images, _ = write_dataset(tmp_path, images=2)
    return RunInputs(data, folder_images(images), {"points.json": "hash"}, tmp_path / "out")


@pytest.fixture
def first(inputs):
    """Labels of round 1, one of which somebody has drawn anew."""
    path = make_labels(inputs, chosen())
    content = json.loads(path.read_text())
    entry = content["annotations"][0]
    [size] = [i.size for i in inputs.data.images if i.id == entry["image_id"]]
    mask = np.zeros(size, dtype=bool)
    mask[3:23, 4:24] = True
    content["annotations"][0] |= {**mask_entry(to_rle(mask)), "label_weight": 0.7, "mine": "yes"}
    path.write_text(json.dumps(content))
    return path


def masks_of(path):
    return {i.id: i.segmentation for r in read_coco(path).images for i in r.instances}


def test_round_two_chooses_anew_and_keeps_what_was_drawn_by_hand(inputs, first):
    told = []
    train_in_rounds(inputs, first, chosen(), tell=told.append)
    second = label_folder(inputs.output, number=2) / "labels.json"
    [(number, label)] = stays(inputs, first).items()
    entries = {entry["id"]: entry for entry in json.loads(second.read_text())["annotations"]}
    assert len(entries) == inputs.data.instance_count
    assert label.entry["mine"] == "yes"
    assert {**entries[number], "category_id": 1} == {**label.entry, "category_id": 1}
    changed = [i for i, mask in masks_of(second).items() if mask != masks_of(first).get(i)]
    assert changed
    assert number not in changed
    for record in inputs.data.images:
        found = load_candidates(store_path(second.parent / "candidates", record))
        assert found.packed.shape[1] == 2 * PER_LOOK
    assert [report.round for report in told] == [1, 2]
    assert told[0].changed is None
    written = json.loads(second.with_name("round.json").read_text())
    assert written["changed"] == told[1].changed
    assert read_card(inputs.output).data["sources"]["labels.json"] == sha256_of(second)


def test_what_was_drawn_by_hand_stays_in_every_later_round(inputs, first):
    train_in_rounds(inputs, first, chosen(count=3), tell=lambda report: None)
    [(number, label)] = stays(inputs, first).items()
    third = json.loads((label_folder(inputs.output, number=3) / "labels.json").read_text())
    [entry] = [one for one in third["annotations"] if one["id"] == number]
    assert entry["mine"] == "yes"
    assert entry["segmentation"] == label.entry["segmentation"]


def test_labels_without_candidates_are_learned_in_one_round_alone(inputs, first, tmp_path):
    alone = tmp_path / "elsewhere.json"
    shutil.copy(first, alone)
    with pytest.raises(InputError, match="Masks of your own are learned in one round"):
        train_in_rounds(inputs, alone, chosen(), tell=lambda report: None)
    assert not round_folder(inputs.output, 1).exists()


def test_a_round_starts_from_the_frozen_model_or_from_the_last_round(inputs, first):
    train_in_rounds(inputs, first, chosen(start="last"), tell=lambda report: None)
    card = read_card(inputs.output)
    weights = round_folder(inputs.output, 1) / "adapter_model.safetensors"
    assert card.started_from == {"name": "out-round-1", "weights": sha256_of(weights)}
    anew = replace(inputs, output=inputs.output.with_name("anew"))
    train_in_rounds(anew, first, chosen(), tell=lambda report: None)
    assert read_card(anew.output).started_from is None


def stays(inputs, labels):
    """The labels that stay, by the id of their clicks."""
    kept = drawn_by_hand(labels, inputs.data, inputs.images)
    return {number: label for (_, number), label in kept.items()}


class KilledError(Exception):
    pass


@pytest.mark.parametrize("where", ["label_again", "second run_training"])
def test_a_run_that_was_killed_goes_on_to_the_same_end(inputs, first, where, monkeypatch):
    whole = replace(inputs, output=inputs.output.with_name("whole"))
    train_in_rounds(whole, first, chosen(), tell=lambda report: None)
    name, calls = where.removeprefix("second "), []
    former = getattr(rounds, name)

    def dies(*args, **kwargs):
        calls.append(1)
        if len(calls) == len(where.split()):
            raise KilledError
        return former(*args, **kwargs)

    monkeypatch.setattr(rounds, name, dies)
    with pytest.raises(KilledError):
        train_in_rounds(inputs, first, chosen(), tell=lambda report: None)
    monkeypatch.setattr(rounds, name, former)
    train_in_rounds(inputs, first, chosen(), resume=True, tell=lambda report: None)
    ends = [i.output / "adapter_model.safetensors" for i in (inputs, whole)]
    assert sha256_of(ends[0]) == sha256_of(ends[1])
    second, same = (label_folder(i.output, number=2) / "labels.json" for i in (inputs, whole))
    assert second.read_bytes() == same.read_bytes()


def test_a_round_that_was_made_with_other_settings_is_refused(inputs, first):
    train_in_rounds(inputs, first, chosen(), tell=lambda report: None)
    shutil.rmtree(inputs.output)
    other = chosen().model_copy(update={"seed": 8})
    with pytest.raises(InputError, match="out-round-1"):
        train_in_rounds(inputs, first, other, resume=True, tell=lambda report: None)
    train_in_rounds(inputs, first, chosen(), resume=True, tell=lambda report: None)


def test_damaged_candidates_of_a_later_round_are_made_anew(inputs, first):
    train_in_rounds(inputs, first, chosen(), tell=lambda report: None)
    second = label_folder(inputs.output, number=2)
    expected = (second / "labels.json").read_bytes()
    (second / "labels.json").unlink()
    shutil.rmtree(inputs.output)
    damaged = next((second / "candidates").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:100])
    train_in_rounds(inputs, first, chosen(), resume=True, tell=lambda report: None)
    assert (second / "labels.json").read_bytes() == expected


def test_what_was_trained_makes_the_candidates_of_the_next_round(inputs, first, monkeypatch):
    seen = []

    def look(model, *args, **kwargs):
        seen.append(any("lora" in name for name, _ in model.named_parameters()))
        raise KilledError

    monkeypatch.setattr("pointsam.labelling.again.find_candidates", look)
    with pytest.raises(KilledError):
        train_in_rounds(inputs, first, chosen(), tell=lambda report: None)
    assert seen == [True]


def test_several_processes_are_told_to_label_by_themselves(inputs, first):
    with pytest.raises(InputError, match="several processes do not label"):
        train_in_rounds(replace(inputs, ranks=Ranks(0, 2)), first, chosen())


def one(mask, number=1):
    record = ImageRecord(1, "a.png", (20, 20), (InstanceRecord(number, "x", (), to_rle(mask)),))
    return Dataset((record,))


def test_a_label_has_changed_where_nine_tenths_are_not_shared():
    mask = np.zeros((20, 20), dtype=bool)
    mask[:10, :10] = True
    larger, other = mask.copy(), mask.copy()
    larger[10, :10] = True  # IoU 100 / 110
    other[10:12, :10] = True  # IoU 100 / 120
    assert changed_share(one(mask), one(mask)) == 0
    assert changed_share(one(mask), one(larger)) == 0
    assert changed_share(one(mask), one(other)) == 1
    assert changed_share(one(mask, 2), one(mask)) == 1  # there was none
    assert changed_share(one(mask), Dataset(())) == 0


def test_masks_that_stay_go_through_the_label_frame_unmoved(inputs, first, monkeypatch):
    """The evidence of a label that stays is that of its own mask."""
    train_in_rounds(inputs, first, chosen(), tell=lambda report: None)
    stored = label_folder(inputs.output, number=2) / "candidates"
    kept = stays(inputs, first)
    record = inputs.data.images[0]
    [path] = [p for p in stored.iterdir() if p.name.startswith("1.")]
    areas = np.load(path)["area"]
    for place, instance in enumerate(record.instances):
        if instance.id in kept:
            area = rasterise(kept[instance.id].instance.segmentation, record.size).sum()
            scale = (SIDE / 2 / max(record.size)) ** 2
            assert areas[place] == pytest.approx(area * scale, rel=0.15)
            assert len(set(areas[place].tolist())) == 1


def test_the_command_prints_each_round_and_refuses_what_is_there(tmp_path, capsys):
    _, images, points = write_dataset(tmp_path, images=2)
    words = ["train", "--images", str(images), "--points", str(points), "--device", "cpu"]
    words += ["--side", str(SIDE), "--rank", "2", "--epochs", "0.5", "--output"]
    assert main([*words, str(tmp_path / "out"), "--rounds", "2"]) == 0
    printed = capsys.readouterr().out
    assert "round 1: " in printed
    assert " % changed" in printed
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    assert main([*words, str(tmp_path / "out"), "--rounds", "2"]) == 2
    assert "out-round-1 exists already" in capsys.readouterr().err
    other = [*words, str(tmp_path / "other"), "--rounds", "2", "--regime", "pointsam"]
    assert main(other) == 2
    assert "--rounds is for --regime labels alone" in capsys.readouterr().err
