"""The published recipes: their numbers, and what their scripts call."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from pointsam.training.schedule import Schedule
from pointsam.training.settings import read_settings, train_settings

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"


class Published(NamedTuple):
    images: int
    block: int
    bank: int
    most: int
    epochs: int
    falls: tuple[int, int]


PUBLISHED = {
    "nwpu": Published(520, 6, 128, 50, 10, (2000, 4000)),
    "whu": Published(4317, 1, 512, 30, 5, (8000, 15000)),
    "hrsid": Published(456, 1, 512, 50, 10, (1500, 2000)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_settings_are_the_published_ones(name):
    published = PUBLISHED[name]
    settings = train_settings(read_settings(CONFIGS / f"{name}.yaml"), source=name)
    assert settings.model.first_block == published.block
    assert settings.prototypes.bank == published.bank
    assert settings.data.max_instances == published.most
    assert settings.schedule.epochs == published.epochs
    assert settings.precision == "float32"
    assert (settings.model.rank, settings.model.side, settings.seed) == (4, 1024, 1337)
    assert (settings.schedule.optimizer, settings.schedule.lr) == ("adam", 5e-4)
    weights = settings.loss
    assert (weights.focal, weights.dice, weights.iou, weights.prototype) == (20, 1, 1, 0.1)


@pytest.mark.parametrize("name", PUBLISHED)
def test_epochs_of_the_schedule_are_the_published_steps(name):
    published = PUBLISHED[name]
    settings = train_settings(read_settings(CONFIGS / f"{name}.yaml"), source=name)
    plan = Schedule(published.images, 1, settings.schedule, settings.seed)
    assert plan.lr(249) == pytest.approx(5e-4, rel=1e-3)
    assert plan.lr(240) < 4.9e-4
    for falls, step in enumerate(published.falls, start=1):
        assert plan.lr(step - 2) == pytest.approx(5e-4 * 0.1 ** (falls - 1))
        assert plan.lr(step + 1) == pytest.approx(5e-4 * 0.1**falls)


def make_tree(root, name):
    """The tree of a data set, its files empty."""
    files = {
        "nwpu": ["Annotations/NWPU_instnaces_train.json", "Annotations/NWPU_instnaces_val.json"],
        "whu": ["annotations/WHU_building_train.json", "annotations/WHU_building_val.json"],
        "hrsid": [
            "Annotations/inshore/inshore_train.json",
            "Annotations/inshore/inshore_test.json",
        ],
    }
    folders = {"nwpu": ["Images"], "whu": ["images/train/image"], "hrsid": ["JPEGImages"]}
    for place in folders[name]:
        (root / place).mkdir(parents=True)
    for place in files[name]:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).touch()


@pytest.fixture
def calls(tmp_path):
    """Run a script with a stand-in for pointsam; give the calls it made."""
    project = tmp_path / "project"
    (project / ".venv" / "bin").mkdir(parents=True)
    for folder in ("scripts", "configs"):
        (project / folder).symlink_to(ROOT / folder)
    stand_in = project / ".venv" / "bin" / "pointsam"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    stand_in.chmod(0o755)

    def run(script, name, *more):
        make_tree(tmp_path / "data", name)
        environment = os.environ | {"DATA": str(tmp_path / "data"), "RUNS": "out"}
        command = ["bash", str(project / "scripts" / script), *more]
        subprocess.run(command, check=True, env=environment, cwd=tmp_path)
        return (tmp_path / "calls").read_text().splitlines()

    return run


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize(
    ("script", "regime"),
    [("supervise", "supervised"), ("selftrain", "self-training"), ("pointsam", "pointsam")],
)
def test_scripts_train_and_score_from_one_two_and_three_points(calls, name, script, regime):
    made = calls(f"train_{name}_{script}.sh", name, "--model", "mobile_sam")
    trained = [call for call in made if call.startswith("train ")]
    scored = [call for call in made if call.startswith("evaluate ")]
    assert len(trained) == len(scored) == 3
    for points, (train, score) in enumerate(zip(trained, scored, strict=True), start=1):
        run = f"out/{name}_{regime}_{points}"
        assert f"--config configs/{name}.yaml --regime {regime} " in train
        assert train.endswith(f"--output {run} --model mobile_sam")
        assert f"_{points}.json" in train
        assert ("--annotations" in train) == (regime == "supervised")
        assert score.endswith(f"--adapter {run} --precision float32 --output {run}/scores")
    assert len([call for call in made if call.startswith("points draw ")]) == 6


@pytest.fixture
def results(tmp_path):
    """Run the script of the results with a stand-in for pointsam; give the calls it made."""
    stand_in = tmp_path / "bin" / "pointsam"
    stand_in.parent.mkdir()
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    stand_in.chmod(0o755)
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for folder in ("Annotations", "Points"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    files = [f"Annotations/NWPU_instances_{part}.json" for part in ("train", "val")]
    files += [f"Points/NWPU_points_{part}_{n}.json" for part in ("train", "val") for n in (1, 2, 3)]
    for file in files:
        (tmp_path / "data" / file).write_text(json.dumps(CLICKED))

    def run(*arguments, **environment):
        settings = {"PATH": f"{stand_in.parent}:{os.environ['PATH']}", "NWPU": "data"}
        command = ["bash", str(ROOT / "scripts" / "results.sh"), "out", *arguments]
        subprocess.run(command, check=True, cwd=tmp_path, env=os.environ | settings | environment)
        return [line.split() for line in (tmp_path / "calls").read_text().splitlines()]

    return run


CLICKED = {
    "images": [{"id": n, "file_name": f"{n}.png", "width": 40, "height": 30} for n in range(1, 11)],
    "categories": [{"id": 1, "name": "ship"}, {"id": 2, "name": "tank"}],
    "annotations": [
        {
            "id": 10 * n + k,
            "image_id": n,
            "category_id": 1 + k % 2,
            "points": [[20.0, 15.0, 1], [2.0, 2.0, 0]],
        }
        for n in range(1, 11)
        for k in range(4)
    ],
}


def test_the_script_of_the_results_labels_trains_and_scores(results):
    made = results("1 3", "7 8", "direct student", STEPS="10")
    of_two = ["label", "evaluate", "train", "evaluate", "train", "evaluate"]
    assert [call[0] for call in made] == ["evaluate", *of_two, *of_two]
    trained = [call for call in made if call[0] == "train"]
    assert [call[call.index("--seed") + 1] for call in trained] == ["7", "8", "7", "8"]
    assert all("schedule.min_steps=10" in call for call in trained)
    assert not any("--annotations" in call for call in trained)
    adapted = [call[call.index("--adapter") + 1] for call in made if "--adapter" in call]
    assert adapted == [call[call.index("--output") + 1] for call in trained]


def test_the_script_has_every_row_and_trains_on_masks_for_the_ceiling_alone(results):
    made = results("1", "7", SUBSET="5")
    runs = {
        call[call.index("--output") + 1].removeprefix("out/nwpu-"): call
        for call in made
        if call[0] == "train"
    }
    sloppy = ["missing-0.1", "missing-0.3", "shift-5", "shift-10", "edge"]
    few = ["few-0.05", "few-0.2", "one-class", "no-classes"]
    twice = [f"twice-{name}-7" for name in ("1", "ten", "true")]
    assert list(runs) == ["1-7", "true", "ten", "ten-closer", *twice, *sloppy, *few]
    assert all("1536" in runs[name] for name in ("ten-closer", *twice))
    of_masks = [name for name, call in runs.items() if "NWPU_instances" in " ".join(call)]
    assert of_masks == ["true", "twice-true-7"]
    scored = [call[call.index("--output") + 1] for call in made if call[0] == "evaluate"]
    assert {f"out/scores-ten-redrawn-{n}" for n in (1, 2, 3)} < set(scored)
    assert "out/scores-labels-val-1" in scored
    assert set(scored) >= {f"out/scores-{name}" for name in ("direct", *runs)}


def test_clicks_are_varied_as_asked(results, tmp_path):
    results("1", "7", "direct sloppy few classes")

    def read(name):
        return json.loads((tmp_path / "out" / "points" / name).read_text())

    assert len(read("missing-0.3.json")["annotations"]) < len(
        read("missing-0.1.json")["annotations"]
    )
    for entry in read("shift-5.json")["annotations"]:
        (x, y, label), negative = entry["points"]
        assert (label, negative) == (1, [2.0, 2.0, 0])
        assert math.dist((x, y), (20, 15)) == pytest.approx(5, abs=0.02)
    assert len(read("few-0.2.json")["images"]) == 2
    few = {image["id"] for image in read("few-0.2.json")["images"]}
    assert {entry["image_id"] for entry in read("few-0.2.json")["annotations"]} == few
    assert {entry["category_id"] for entry in read("one-class.json")["annotations"]} == {1}
    assert read("no-classes.json")["categories"] == [{"id": 1, "name": "object"}]
    assert len(read("no-classes.json")["annotations"]) == 40


def test_folds_share_no_image_and_miss_none(tmp_path):
    random = np.random.default_rng(0)
    for n in range(1, 11):
        image = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / f"{n}.png")
    shutil.copy(tmp_path / "1.png", tmp_path / "10.png")  # the same thing twice
    (tmp_path / "clicks.json").write_text(json.dumps(CLICKED))

    def names(option, number):
        command = [sys.executable, str(ROOT / "scripts" / "vary.py"), str(tmp_path / "clicks.json")]
        command += [str(tmp_path / "made.json"), option, f"{number}/3", "--images", str(tmp_path)]
        subprocess.run(command, check=True)
        made = json.loads((tmp_path / "made.json").read_text())
        return {image["file_name"] for image in made["images"]}

    folds = [names("--fold", number) for number in (1, 2, 3)]
    assert sorted(name for fold in folds for name in fold) == sorted(
        f"{n}.png" for n in range(1, 11)
    )
    assert any({"1.png", "10.png"} <= fold for fold in folds)
    assert names("--without-fold", 1) == folds[1] | folds[2]


def test_a_part_and_the_rest_share_no_image_and_miss_none(tmp_path):
    (tmp_path / "clicks.json").write_text(json.dumps(CLICKED))
    (tmp_path / "part.txt").write_text("2.png\n7.png\n")

    def names(option):
        command = [sys.executable, str(ROOT / "scripts" / "vary.py"), str(tmp_path / "clicks.json")]
        command += [str(tmp_path / "made.json"), option, str(tmp_path / "part.txt")]
        subprocess.run(command, check=True)
        made = json.loads((tmp_path / "made.json").read_text())
        return [image["file_name"] for image in made["images"]]

    assert names("--part") == ["2.png", "7.png"]
    assert names("--without-part") == [f"{n}.png" for n in range(1, 11) if n not in (2, 7)]


def test_the_development_images_of_nwpu_are_a_fifth_of_those_for_training():
    names = (CONFIGS / "nwpu_dev.txt").read_text().split()
    assert len(names) == len(set(names)) == 104
    assert all(name.endswith(".jpg") for name in names)
