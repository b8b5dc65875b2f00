"""Training on labels: what is learned from, what is clicked, and how much each mask counts."""

import json
from dataclasses import replace

import pytest
import torch
from tests.models.tiny_models import small_mobile_sam
from tests.training.drawn import SIDE, settings, stir, trainer, view, write_dataset

from pointsam.data.coco.annotations import read_coco
from pointsam.data.dataset import folder_images
from pointsam.errors import InputError
from pointsam.frames import ModelFrame
from pointsam.models.adapters.card import read_card
from pointsam.prompts import NEGATIVE, POSITIVE, Prompts
from pointsam.training.label_stage import label_folder, on_labels, with_labels
from pointsam.training.moved_clicks import move_clicks
from pointsam.training.recipes import LABELS_RECIPE
from pointsam.training.run import RunInputs, run_training
from pointsam.training.setup import make_views

FRAME = ModelFrame((96, 128), SIDE)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def labels_of(count=30):
    masks = torch.zeros(count, 32, 32, dtype=torch.bool)
    masks[:, 4:8, 10:20] = True
    return masks


def clicked(count=30):
    return Prompts.from_rows([[(1.0, 1.0, 1), (90.0, 90.0, 0)]] * count)


def test_moved_clicks_lie_on_the_label_and_others_off_it():
    moved = move_clicks(clicked(), labels_of(), FRAME, share=1.0, generator=generator())
    cells = (moved.points / 4).long()
    for row, labels in zip(cells, moved.labels, strict=True):
        for (x, y), label in zip(row.tolist(), labels.tolist(), strict=True):
            inside = 10 <= x < 20 and 4 <= y < 8
            if label == POSITIVE:
                assert inside
            if label == NEGATIVE:
                assert not inside
                assert y < 24  # on the image, not on the padding below
    positives = (moved.labels == POSITIVE).sum(dim=1)
    assert set(positives.tolist()) == {1, 2, 3}
    assert len(moved.points[moved.labels == POSITIVE].unique(dim=0)) > 20


def test_a_share_of_the_objects_keeps_the_annotators_clicks():
    moved = move_clicks(clicked(), labels_of(), FRAME, share=0.5, generator=generator())
    kept = (moved.points[:, 0] == 1.0).all(dim=1)
    assert 5 < int(kept.sum()) < 25
    unmoved = move_clicks(clicked(), labels_of(), FRAME, share=0.0, generator=generator())
    assert torch.equal(unmoved.points, clicked().points)


def test_an_object_without_a_label_keeps_its_clicks():
    nothing = torch.zeros(2, 32, 32, dtype=torch.bool)
    moved = move_clicks(clicked(2), nothing, FRAME, share=1.0, generator=generator())
    assert torch.equal(moved.labels, clicked(2).labels)


def make(**values):
    model = {"side": SIDE, "adapt": ["query-value"]}
    chosen = settings(regime="supervised", model=model, loss={"prototype": 0.0}, **values)
    built = trainer(small_mobile_sam().to(torch.float64), chosen)
    stir(built)
    return built


def gradient(built, given):
    built.step([given], measured=False)
    return torch.cat([p.grad.flatten() for p in built.adapter.parameters()])


def trusted(given, weights):
    return replace(given, sample=replace(given.sample, weights=weights))


def test_a_label_counts_by_the_trust_in_it():
    built, given = make(), view(1, 3)
    whole = gradient(built, given)
    torch.testing.assert_close(gradient(built, trusted(given, (1.0, 1.0, 1.0))), whole)
    torch.testing.assert_close(gradient(built, trusted(given, (0.5, 0.5, 0.5))), whole / 2)
    without = gradient(built, trusted(given, (1.0, 0.0, 1.0)))
    kept = torch.tensor([0, 2])
    alone = replace(
        given,
        sample=replace(given.sample, prompts=given.sample.prompts[kept], weights=(1.0, 1.0)),
        cover=given.cover[kept],
    )
    torch.testing.assert_close(without, gradient(built, alone))


