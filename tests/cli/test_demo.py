import json

import pytest

from pointsam.cli.demo import DemoPlan, demonstrate
from pointsam.cli.main import main
from pointsam.data.synthetic.scenes import write_scenes


def without_training_masks(*args, **kwargs):
    """Draw the set, then take away what training has no business with."""
    train, val = write_scenes(*args, **kwargs)
    train.annotations.unlink()
    return train, val


def test_it_leaves_scores_adapter_and_figure_and_trains_without_masks(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("pointsam.cli.demo.write_scenes", without_training_masks)
    output = tmp_path / "demo"
    before, after = demonstrate(
        DemoPlan(output, seed=3, device="cpu", train_images=2, val_images=1, size=128, side=128)
    )
    assert before.mean("iou") != after.mean("iou")
    assert len(after.images) == 1
    for name, scores in (("before", before), ("after", after)):
        written = json.loads((output / name / "scores.json").read_text())
        assert written["iou"] == pytest.approx(100 * scores.mean("iou"), abs=1e-3)
    assert (output / "adapter" / "adapter_model.safetensors").is_file()
    assert (output / "figure.png").is_file()
    table = capsys.readouterr().out
    assert "held-out part: 1 images" in table
    assert f"{100 * after.mean('iou'):.1f}" in table


def test_an_output_with_something_in_it_is_refused(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["demo", "--output", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "exists already" in message
    assert "move or delete this one" in message
