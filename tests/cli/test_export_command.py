"""``pointsam export`` and ``pointsam adapters``, from the command line."""

import json

import pytest
import torch
from tests.prediction.some_adapter import SIDE, save_some_adapter

from pointsam.cli.main import main
from pointsam.models.loading.checkpoints import load_adapter, load_segmenter


@pytest.fixture(scope="module")
def adapter_folder(tmp_path_factory):
    return save_some_adapter(tmp_path_factory.mktemp("runs") / "roofs")


def refused(capsys, *arguments):
    assert main([str(argument) for argument in arguments]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


def test_a_checkpoint_holds_the_merged_model(adapter_folder, tmp_path, capsys):
    path = tmp_path / "roofs.pt"
    assert main(["export", "--to", "checkpoint", "--adapter", str(adapter_folder),
                 "--output", str(path)]) == 0  # fmt: skip
    assert f"checkpoint: {path}" in capsys.readouterr().out
    written = load_segmenter(str(path), side=SIDE).state_dict()
    base = load_segmenter("mobile_sam", side=SIDE)
    plain = {name: tensor.clone() for name, tensor in base.state_dict().items()}
    merged = load_adapter(base, adapter_folder).merge().state_dict()
    assert all(torch.allclose(written[name], merged[name]) for name in merged)
    assert any(not torch.equal(written[name], plain[name]) for name in plain)


def test_options_of_the_other_format_are_refused(adapter_folder, tmp_path, capsys):
    checkpoint = ["export", "--to", "checkpoint", "--output", tmp_path / "a.pt"]
    assert "--weights: for ONNX alone" in refused(capsys, *checkpoint, "--weights", "int8")
    onnx = ["export", "--to", "onnx", "--output", tmp_path / "a"]
    assert "--memory-from: for --to checkpoint" in refused(
        capsys, *onnx, "--memory-from", "sam2.pt"
    )
    assert "cannot be part of a file's name" in refused(capsys, *onnx, "--name", "a/b")
    assert "is no adapter folder" in refused(capsys, *onnx, "--adapter", tmp_path)


def test_adapters_are_listed_with_what_they_are(adapter_folder, capsys):
    broken = adapter_folder.parent / "broken"
    broken.mkdir(exist_ok=True)
    (broken / "pointsam.yaml").write_text("a: [")
    assert main(["adapters", str(adapter_folder.parent)]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["adapter", "base", "side", "rank"]
    assert rows[0].startswith("broken")
    assert "not an adapter's card" in rows[0]
    assert rows[1].split()[:4] == ["roofs", "mobile_sam", str(SIDE), "2"]
    assert main(["adapters", str(adapter_folder), "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert (found["base"], found["rank"], found["fault"]) == ("mobile_sam", 2, "")


def test_linked_adapters_are_listed_once(adapter_folder, tmp_path, capsys):
    root = tmp_path / "mine"
    (root / "own").mkdir(parents=True)
    (root / "own" / "up").symlink_to(root)
    (root / "linked").symlink_to(adapter_folder)
    (root / "again").symlink_to(adapter_folder)
    assert main(["adapters", str(root), "--json"]) == 0
    assert [one["folder"] for one in json.loads(capsys.readouterr().out)] == [str(root / "again")]


def test_a_folder_without_adapters_is_refused(tmp_path, capsys):
    assert "no adapter in" in refused(capsys, "adapters", tmp_path)
    assert "is no folder" in refused(capsys, "adapters", tmp_path / "nothing")
