import errno
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.training.drawn import settings, write_dataset

from pointsam.data.dataset import folder_images
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.models import encoding
from pointsam.models.adapters.card import read_card
from pointsam.models.cache import FeatureCache
from pointsam.models.loading.checkpoints import load_adapter, load_segmenter
from pointsam.training.collapse_monitor import CollapseMonitor, RunCollapsedError
from pointsam.training.log import RunLog, read_log
from pointsam.training.run import RunInputs, run_training
from pointsam.training.settings import read_settings
from pointsam.training.starting import start_from
from pointsam.training.state import TrainState


@pytest.fixture
def inputs(tmp_path: Path) -> RunInputs:
    data, images, _ = write_dataset(tmp_path)
    return RunInputs(data, folder_images(images), {"points.json": "hash"}, tmp_path / "out")


def elsewhere(inputs: RunInputs, name: str) -> RunInputs:
    return RunInputs(inputs.data, inputs.images, inputs.sources, inputs.output.parent / name)


def losses(folder: Path) -> list[list[str]]:
    """All of the log but the wall times."""
    rows = read_log(folder)
    return [[v for k, v in row.items() if not k.startswith("seconds")] for row in rows]


@pytest.mark.parametrize("regime", ["pointsam", "self-training"])
def test_resumed_run_equals_the_unbroken_one_to_the_bit(inputs, monkeypatch, regime):
    chosen = settings(regime=regime)
    run_training(inputs, chosen, save_every=3)

    broken = elsewhere(inputs, "broken")
    write = RunLog.write

    def killed(self, progress):
        if progress.step == 4:
            raise KeyboardInterrupt
        write(self, progress)

    monkeypatch.setattr(RunLog, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        run_training(broken, chosen, save_every=3)
    monkeypatch.setattr(RunLog, "write", write)
    run_training(broken, chosen, save_every=3, resume=True)

    assert len(losses(inputs.output)) == 8
    assert losses(broken.output) == losses(inputs.output)
    weights = "adapter_model.safetensors"
    assert (broken.output / weights).read_bytes() == (inputs.output / weights).read_bytes()


def test_a_run_keeps_the_precision_it_began_with_on_another_machine(inputs, monkeypatch):
    chosen = settings(precision="auto", schedule={"epochs": 1})
    monkeypatch.setattr(encoding, "multiplies_bfloat16", lambda device: True)
    run_training(inputs, chosen)
    assert read_settings(inputs.output / "settings.yaml")["precision"] == "bfloat16"
    assert read_card(inputs.output).settings["precision"] == "bfloat16"
    monkeypatch.setattr(encoding, "multiplies_bfloat16", lambda device: False)
    run_training(inputs, chosen, resume=True)
    with pytest.raises(InputError, match="over other images, points or settings"):
        run_training(inputs, settings(precision="float32", schedule={"epochs": 1}), resume=True)
    other = elsewhere(inputs, "other")
    run_training(other, chosen)
    assert read_settings(other.output / "settings.yaml")["precision"] == "float32"


def test_same_seed_same_adapter_other_seed_another(inputs):
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = elsewhere(inputs, name)
        run_training(out, settings(seed=seed))
        weights.append((out.output / "adapter_model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_result_is_a_folder_that_loads_and_says_what_it_is(inputs):
    run_training(inputs, settings())
    card = read_card(inputs.output)
    assert (card.family, card.side, card.rank, card.first_block) == ("mobile_sam", 128, 4, 2)
    assert card.data["images"] == 4
    assert card.data["instances"] == 12
    assert card.data["steps"] == 8
    adapter = load_adapter(load_segmenter("mobile_sam", side=128), inputs.output)
    assert any(p.any() for n, p in adapter.named_parameters().items() if "lora_B" in n)
    assert (inputs.output / "figures" / "epoch-002.png").is_file()
    assert (inputs.output / "target_prototypes.safetensors").is_file()


def test_existing_output_is_refused(inputs):
    inputs.output.mkdir()
    (inputs.output / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="exists already"):
        run_training(inputs, settings())
    assert [p.name for p in inputs.output.iterdir()] == ["thesis.txt"]


def test_resume_of_other_data_is_refused(inputs):
    run_training(inputs, settings())
    fewer = RunInputs(Dataset(inputs.data.images[:2]), inputs.images, inputs.sources, inputs.output)
    with pytest.raises(InputError, match="over other images, points or settings"):
        run_training(fewer, settings(), resume=True)


def test_resume_of_nothing_is_refused(inputs):
    with pytest.raises(FileNotFoundError, match="without --resume"):
        run_training(inputs, settings(), resume=True)


def test_no_instances_is_refused_by_name(inputs):
    empty = RunInputs(Dataset(()), inputs.images, {}, inputs.output)
    with pytest.raises(InputError, match="nothing to train on"):
        run_training(empty, settings())


def test_collapse_stops_the_run_and_keeps_the_last_good_adapter(inputs, monkeypatch):
    good = elsewhere(inputs, "good")
    chosen = settings(monitor={"interval": 1, "window": 2})
    run_training(good, chosen)

    # From the third step on, the measurement says that the masks have withered.
    add = CollapseMonitor.add
    seen = []

    def withered(self, measurement):
        seen.append(measurement)
        add(self, replace(measurement, agreement=0.0) if len(seen) > 2 else measurement)

    monkeypatch.setattr(CollapseMonitor, "add", withered)
    with pytest.raises(RunCollapsedError, match="holds the last good adapter"):
        run_training(inputs, chosen, save_every=1)
    assert read_card(inputs.output).data["steps"] == 2
    assert len(read_log(inputs.output)) < len(read_log(good.output))


def test_supervised_run_learns_the_drawn_masks(tmp_path):
    from tests.training.drawn import sample

    from pointsam.data.coco.masks import to_rle
    from pointsam.data.records import ImageRecord, InstanceRecord

    data, images, _ = write_dataset(tmp_path)
    records = []
    for record in data.images:
        masks = sample(record.id, 3).masks
        instances = tuple(
            InstanceRecord(i.id, i.category, i.points, to_rle(mask.numpy()))
            for i, mask in zip(record.instances, masks, strict=True)
        )
        records.append(ImageRecord(record.id, record.file_name, record.size, instances))
    out = RunInputs(
        Dataset(tuple(records), ("square",)), folder_images(images), {}, tmp_path / "out"
    )
    run_training(out, settings(regime="supervised", schedule={"epochs": 8, "warmup_epochs": 0}))
    dice = [float(row["loss dice"]) for row in read_log(out.output)]
    assert sum(dice[-4:]) < sum(dice[:4])


def test_state_survives_a_truncated_file(inputs):
    run_training(inputs, settings())
    weights = (inputs.output / "adapter_model.safetensors").read_bytes()
    path = inputs.output / "state.pt"
    path.write_bytes(path.read_bytes()[:1000])
    run_training(inputs, settings(), resume=True)  # from the state before
    assert (inputs.output / "adapter_model.safetensors").read_bytes() == weights
    for name in ("state.pt", "state.previous.pt"):
        path = inputs.output / name
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="damaged"):
        run_training(inputs, settings(), resume=True)


def test_saved_state_holds_no_code(inputs):
    run_training(inputs, settings())
    assert torch.load(inputs.output / "state.pt", weights_only=True)["step"] == 8


def test_cached_runs_in_float32_equal_the_uncached_one_to_the_bit(inputs, tmp_path):
    run_training(inputs, settings(data={"views": 2}, schedule={"epochs": 4}))
    cache = FeatureCache(tmp_path / "cache", max_bytes=10**9, dtype=torch.float32)
    for name in ("filling", "reading"):
        cached = replace(elsewhere(inputs, name), cache=cache)
        run_training(cached, settings(data={"views": 2}, schedule={"epochs": 4}))
        assert losses(cached.output) == losses(inputs.output)
    # 4 images, 2 views, 2 looks, but two views may look the same; prototypes use the weak ones
    assert 8 < cache.use().entries <= 16


def test_cached_runs_in_float16_start_with_nearly_the_same_gradient(inputs, tmp_path):
    run_training(inputs, settings())
    cached = replace(
        elsewhere(inputs, "cached"), cache=FeatureCache(tmp_path / "c", max_bytes=10**9)
    )
    run_training(cached, settings())
    for term in ("focal", "dice", "iou"):
        exact, rounded = (
            float(read_log(run.output)[0][f"gradient {term}"]) for run in (inputs, cached)
        )
        assert rounded == pytest.approx(exact, rel=0.05)


def test_a_run_with_rounded_features_goes_on_with_them_alone(inputs, tmp_path):
    cached = replace(inputs, cache=FeatureCache(tmp_path / "c", max_bytes=10**9))
    run_training(cached, settings())
    with pytest.raises(InputError, match=r"changed: --cache, whose features are rounded"):
        run_training(inputs, settings(), resume=True)
    run_training(cached, settings(), resume=True)


def test_a_memory_bank_that_cannot_fill_warns(inputs, caplog):
    run_training(inputs, settings(prototypes={"bank": 128, "min_clusters": 2, "images": 4}))
    assert "memory bank of 128 point features can't fill: the run sees about 24" in caplog.text


def test_a_full_disk_at_the_start_leaves_nothing(inputs, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TrainState, "save", full)
    with pytest.raises(OSError, match="No space left"):
        run_training(inputs, settings())
    assert sorted(p.name for p in inputs.output.parent.iterdir()) == ["images", "points.json"]


def test_training_on_from_an_adapter_begins_where_it_ended(inputs):
    run_training(inputs, settings())
    start = start_from(inputs.output)
    further = replace(elsewhere(inputs, "further"), start=start)
    run_training(further, settings(schedule={"epochs": 2, "lr": 1e-12}))
    first, second = (
        load_file(run.output / "adapter_model.safetensors") for run in (inputs, further)
    )
    assert first.keys() == second.keys()
    assert all(torch.allclose(first[name], second[name], atol=1e-6) for name in first)
    assert any(tensor.any() for name, tensor in second.items() if "lora_B" in name)
    card = read_card(further.output)
    assert card.started_from == {"name": "out", "weights": start.weights_hash}
    with pytest.raises(InputError, match="belongs to a run over other images"):
        run_training(
            replace(further, start=None), settings(schedule={"epochs": 2, "lr": 1e-12}), resume=True
        )


def test_an_adapter_of_other_sizes_is_not_trained_on(inputs):
    run_training(inputs, settings())
    further = replace(elsewhere(inputs, "further"), start=start_from(inputs.output))
    other = settings(model={**settings().model.model_dump(), "rank": 1})
    with pytest.raises(InputError, match=r"the adapter has rank 4, but the settings say 1"):
        run_training(further, other)
    assert not further.output.exists()
