"""Background: where no object is, the model's own estimate of a mask is trained towards 0."""

from dataclasses import replace

import pytest
import torch
from tests.models.tiny_models import small_mobile_sam
from tests.training.drawn import SIDE, settings, stir, trainer, view, write_dataset

from pointsam.data.dataset import folder_images
from pointsam.frames import ModelFrame
from pointsam.models.segment import segment
from pointsam.prompts import POSITIVE, Prompts
from pointsam.training.label_stage import make_labels, on_labels
from pointsam.training.losses import background_loss
from pointsam.training.moved_clicks import BACKGROUND_CLICKS, background_clicks
from pointsam.training.run import RunInputs
from pointsam.training.setup import make_views

FRAME = ModelFrame((96, 128), SIDE)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def labels_of():
    masks = torch.zeros(2, 32, 32, dtype=torch.bool)
    masks[0, 4:8, 10:20] = True
    masks[1, 12:20, 2:9] = True
    return masks


def test_background_clicks_lie_on_the_image_and_clear_of_all_labels():
    near = torch.zeros(32, 32, dtype=torch.bool)
    near[2:10, 8:22] = near[10:22, 0:11] = True
    seen = set()
    for seed in range(60):
        clicks = background_clicks(labels_of(), FRAME, generator=generator(seed))
        assert clicks.labels.tolist() == [[POSITIVE]] * BACKGROUND_CLICKS
        for col, row in (clicks.points[:, 0] / 4).long().tolist():
            assert not near[row, col]
            assert row < 24  # on the image, not on the padding below
            seen.add((row, col))
    assert len(seen) > 100


def test_an_image_full_of_labels_has_no_background():
    full = torch.ones(1, 32, 32, dtype=torch.bool)
    assert background_clicks(full, FRAME, generator=generator()) is None


def test_the_loss_of_background_is_the_squared_estimate_with_a_gradient():
    estimate = torch.tensor([0.5, -0.2], dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(background_loss(estimate), estimate.detach() ** 2)
    assert torch.autograd.gradcheck(background_loss, (estimate,))
    assert background_loss(torch.tensor([200.0], dtype=torch.float16)).item() == 40000


def make(weight):
    chosen = settings(
        regime="supervised",
        model={"side": SIDE, "adapt": ["decoder"]},
        loss={"prototype": 0.0, "background": weight},
    )
    built = trainer(small_mobile_sam(), chosen)
    stir(built, adapt=("decoder",))
    return built


def off_objects():
    rows = [[(x, 80.0, 1)] for x in (20.0, 60.0, 100.0, 110.0, 30.0)]
    return Prompts.from_rows(rows)


def estimates(built, given, prompts):
    with torch.no_grad():
        return segment(built.model, given.sample.pixels, prompts).iou_prediction


def test_steps_lower_the_estimate_off_objects():
    built, given = make(5.0), replace(view(1, 3), background=off_objects())
    assert "background" in built.step([given], measured=True).losses
    before = estimates(built, given, off_objects()).abs().mean()
    optimizer = torch.optim.Adam(built.adapter.parameters(), lr=3e-3)
    plain = replace(given, strong_pixels=given.sample.pixels)
    for _ in range(15):
        built.step([plain], measured=False)
        optimizer.step()
    assert estimates(built, given, off_objects()).abs().mean() < before / 2


def test_the_term_is_the_mean_over_the_prompts_and_switched_off_by_its_weight():
    built, given = make(2.0), replace(view(1, 3), background=off_objects())
    report = built.step([given, view(2, 3)], measured=True)
    strong = replace(given, sample=replace(given.sample, pixels=given.strong_pixels))
    mean = estimates(built, strong, off_objects()).square().mean()
    assert report.losses["background"] == pytest.approx(2.0 * mean.item() / 2, rel=1e-4)
    assert report.gradient_norms["background"] > 0
    without = make(0.0).step([given], measured=True)
    assert "background" not in without.losses


def test_only_images_whose_objects_are_all_known_have_background(tmp_path):
    data, images, _ = write_dataset(tmp_path, images=3)
    inputs = RunInputs(data, folder_images(images), {"points.json": "hash"}, tmp_path / "out")
    chosen = settings(
        regime="labels",
        model={"side": SIDE, "adapt": ["decoder"], "rank": 2},
        loss={"background": 1.0},
        data={"background_share": 1.0},
    )
    labelled = on_labels(inputs, make_labels(inputs, chosen))
    known = [replace(r, instances=r.instances[:1]) for r in labelled.data.images]
    views = make_views(known, inputs.images, chosen, stride=16, unclear={known[0].file_name})
    assert views(0, 0).background is None
    assert len(known) == 1 or views(1, 0).background is not None
    whole = {r.file_name for r in data.images if r in labelled.data.images}
    assert not whole & labelled.unclear
    lacking = [r for r in labelled.data.images if len(r.instances) < 3]
    assert {r.file_name for r in lacking} <= labelled.unclear


def test_a_share_of_the_views_has_background_and_none_where_it_is_off(tmp_path):
    data, images, _ = write_dataset(tmp_path, images=1)
    square = [[4, 4, 14, 4, 14, 14, 4, 14]]
    records = [
        replace(r, instances=tuple(replace(i, segmentation=square) for i in r.instances))
        for r in data.images
    ]

    def shares(share, weight=1.0):
        chosen = settings(
            regime="labels", loss={"background": weight}, data={"background_share": share}
        )
        views = make_views(records, folder_images(images), chosen, stride=16)
        return sum(views(0, epoch).background is not None for epoch in range(40))

    assert shares(1.0) == 40
    assert 8 < shares(0.5) < 32
    assert shares(0.0) == 0
    assert shares(1.0, weight=0.0) == 0
