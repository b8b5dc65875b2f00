"""The verdict of a run: what clicks say of the adapted model, in one clear line if it is worse."""

from dataclasses import fields, replace

import pytest
import torch
from tests.models.tiny_models import small_mobile_sam
from tests.training.drawn import SIDE, sample, settings, stir, trainer, write_dataset

from pointsam.cli.main import main
from pointsam.data.dataset import folder_images
from pointsam.evaluation.held_out import Answer, HeldOut, Looked
from pointsam.training.result import AdapterWriter
from pointsam.training.verdict import Verdict, energies, look_back, weigh


def found(**values):
    numbers = {field.name: 0.5 for field in fields(HeldOut)}
    return HeldOut(**numbers | {"images": 3, "instances": 6} | values)


BETTER = {"adapted_agreeing": 0.6, "adapted_energy": -1.0, "adapted_steadiness": 0.7}
WORSE = {"adapted_agreeing": 0.4, "adapted_energy": 1.0, "adapted_steadiness": 0.2}


@pytest.mark.parametrize(
    ("turned", "worse"),
    [
        ([], False),
        (["adapted_agreeing"], True),
        (["adapted_energy"], False),
        (["adapted_steadiness"], False),
        (["adapted_energy", "adapted_steadiness"], True),
    ],
)
def test_a_run_is_worse_by_its_clicks_or_by_both_other_voices(turned, worse):
    numbers = BETTER | {name: WORSE[name] for name in turned}
    told = Verdict(found(**numbers), held_out=True)
    assert told.worse is worse
    assert ("worse than the frozen model" in str(told)) is worse
    assert "3 held-out images" in str(told)
    assert "\n" not in str(told)


def looked(drawn, record, *, grown):
    """The true squares direct; adapted, those that are `grown` on all sides."""
    masks = [torch.zeros(len(drawn.prompts), 32, 32) for _ in range(2)]
    for index, (x, y) in enumerate((p[0] / 4).long().tolist() for p in drawn.prompts.points):
        for place, by in enumerate((0, grown)):
            rows = slice(max(y - 1 - by, 0), y + 2 + by)
            masks[place][index, rows, max(x - 1 - by, 0) : x + 2 + by] = 1
    answers = [Answer(2 * mask - 1, torch.ones(len(mask)), mask > 0, mask > 0) for mask in masks]
    return Looked(record, drawn, *answers)


def test_masks_that_run_into_other_clicks_and_sizes_have_a_higher_energy(tmp_path):
    data, images, _ = write_dataset(tmp_path, images=2, instances=8)

    def energy(grown):
        rows = [looked(sample(r.id, 8), r, grown=grown) for r in data.images]
        return energies([weigh(row, folder_images(images)) for row in rows])

    direct, adapted = energy(0)
    assert direct == pytest.approx(adapted)
    direct, adapted = energy(3)
    assert adapted > direct + 1


def judged(folder, *, spoil):
    """The verdict on a model whose adapter is spoiled, or not trained at all."""
    data, images, _ = write_dataset(folder, images=2)
    chosen = settings(regime="labels", model={"side": SIDE, "adapt": ["decoder"], "rank": 2})
    model = small_mobile_sam()
    writer = AdapterWriter.for_run(folder / "out", model, chosen, data.images, {})
    built = trainer(model, chosen)
    if spoil:
        stir(built, adapt=("decoder",))
        built.adapter.load_state({n: 30 * v for n, v in built.adapter.state().items()})
    built.average.state = {n: v.clone() for n, v in built.adapter.state().items()}
    writer.save(built, step=1)
    return look_back(built, writer, folder_images(images), held_out=(), learned=data.images)


def test_an_adapter_that_changes_nothing_is_not_called_worse(tmp_path, caplog):
    told = judged(tmp_path, spoil=False)
    assert told.found.direct_energy == pytest.approx(told.found.adapted_energy)
    assert not told.worse
    assert not caplog.records


def test_a_run_that_ends_below_the_frozen_model_says_so_in_one_line(tmp_path, caplog, monkeypatch):
    told = judged(tmp_path, spoil=True)
    below = replace(told.found, direct_agreeing=0.9, adapted_agreeing=0.2)
    monkeypatch.setattr("pointsam.training.verdict.compare", lambda *_, **__: below)
    caplog.clear()
    judged(tmp_path / "again", spoil=True)
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "worse than the frozen model" in record.message
    assert "90.0 -> 20.0 %" in record.message


def test_the_command_ends_with_the_verdict(tmp_path, capsys, caplog):
    _, images, points = write_dataset(tmp_path, images=2)
    words = ["train", "--images", str(images), "--points", str(points), "--device", "cpu"]
    words += ["--side", str(SIDE), "--rank", "2", "--epochs", "0.5"]
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    assert "judged by the clicks of" in capsys.readouterr().out + caplog.text
