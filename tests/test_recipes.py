"""The published recipes: their numbers, and what their scripts call."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

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


def test_the_script_of_the_results_labels_trains_and_scores(tmp_path):
    stand_in = tmp_path / "bin" / "pointsam"
    stand_in.parent.mkdir()
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    stand_in.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
        "NWPU": "data",
        "STEPS": "10",
    }
    command = ["bash", str(ROOT / "scripts" / "results.sh"), str(tmp_path / "out"), "1 3", "7 8"]
    subprocess.run(command, check=True, env=environment, cwd=tmp_path)
    made = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]
    of_two = ["label", "evaluate", "train", "evaluate", "train", "evaluate"]
    assert [call[0] for call in made] == ["evaluate", *of_two, *of_two]
    trained = [call for call in made if call[0] == "train"]
    assert [call[call.index("--seed") + 1] for call in trained] == ["7", "8", "7", "8"]
    assert all("schedule.min_steps=10" in call for call in trained)
    assert not any("--annotations" in call for call in trained)
    adapted = [call[call.index("--adapter") + 1] for call in made if "--adapter" in call]
    assert adapted == [call[call.index("--output") + 1] for call in trained]


def test_the_development_images_of_nwpu_are_a_fifth_of_those_for_training():
    names = (CONFIGS / "nwpu_dev.txt").read_text().split()
    assert len(names) == len(set(names)) == 104
    assert all(name.endswith(".jpg") for name in names)