def test_views_of_labels_move_clicks_and_keep_some_colours(tmp_path):
    data, images, _ = write_dataset(tmp_path)
    square = {"segmentation": [[4, 4, 14, 4, 14, 14, 4, 14]], "weight": 0.5}
    records = [
        replace(r, instances=tuple(replace(i, **square) for i in r.instances)) for r in data.images
    ]
    plain = settings(regime="labels", data={"strong_share": 0.0, "moved_clicks": 0.0})
    one = make_views(records, folder_images(images), plain, stride=16)(0, 0)
    assert torch.equal(one.strong_pixels, one.sample.pixels)
    assert one.sample.weights == (0.5, 0.5, 0.5)
    moved = settings(regime="labels", data={"strong_share": 1.0, "moved_clicks": 1.0})
    other = make_views(records, folder_images(images), moved, stride=16)(0, 0)
    assert not torch.equal(other.strong_pixels, other.sample.pixels)
    assert not torch.equal(other.sample.prompts.points[:, 0], one.sample.prompts.points[:, 0])
    again = make_views(records, folder_images(images), moved, stride=16)(0, 0)
    assert torch.equal(again.sample.prompts.points, other.sample.prompts.points)


def test_the_recipe_of_labels_gives_way_to_what_is_given():
    usual = settings(regime="labels")
    assert usual.model.rank == LABELS_RECIPE["model"]["rank"]
    assert usual.loss.prototype == 0
    given = settings(regime="labels", model={"side": SIDE, "rank": 2}, loss={"prototype": 0.3})
    assert (given.model.rank, given.model.alpha, given.loss.prototype) == (2, 32, 0.3)
    assert settings(regime="pointsam").model.rank == 4


@pytest.fixture
def inputs(tmp_path):
    data, images, _ = write_dataset(tmp_path)
    return RunInputs(data, folder_images(images), {"points.json": "hash"}, tmp_path / "out")


def short():
    return settings(
        regime="labels",
        model={"side": SIDE, "adapt": ["decoder"], "rank": 2},
        schedule={"min_steps": 3, "epochs": 0.1},
    )


def test_a_run_from_clicks_labels_first_and_learns_then(inputs):
    labelled = with_labels(inputs, short())
    folder = label_folder(inputs.output)
    masks = read_coco(folder / "labels.json")
    assert masks.instance_count + len(masks.dropped) == inputs.data.instance_count
    assert all(i.weight > 0 and i.segmentation for r in labelled.data.images for i in r.instances)
    run_training(labelled, short())
    card = read_card(inputs.output)
    assert card.data["steps"] == 3
    assert "labels.json" in card.data["sources"]
    assert 0 <= card.scores["seen_adapted_agreeing"] <= 1
    assert (inputs.output / "figures" / "seen.png").is_file()


def test_labels_that_are_there_are_not_made_again(inputs, monkeypatch):
    first = with_labels(inputs, short())
    monkeypatch.setattr("pointsam.labelling.labels.find_candidates", None)
    assert with_labels(inputs, short()).sources == first.sources
    with pytest.raises(InputError, match="other images or point file: go on"):
        with_labels(replace(inputs, sources={"points.json": "another"}), short())


def test_rejected_labels_are_not_learned(inputs):
    with_labels(inputs, short())
    path = label_folder(inputs.output) / "labels.json"
    content = json.loads(path.read_text())
    for entry in content["annotations"]:
        entry["label_weight"] = 0.0
    content["annotations"][0]["label_weight"] = 0.7
    path.write_text(json.dumps(content))
    [record] = on_labels(inputs, path).data.images
    assert [i.weight for i in record.instances] == [0.7]
    content["annotations"][0]["label_weight"] = 0
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="no label is accepted"):
        on_labels(inputs, path)
    content["annotations"][0]["label_weight"] = 7
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="label_weight 7 is no number"):
        on_labels(inputs, path)


def test_soft_edges_learn_the_cover_and_hard_ones_the_masks():
    built, given = make(), view(1, 2)
    half = replace(given, cover=given.cover * 0.6)  # the same pixels over half covered
    hard = gradient(built, given)
    torch.testing.assert_close(gradient(built, half), hard)
    soft = replace(built, soft_edges=True)
    assert not torch.allclose(gradient(soft, half), gradient(soft, given))
