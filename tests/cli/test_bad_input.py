"""Each fault of the user ends in one clear line, status 2, and nothing written.

The list of what was tried is in bad_data.py, bad_models.py and bad_options.py.
"""

import errno
import json
import os
import re
import shlex
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.cli.bad_data import BAD_DATA
from tests.cli.bad_models import BAD_MODELS
from tests.cli.bad_options import BAD_OPTIONS
from tests.cli.conftest import SIDE
from tests.cli.good_inputs import make_good_inputs, save_adapter

from pointsam.cli.main import main
from pointsam.models.adapters import card
from pointsam.models.loading import checkpoints


def arguments(command, drawn, output):
    masks = ["--annotations", str(drawn.annotations)] if command == "evaluate" else []
    return [
        command,
        *("--images", str(drawn.images)),
        *("--points", str(drawn.points)),
        *masks,
        *("--output", str(output)),
        *("--side", str(SIDE)),
    ]


def files_below(folder):
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.fixture
def refused(drawn, small_model, tmp_path, capsys):
    """Run a command and give the one line it says; nothing may be left behind."""

    def run(command, *more):
        before = files_below(tmp_path)
        assert main([*arguments(command, drawn, tmp_path / "out"), *map(str, more)]) == 2
        assert files_below(tmp_path) == before
        error = capsys.readouterr().err
        assert "Traceback" not in error
        said = [line for line in error.splitlines() if "pointsam: error: " in line]
        assert len(said) == 1
        assert error.endswith(said[0] + "\n")
        return said[0]

    return run


ALL = pytest.mark.parametrize("command", ["evaluate", "predict", "train"])
USERS = pytest.mark.parametrize("command", ["evaluate", "predict"])


@ALL
def test_a_missing_image(command, refused, drawn):
    (drawn.images / "2.jpg").unlink()
    assert "2.jpg: check the image folder" in refused(command)


@ALL
def test_a_truncated_image(command, refused, drawn):
    path = drawn.images / "2.jpg"
    path.write_bytes(path.read_bytes()[:400])
    assert "2.jpg is damaged" in refused(command)


@ALL
def test_an_image_of_another_size(command, refused, drawn):
    Image.new("RGB", (50, 40)).save(drawn.images / "2.jpg")
    assert "is 40 x 50 px (height x width), its annotations say 80 x 96" in refused(command)


@ALL
def test_only_broken_images(command, refused, drawn):
    for path in drawn.images.iterdir():
        path.write_text("no image")
    assert "none of the" in refused(command, "--skip-broken")


@ALL
def test_no_image_folder(command, refused, drawn):
    drawn.images.rename(drawn.images.parent / "elsewhere")
    assert "no image folder" in refused(command)


@ALL
@pytest.mark.parametrize("text", ["[1, 2]", "{}", '{"images": 3}', "{", "\x00"])
def test_json_that_is_not_coco(command, refused, drawn, text):
    drawn.points.write_text(text)
    line = refused(command)
    assert "points.json is not COCO JSON" in line or "points.json is not JSON" in line


@ALL
def test_no_point_file(command, refused, drawn):
    drawn.points.unlink()
    assert "points.json" in refused(command)


@ALL
@pytest.mark.parametrize("point", [[96, 5, 1], [5, -1, 1], [5, 80, 1], [float("nan"), 5, 1]])
def test_a_point_off_its_image(command, refused, drawn, point):
    drawn.change(lambda content: content["annotations"][2].update(points=[point]))
    line = refused(command)
    assert "annotation 20 of 2.jpg: point" in line
    assert "off the image, which is 96 x 80 px" in line


@ALL
def test_an_annotation_without_image(command, refused, drawn):
    drawn.change(lambda content: content["annotations"][2].update(image_id=77))
    assert "annotation 20 belongs to image 77, which the file does not list" in refused(command)


@ALL
@pytest.mark.parametrize("kind", ["images", "annotations", "categories"])
def test_an_id_twice(command, refused, drawn, kind):
    drawn.change(lambda content: content[kind][1].update(id=content[kind][0]["id"]))
    assert f"{kind} id {10 if kind == 'annotations' else 1} appears more" in refused(command)


@ALL
def test_an_unknown_category(command, refused, drawn):
    drawn.change(lambda content: content["annotations"][0].update(category_id=9))
    assert "annotation 10 has category 9, known are [1, 2]" in refused(command)


