"""A flipped bit in any file that a run keeps, and any input that changed before it goes on."""

import json
import os
import shutil
import zlib
from random import Random

import numpy as np
import pytest
from PIL import Image
from tests.cli.good_inputs import save_adapter
from tests.faults.commands import COMMANDS
from tests.faults.conftest import outputs
from tests.faults.injecting import Fault, run
from tests.faults.trees import held_in

EVERY = os.environ.get("POINTSAM_FAULTS") == "all"

RESUMING = [name for name, command in COMMANDS.items() if command.resumes]

MADE_ANEW = {"log.csv", "sheet.png", "settings.yaml", "pointsam.yaml", "adapter_config.json",
             "adapter_model.safetensors"}  # fmt: skip
"""Files of a run that it does not read again; the adapter's own are compared where it is used."""


def flipped(content, random):
    """Change one bit."""
    place = random.randrange(len(content))
    bit = 1 << random.randrange(8)
    return content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]


def stopped(name, folder):
    """Stop a run half way: at the renaming of a file in the middle of all."""
    command = COMMANDS[name]
    steps = run(command.words, folder).steps["rename"]
    for output in command.outputs:
        shutil.rmtree(folder / output)
    met = run(command.words, folder, Fault("rename", max(2, 2 * steps // 3), kills=True))
    assert met.killed


@pytest.mark.parametrize("name", RESUMING)
def test_a_flipped_bit_is_seen_or_changes_nothing(name, clean, fresh, tmp_path):
    command, random = COMMANDS[name], Random(zlib.crc32(name.encode()))
    expected = clean(name)[1]
    begun = fresh()
    stopped(name, begun)
    files = [file.relative_to(begun) for output in command.outputs
             for file in sorted((begun / output).rglob("*"))
             if file.is_file() and not file.name.startswith(".")]  # fmt: skip
    files = [file for file in files if file.name not in MADE_ANEW]
    for file in files if EVERY else random.sample(files, min(2, len(files))):
        for _ in range(8 if EVERY else 1):
            folder = tmp_path / "flipped"
            shutil.copytree(begun, folder)
            content = (folder / file).read_bytes()
            if content:
                (folder / file).write_bytes(flipped(content, random))
            met = run([*command.words, "--resume"], folder)
            same = met.status == 0 and outputs(command, folder) == expected
            assert met.refused or same, f"{name}: {file}: {met.status} {met.said}"
            shutil.rmtree(folder)


def other_pixels(folder):
    pixels = np.asarray(Image.open(folder / "images/1.jpg")) ^ 1
    Image.fromarray(pixels).save(folder / "images/1.jpg", quality=100)


def other_scene(folder):
    import rasterio

    with rasterio.open(folder / "scene.tif", "r+") as scene:
        scene.write(scene.read() ^ 1)


def other_points(folder):
    content = json.loads((folder / "points.json").read_text())
    content["annotations"][0]["points"][0][0] += 1
    (folder / "points.json").write_text(json.dumps(content))


def other_clicks(folder):
    shutil.copy(folder / "roofs.gpkg", folder / "clicks.gpkg")


def other_mask(folder):
    Image.fromarray(np.full((80, 96), 255, np.uint8)).save(folder / "scene.tif.msk", "TIFF")


CHANGES = {
    "predict a scene": [other_scene, other_mask],
    "label": [other_pixels, other_points],
    "train": [other_pixels, other_points],
    "train on labels": [other_pixels, other_points],
}


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name, changes in CHANGES.items() for change in changes]
)
def test_a_changed_input_is_not_gone_on_with(name, change, fresh):
    command, folder = COMMANDS[name], fresh()
    stopped(name, folder)
    change(folder)
    met = run([*command.words, "--resume"], folder)
    assert met.refused, met.said


def test_a_changed_adapter_is_not_gone_on_with(fresh, small_model):
    folder = fresh()
    words = [*COMMANDS["predict a scene"].words, "--adapter", "adapter"]
    steps = run(words, folder).steps["rename"]
    shutil.rmtree(folder / "out")
    run(words, folder, Fault("rename", max(2, steps // 2), kills=True))
    shutil.rmtree(folder / "adapter")
    save_adapter(folder / "adapter", seed=1)
    assert run([*words, "--resume"], folder).refused


def test_a_conversion_goes_on_with_labels_as_they_are_now(fresh):
    command, folder = COMMANDS["data convert labels"], fresh()
    steps = run(command.words, folder).steps["open"]
    (folder / "out.json").unlink()
    assert run(command.words, folder, Fault("open", steps, kills=True)).killed
    Image.fromarray(np.zeros((80, 96), np.uint8)).save(folder / "labels/1.png")
    assert run(command.words, folder).status == 0
    anew = fresh()
    shutil.copy(folder / "labels/1.png", anew / "labels/1.png")
    assert run(command.words, anew).status == 0
    assert held_in(folder / "out.json") == held_in(anew / "out.json")


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors",
                                  "pointsam.yaml"])  # fmt: skip
def test_a_flipped_bit_of_an_adapter_is_seen(name, fresh, small_model, tmp_path):
    folder, random = fresh(), Random(zlib.crc32(name.encode()))
    assert run(COMMANDS["train"].words, folder).status == 0
    words = "predict --images images --points points.json --output masks --adapter out".split()
    assert run(words, folder).status == 0
    expected = held_in(folder / "masks")
    content = (folder / "out" / name).read_bytes()
    for _ in range(40 if EVERY else 2):
        shutil.rmtree(folder / "masks", ignore_errors=True)
        (folder / "out" / name).write_bytes(flipped(content, random))
        met = run(words, folder)
        same = met.status == 0 and held_in(folder / "masks") == expected
        assert met.refused or same, f"{name}: {met.status} {met.said}"
