from dataclasses import replace

import pytest
import torch
from tests.models.tiny_models import small_mobile_sam, small_segmenter
from tests.training.drawn import settings, stir, trainer, view, without_masks, write_dataset
from tests.training.waiting import counted_waits

from pointsam.data.dataset import folder_images
from pointsam.training import pseudo_labels
from pointsam.training.collapse_monitor import CollapseMonitor
from pointsam.training.loop import make_optimizer, train
from pointsam.training.schedule import Schedule
from pointsam.training.setup import make_views

TRUSTING = settings(
    teacher={"weights": "average"},
    data={"batch_size": 2},
    monitor={"interval": 100},
    prototypes={"bank": 4, "min_clusters": 2, "interval": 100},
)


@pytest.fixture
def trusting(monkeypatch):
    """A teacher that believes all masks, whatever a model with drawn weights says of them."""
    monkeypatch.setattr(
        pseudo_labels,
        "agree_with_clicks",
        lambda masks, prompts: masks.new_ones(len(masks), dtype=torch.bool),
    )
    teacher = TRUSTING.teacher.model_copy(update={"min_iou_prediction": -1000.0})
    return TRUSTING.model_copy(update={"teacher": teacher})


@pytest.mark.parametrize("family", ["mobile_sam", "sam", "sam_hq", "sam2"])
def test_a_step_waits_for_rivals_and_for_what_is_accepted_and_for_nothing_else(trusting, family):
    built = trainer(small_segmenter(family), trusting)
    stir(built)
    built.regularizer.push(torch.randn(4, 256))
    steps = train(
        built,
        make_optimizer(built.adapter.parameters(), trusting.schedule),
        lambda index, epoch: without_masks(view(index, 2 + index)),
        Schedule(4, 2, trusting.schedule, trusting.seed),
        CollapseMonitor(trusting.monitor),
        clip_norm=trusting.schedule.clip_norm,
    )
    next(steps)
    with counted_waits(built.model) as places:
        report = next(steps).report
        waited = list(places)
        assert report.losses["focal"] > 0
        assert report.losses["prototype"] > 0
        assert report.accepted == report.instances > 0
    images = 2
    assert waited == ["cpu in decode_jointly"] * images + ["cpu in _targets"]
    # The numbers of the report come over together, when they are asked for.
    assert places[len(waited) :] == ["tolist in _numbers"]


def test_what_would_wait_is_counted():
    model = small_mobile_sam()
    weight = next(model.parameters())
    with counted_waits(model) as places:
        result = weight.detach().sum() * 2
        float(result)
        weight[weight > 0]
        weight.flatten()[:3].tolist()
        float(torch.ones(3).sum())
        torch.ones(3)[torch.ones(3) > 0].tolist()
        float(result.cpu())
    assert places == ["_local_scalar_dense", "index", "tolist", "cpu"]


def test_views_for_a_gpu_are_pinned(tmp_path, monkeypatch):
    data, images, _ = write_dataset(tmp_path)
    moved = []

    def pin_memory(tensor):
        moved.append(tensor.shape)
        return tensor.clone()

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    plain = make_views(data.images, folder_images(images), TRUSTING, stride=16)
    pinned = replace(plain, pinned=True)
    one, other = plain(0, 0), pinned(0, 0)
    assert moved == [one.sample.pixels.shape, one.strong_pixels.shape]
    assert torch.equal(one.sample.pixels, other.sample.pixels)
    assert torch.equal(one.strong_pixels, other.strong_pixels)