def test_masks_without_points(refused, drawn):
    drawn.change(lambda content: content["annotations"].pop())
    assert "instance 21 of 2.jpg has a mask but no points" in refused("evaluate")


@pytest.fixture(scope="module")
def nan_weights(tmp_path_factory):
    file = Path(checkpoints.__file__).parents[1] / "weights" / "mobile_sam_fp16.safetensors"
    state = load_file(file)
    state["image_encoder.neck.0.weight"][0] = torch.nan
    path = tmp_path_factory.mktemp("weights") / "broken.safetensors"
    save_file(state, path)
    return path


@ALL
def test_nan_weights(command, refused, nan_weights):
    assert "holds NaN or infinity in" in refused(command, "--model", nan_weights)


@ALL
def test_a_model_that_is_not_there(command, refused):
    assert "nowhere" in refused(command, "--model", "nowhere.pt")


@USERS
def test_an_adapter_is_used(command, drawn, small_model, tmp_path):
    folder = save_adapter(tmp_path / "adapter", seed=0)
    run = [*arguments(command, drawn, tmp_path / "out")[:-2], "--adapter", str(folder)]
    with patch.object(card, "read_yaml", wraps=card.read_yaml) as read:
        assert main(run) == 0
    assert read.call_count == 1  # the card is read once a command
    if command == "evaluate":
        content = json.loads((tmp_path / "out" / "scores.json").read_text())
        assert content["settings"]["side"] == SIDE
        assert content["inputs"]["adapter"]["file"] == "adapter_model.safetensors"


@USERS
def test_an_adapter_of_another_base(command, refused, tmp_path):
    folder = save_adapter(tmp_path / "adapter", seed=1)
    assert "was trained on mobile_sam" in refused(command, "--adapter", folder)


@USERS
def test_a_folder_that_is_no_adapter(command, refused, drawn):
    assert "is no adapter folder" in refused(command, "--adapter", drawn.images)


@USERS
def test_a_damaged_adapter(command, refused, tmp_path):
    folder = save_adapter(tmp_path / "adapter", seed=0)
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert "adapter" in refused(command, "--adapter", folder)


@USERS
def test_an_adapter_with_nan(command, refused, tmp_path):
    folder = save_adapter(tmp_path / "adapter", seed=0)
    state = load_file(folder / "adapter_model.safetensors")
    next(iter(state.values()))[0] = torch.nan
    save_file(state, folder / "adapter_model.safetensors")
    assert "adapter holds NaN or infinity in" in refused(command, "--adapter", folder)


@ALL
def test_an_output_that_exists(command, refused, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("precious")
    assert "out exists already and is not overwritten" in refused(command)
    assert (tmp_path / "out" / "mine.txt").read_text() == "precious"


@USERS
def test_a_full_disk(command, refused, monkeypatch):
    def full(path, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    assert "the disk is full" in refused(command)


@USERS
def test_a_side_the_model_cannot_take(command, refused):
    assert "100" in refused(command, "--side", "100")


BAR = re.compile(r"\d+%\||\[[^]]*/s\]|\[[^]]*s/\w+\]")
"""Of tqdm."""


@pytest.fixture(scope="session")
def good_inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    make_good_inputs(folder)
    return folder


@pytest.fixture
def good(good_inputs, small_model, tmp_path, monkeypatch):
    """Give a folder with one good input of every kind, and work in it."""
    folder = tmp_path / "inputs"
    shutil.copytree(good_inputs, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return folder


def contents(folder):
    """Read everything below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[path] = os.readlink(path)
        else:
            found[path] = None if path.is_dir() else path.read_bytes()
    return found


def status_of(command):
    try:
        return main(shlex.split(command))
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize(
    "case", [*BAD_DATA, *BAD_MODELS, *BAD_OPTIONS], ids=lambda case: case.name.replace("/", "|")
)
def test_bad_input_ends_in_one_line_and_loses_nothing(case, good, capfd):
    case.spoil()
    before = contents(good)
    status = status_of(case.command)
    error = capfd.readouterr().err
    lines = [line for line in error.splitlines() if line.strip() and not BAR.search(line)]
    assert len(lines) == 1, error
    assert lines[0].startswith("pointsam: error: ")
    assert case.says in lines[0]
    assert status == 2
    assert contents(good) == before


def test_the_list_is_long_and_names_each_case_once():
    names = [case.name for case in (*BAD_DATA, *BAD_MODELS, *BAD_OPTIONS)]
    assert len(set(names)) == len(names) > 200
